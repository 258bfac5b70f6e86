/* SPDX-License-Identifier: Apache-2.0 */
/* Files of boxes, the first of which names their brands: AVIF and HEIF. Private to this room. */
#ifndef TM_IMAGE_FTYP_H
#define TM_IMAGE_FTYP_H

#include "image/codec.h"

/* Whether the major brand is this one. */
static inline bool tm_brand_is(const unsigned char *bytes, size_t size, const char brand[static 4])
{
    return size >= TM_IMAGE_HEAD && memcmp(bytes + 4, "ftyp", 4) == 0 &&
           memcmp(bytes + 8, brand, 4) == 0;
}

/* Whether one of the brands that the file is compatible with, as far as they are there, is. */
static inline bool tm_has_brand(const unsigned char *bytes, size_t size, const char brand[static 4])
{
    if (size < TM_IMAGE_HEAD || memcmp(bytes + 4, "ftyp", 4) != 0)
        return false;
    size_t box = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
    for (size_t at = 16; at + 4 <= size && at + 4 <= box; at += 4)
        if (memcmp(bytes + at, brand, 4) == 0)
            return true;
    return false;
}

#endif
