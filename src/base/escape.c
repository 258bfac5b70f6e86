/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"

#include "base/text.h"

static void add_escaped(tm_buffer *buffer, const unsigned char *bytes, int count)
{
    char text[5];
    for (int i = 0; i < count; i++)
        tm_buffer_add(buffer, text, (size_t)tm_text_escape_byte(bytes[i], text));
}

void tm_text_escaped(tm_buffer *buffer, const char *text)
{
    bool steers;
    int length;
    for (const unsigned char *p = (const unsigned char *)text; *p; p += length) {
        length = tm_text_character(p, &steers);
        if (steers || *p == '\\')
            add_escaped(buffer, p, length);
        else
            tm_buffer_add(buffer, p, (size_t)length);
    }
}

void tm_text_lines(tm_buffer *buffer, const char *text)
{
    bool steers;
    int length;
    for (const unsigned char *p = (const unsigned char *)text; *p; p += length) {
        length = tm_text_character(p, &steers);
        if (steers && *p != '\n' && *p != '\t')
            add_escaped(buffer, p, length);
        else
            tm_buffer_add(buffer, p, (size_t)length);
    }
}
