/* SPDX-License-Identifier: Apache-2.0 */
/* A pixel of a picture, 0xRRGGBB. */
#ifndef TM_TESTS_PIXEL_H
#define TM_TESTS_PIXEL_H

#include "image/canvas.h"

static inline tm_colour at(const tm_image *canvas, int x, int y)
{
    const unsigned char *p = canvas->rgb + 3 * ((size_t)y * (size_t)canvas->width + (size_t)x);
    return (tm_colour)p[0] << 16 | (tm_colour)p[1] << 8 | p[2];
}

#endif
