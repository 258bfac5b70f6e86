/* SPDX-License-Identifier: Apache-2.0 */
/* Text on a canvas. */
#include <string.h>

#include "base/text.h"
#include "image/canvas.h"
#include "image/font.h"

_Static_assert((int)TM_TEXT_STEP == (int)TM_FONT_STEP && (int)TM_TEXT_LINE > (int)TM_FONT_ROWS,
               "characters and lines do not touch");

static void draw_glyph(tm_image *canvas, int x, int y, int scale, tm_colour colour, int glyph)
{
    for (int row = 0; row < TM_FONT_ROWS; row++)
        for (int column = 0; column < TM_FONT_COLUMNS; column++)
            if (tm_font_is_ink(glyph, column, row))
                tm_canvas_fill(canvas, (tm_box){x + column * scale, y + row * scale, scale, scale},
                               colour);
}

/* Bytes of the character there. */
static size_t bytes_of(const char *text)
{
    bool steers;
    return (size_t)tm_text_character((const unsigned char *)text, &steers);
}

static int count_characters(const char *text)
{
    int count = 0;
    for (; *text; text += bytes_of(text))
        count++;
    return count;
}

static void draw(tm_image *canvas, int x, int y, int scale, int columns, tm_colour colour,
                 const char *text)
{
    for (int i = 0; i < columns && *text; i++) {
        size_t bytes = bytes_of(text);
        unsigned character = bytes == 1 ? (unsigned char)*text : 0;
        draw_glyph(canvas, x + i * TM_TEXT_STEP * scale, y, scale, colour,
                   tm_font_glyph(character));
        text += bytes;
    }
}

void tm_canvas_text(tm_image *canvas, int x, int y, int scale, int columns, tm_colour colour,
                    const char *text)
{
    enum { DOTS = 3 };
    bool cut = count_characters(text) > columns;
    int shown = cut ? columns - DOTS : columns;
    draw(canvas, x, y, scale, shown, colour, text);
    if (cut)
        draw(canvas, x + (shown > 0 ? shown : 0) * TM_TEXT_STEP * scale, y, scale,
             columns < DOTS ? columns : DOTS, colour, "...");
}

/* Characters of the text's first line, and in *skip the bytes to the next one. */
static int break_line(const char *text, int columns, size_t *skip)
{
    int count = 0, words = 0;
    size_t bytes = 0;
    *skip = 0;
    for (; count < columns && text[bytes]; bytes += bytes_of(text + bytes), count++)
        if (strchr(" _-./", text[bytes])) {
            words = count + (text[bytes] != ' ');
            *skip = bytes + 1;
        }
    if (!text[bytes] || text[bytes] == ' ' || !words) {
        words = count;
        *skip = bytes + (text[bytes] == ' ');
    }
    return words;
}

int tm_canvas_lines(tm_image *canvas, int x, int y, int scale, int columns, int lines,
                    tm_colour colour, const char *text)
{
    int line = 0;
    for (; line < lines && *text; line++, y += TM_TEXT_LINE * scale) {
        size_t skip;
        int count = break_line(text, columns, &skip);
        if (line == lines - 1) {
            tm_canvas_text(canvas, x, y, scale, columns, colour, text);
            return lines;
        }
        draw(canvas, x, y, scale, count, colour, text);
        text += skip;
    }
    return line;
}
