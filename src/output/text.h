/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as text. What text may do to a reader: base/text.h. */
#ifndef TM_OUTPUT_TEXT_H
#define TM_OUTPUT_TEXT_H

#include "base/memory.h"

/* RFC 4648, with padding. */
void tm_base64(tm_buffer *buffer, const void *bytes, size_t count);

#endif
