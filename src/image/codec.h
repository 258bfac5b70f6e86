/* SPDX-License-Identifier: Apache-2.0 */
/* What a picture format must offer. Private to this room. */
#ifndef TM_IMAGE_CODEC_H
#define TM_IMAGE_CODEC_H

#include <string.h>

#include "image/image.h"

typedef struct tm_codec_input {
    const unsigned char *bytes;
    size_t size;
    const char *name;
    size_t max_pixels;
    bool strict; /* the first warning fails */
    int least;   /* sides may be reduced so far while it is decoded; 0: not at all */
    int copies;  /* of the pixels that will be there at once */
    tm_share *share;
} tm_codec_input;

/* What decoding takes: the pixels, and `more` bytes beside them. Waits for it, and refuses what is
 * too much. Before any allocation that depends on the picture's size. */
tm_status tm_image_claim(const tm_codec_input *in, size_t width, size_t height, size_t more,
                         tm_error *error);

/* A file is recognized by so many of its first bytes, or fewer; see tm_image_may_be. */
#define TM_IMAGE_HEAD 12

typedef struct tm_codec {
    const char *title;
    const char *endings; /* of names, with spaces between: ".tif .tiff" */
    const char *library; /* what is opened when a picture of the format is met; NULL: nothing is */
    const char *package; /* Debian's of it, or, where the build has no such library, its -dev */
    /* Whether a file begins so. What is there may be all of it, and is at least one byte. */
    bool (*begins)(const unsigned char *bytes, size_t size);
    /* Fills *out or leaves its rgb NULL; may set *orientation to the EXIF value 1..8. NULL: the
     * build has no such library. */
    tm_status (*decode)(const tm_codec_input *in, tm_image *out, int *orientation, tm_error *error);
} tm_codec;

/* Whether the bytes begin so, all of them. */
static inline bool tm_bytes_begin(const unsigned char *bytes, size_t size, const char *with,
                                  size_t length)
{
    return size >= length && memcmp(bytes, with, length) == 0;
}
#define TM_BEGINS(bytes, size, text) tm_bytes_begin(bytes, size, text, sizeof(text) - 1)

/* What an ink of CMYK leaves of the light that black lets through; as Pillow. */
static inline unsigned char tm_ink(unsigned char ink, int light)
{
    int product = ink * light + 128;
    int value = light - (((product >> 8) + product) >> 8);
    return (unsigned char)(value < 0 ? 0 : value);
}

#define TM_CODEC(id) extern const tm_codec tm_codec_##id;
#include "image/codecs.def"
#undef TM_CODEC

/* Whether bytes that begin so may be a picture; the first TM_IMAGE_HEAD of them decide. */
bool tm_image_may_be(const unsigned char *bytes, size_t size);

/* Refuses empty, too long and too many pixels; `name` as in tm_image_decode. */
tm_status tm_image_check_size(const char *name, size_t width, size_t height, size_t max_pixels,
                              tm_error *error);
/* Pixels are not initialised. */
tm_status tm_image_alloc(tm_image *image, int width, int height, tm_error *error);

/* The first value of a tag of type SHORT in the first directory of a TIFF block; -1: there is none,
 * or the block is none. */
int tm_tiff_short(const unsigned char *tiff, size_t size, unsigned tag);
/* Orientation 1..8 of a TIFF block (EXIF without its "Exif\0\0"); 1 when it states none. */
int tm_exif_orientation(const unsigned char *tiff, size_t size);
/* Turns the picture so that orientation becomes 1. */
tm_status tm_image_orient(tm_image *image, int orientation, tm_error *error);

#endif
