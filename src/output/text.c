/* SPDX-License-Identifier: Apache-2.0 */
#include "output/text.h"

#include <stdlib.h>
#include <string.h>

int tm_utf8_length(const unsigned char *text)
{
    unsigned char c = text[0], low = 0x80, high = 0xBF;
    if (c < 0x80)
        return 1;
    int length = c >= 0xC2 && c <= 0xDF   ? 2
                 : (c & 0xF0) == 0xE0     ? 3
                 : c >= 0xF0 && c <= 0xF4 ? 4
                                          : 0;
    if (c == 0xE0)
        low = 0xA0; /* overlong */
    else if (c == 0xED)
        high = 0x9F; /* surrogates */
    else if (c == 0xF0)
        low = 0x90;
    else if (c == 0xF4)
        high = 0x8F; /* above U+10FFFF */
    if (length == 0)
        return -1;
    for (int i = 1; i < length; i++) {
        if (text[i] < low || text[i] > high)
            return -i;
        low = 0x80;
        high = 0xBF;
    }
    return length;
}

bool tm_is_utf8(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        int length = tm_utf8_length(p);
        if (length < 0)
            return false;
        p += length;
    }
    return true;
}

static void escape_bytes(tm_buffer *buffer, const unsigned char *bytes, int count)
{
    static const char names[][2] = {{'\t', 't'}, {'\n', 'n'}, {'\r', 'r'}, {'\\', '\\'}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (count == 1 && bytes[0] == (unsigned char)names[i][0]) {
            tm_buffer_printf(buffer, "\\%c", names[i][1]);
            return;
        }
    for (int i = 0; i < count; i++)
        tm_buffer_printf(buffer, "\\x%02x", bytes[i]);
}

void tm_text_escaped(tm_buffer *buffer, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        int length = tm_utf8_length(p);
        bool steers = length < 0 || *p < 0x20 || *p == 0x7F || *p == '\\' ||
                      (*p == 0xC2 && p[1] < 0xA0); /* C1 */
        if (steers)
            escape_bytes(buffer, p, abs(length));
        else
            tm_buffer_add(buffer, p, (size_t)length);
        p += abs(length);
    }
}

void tm_base64(tm_buffer *buffer, const void *bytes, size_t count)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = bytes;
    for (size_t i = 0; i < count; i += 3) {
        size_t left = count - i;
        unsigned group = (unsigned)p[i] << 16 | (left > 1 ? (unsigned)p[i + 1] << 8 : 0) |
                         (left > 2 ? p[i + 2] : 0);
        char out[4] = {digits[group >> 18], digits[group >> 12 & 63],
                       left > 1 ? digits[group >> 6 & 63] : '=',
                       left > 2 ? digits[group & 63] : '='};
        tm_buffer_add(buffer, out, sizeof out);
    }
}
