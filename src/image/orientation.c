/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/codec.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_BYTES = 12 };

typedef struct tiff {
    const unsigned char *bytes;
    size_t size;
    bool big_endian;
} tiff;

static unsigned read_u16(const tiff *t, size_t at)
{
    const unsigned char *p = t->bytes + at;
    return t->big_endian ? (unsigned)p[0] << 8 | p[1] : (unsigned)p[1] << 8 | p[0];
}

static uint32_t read_u32(const tiff *t, size_t at)
{
    uint32_t first = read_u16(t, at), second = read_u16(t, at + 2);
    return t->big_endian ? first << 16 | second : second << 16 | first;
}

int tm_tiff_short(const unsigned char *bytes, size_t size, unsigned tag)
{
    if (size < 8 || (memcmp(bytes, "II*\0", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0))
        return -1;
    tiff t = {bytes, size, bytes[0] == 'M'};
    size_t directory = read_u32(&t, 4);
    if (directory > size - 2)
        return -1;
    size_t entries = read_u16(&t, directory), room = (size - directory - 2) / ENTRY_BYTES;
    for (size_t i = 0; i < entries && i < room; i++) {
        size_t entry = directory + 2 + i * ENTRY_BYTES;
        if (read_u16(&t, entry) == tag && read_u16(&t, entry + 2) == TYPE_SHORT)
            return (int)read_u16(&t, entry + 8);
    }
    return -1;
}

int tm_exif_orientation(const unsigned char *bytes, size_t size)
{
    int value = tm_tiff_short(bytes, size, TAG_ORIENTATION);
    return value >= 1 && value <= 8 ? value : 1;
}

/* The source pixel of (x, y) is at origin + x * right + y * down, counted in pixels. */
typedef struct walk {
    ptrdiff_t origin, right, down;
} walk;

static walk walk_of(int orientation, ptrdiff_t w, ptrdiff_t h)
{
    ptrdiff_t last = w * h - 1, last_column = w - 1, last_row = w * (h - 1);
    const walk walks[9] = {
        [1] = {0, 1, w},      [2] = {last_column, -1, w},
        [3] = {last, -1, -w}, [4] = {last_row, 1, -w},
        [5] = {0, w, 1},      [6] = {last_row, -w, 1},
        [7] = {last, -w, -1}, [8] = {last_column, w, -1},
    };
    return walks[orientation];
}

tm_status tm_image_orient(tm_image *image, int orientation, tm_error *error)
{
    if (orientation == 1)
        return TM_OK;
    bool turned = orientation >= 5;
    tm_image out;
    tm_status status = tm_image_alloc(&out, turned ? image->height : image->width,
                                      turned ? image->width : image->height, error);
    if (status != TM_OK)
        return status;
    walk step = walk_of(orientation, image->width, image->height);
    unsigned char *to = out.rgb;
    for (int y = 0; y < out.height; y++) {
        ptrdiff_t from = step.origin + y * step.down;
        for (int x = 0; x < out.width; x++, from += step.right, to += 3)
            memcpy(to, image->rgb + 3 * from, 3);
    }
    out.warnings = image->warnings;
    out.clipped = image->clipped;
    tm_image_free(image);
    *image = out;
    return TM_OK;
}
