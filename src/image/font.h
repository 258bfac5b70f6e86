/* SPDX-License-Identifier: Apache-2.0 */
/* The font of what is drawn. Private to this room. */
#ifndef TM_IMAGE_FONT_H
#define TM_IMAGE_FONT_H

#include <stdbool.h>

enum { TM_FONT_COLUMNS = 5, TM_FONT_STEP = 6 /* to the next glyph */, TM_FONT_ROWS = 9 };

/* The glyph of a character; of any but ASCII's printable ones a box. */
int tm_font_glyph(unsigned character);
/* x < TM_FONT_COLUMNS, y < TM_FONT_ROWS */
bool tm_font_is_ink(int glyph, int x, int y);

#endif
