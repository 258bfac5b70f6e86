/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tm_lists_text(const char *list, const char *separator, const char *item)
{
    size_t length = strlen(item), gap = strlen(separator);
    for (const char *at = list; at; at = strstr(at, separator), at = at ? at + gap : NULL)
        if (strncmp(at, item, length) == 0 &&
            (!at[length] || strncmp(at + length, separator, gap) == 0))
            return true;
    return false;
}

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

/* ---- what steers ---- */

int tm_text_character(const unsigned char *text, bool *steers)
{
    int length = tm_utf8_length(text);
    *steers = length < 0 || *text < 0x20 || *text == 0x7F ||
              (*text == 0xC2 && length == 2 && text[1] < 0xA0); /* C1 */
    return abs(length);
}

int tm_text_escape_byte(unsigned char byte, char text[static 5])
{
    static const char names[][2] = {{'\t', 't'}, {'\n', 'n'}, {'\r', 'r'}, {'\\', '\\'}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (byte == (unsigned char)names[i][0])
            return snprintf(text, 5, "\\%c", names[i][1]);
    return snprintf(text, 5, "\\x%02x", byte);
}

void tm_text_line(char *to, size_t size, const char *text)
{
    bool steers;
    int length;
    size_t used = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p; p += length) {
        char shown[16];
        int count = 0;
        length = tm_text_character(p, &steers);
        for (int i = 0; steers && i < length; i++)
            count += tm_text_escape_byte(p[i], shown + count);
        if (!steers)
            memcpy(shown, p, (size_t)(count = length));
        if ((size_t)count >= size - used)
            break;
        memcpy(to + used, shown, (size_t)count);
        used += (size_t)count;
    }
    to[used] = '\0';
}
