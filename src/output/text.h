/* SPDX-License-Identifier: Apache-2.0 */
/* Text whose bytes come from file names and files: what it may do to a reader. */
#ifndef TM_OUTPUT_TEXT_H
#define TM_OUTPUT_TEXT_H

#include "base/memory.h"

/* Length of the UTF-8 sequence at text (Unicode table 3-7), negated when it is ill-formed: then
 * that many bytes are to be replaced together. text is NUL-terminated, and no NUL continues a
 * sequence, so this never reads past the end. */
int tm_utf8_length(const unsigned char *text);
bool tm_is_utf8(const char *text);

/* The text without a byte that could steer a terminal or end a line: control characters (C0, DEL,
 * C1) and bytes that are no UTF-8 as \t, \n, \r or \xHH, and '\' as "\\", so that nothing is
 * lost. */
void tm_text_escaped(tm_buffer *buffer, const char *text);

/* RFC 4648, with padding. */
void tm_base64(tm_buffer *buffer, const void *bytes, size_t count);

#endif
