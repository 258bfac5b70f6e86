/* SPDX-License-Identifier: Apache-2.0 */
/* What the samples of a TIFF are, and how they become RGB; as Pillow. Private to this room. */
#ifndef TM_IMAGE_TIFF_PIXELS_H
#define TM_IMAGE_TIFF_PIXELS_H

#include <stdint.h>

#include "image/bytes.h"

enum { TM_TIFF_EXTRAS = 4, TM_TIFF_SAMPLES = 6 };

/* What the file's tags say. */
typedef struct tm_tiff_tags {
    bool big_endian, compressed, planes; /* planes: each sample stands apart */
    unsigned photometric, format, fill_order, bits, samples;
    unsigned extra_count, extras[TM_TIFF_EXTRAS];
} tm_tiff_tags;

typedef enum tm_tiff_kind {
    TM_TIFF_INDEX, /* up to 8 bits: of a palette, which for gray values is one of grays */
    TM_TIFF_GRAY12,
    TM_TIFF_GRAY16,
    TM_TIFF_GRAY32,
    TM_TIFF_FLOAT,
    TM_TIFF_COLOR, /* 8 or 16 bits, of which the upper 8 count */
    TM_TIFF_INKS
} tm_tiff_kind;

typedef struct tm_tiff_pixels {
    tm_tiff_kind kind;
    unsigned bits, samples;
    bool is_signed;
    bool premultiplied; /* the fourth sample is an alpha that the others were multiplied by */
    bool has_palette;   /* false: `palette` is filled here */
    tm_palette palette;
    bool clipped; /* a value was above 255 */
} tm_tiff_pixels;

/* false: pixels of a kind that is not read. */
bool tm_tiff_choose(const tm_tiff_tags *tags, tm_tiff_pixels *pixels);

/* Bytes of a row. */
size_t tm_tiff_row_bytes(const tm_tiff_pixels *pixels, size_t width);

/* A row of samples in the machine's byte order. */
void tm_tiff_row(tm_tiff_pixels *pixels, const unsigned char *row, size_t width,
                 unsigned char *rgb);

#endif
