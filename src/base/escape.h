/* SPDX-License-Identifier: Apache-2.0 */
/* Text of strangers (text.h) into a growing buffer. */
#ifndef TM_BASE_ESCAPE_H
#define TM_BASE_ESCAPE_H

#include "base/memory.h"

/* For names and values within a text: what steers as \t, \n, \r or \xHH, and '\' as "\\", so that
 * nothing is lost. */
void tm_text_escaped(tm_buffer *buffer, const char *text);

/* For a whole text on its way out: what steers as \xHH, but for the ends of lines and tabs. */
void tm_text_lines(tm_buffer *buffer, const char *text);

#endif
