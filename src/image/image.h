/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures: decode by magic bytes, resize, crop, normalise.
 *
 * The reference is Pillow 13 and timm's evaluation transform, bit for bit. Nothing is read from a
 * picture but its pixels: colour profiles, gamma, alpha and (unless asked) EXIF are ignored. Of
 * several frames the first is read.
 */
#ifndef TM_IMAGE_IMAGE_H
#define TM_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/budget.h"
#include "base/error.h"
#include "base/numbers.h"

/* Rows of R G B bytes, top row first, no padding. `rgb` comes from malloc. */
typedef struct tm_image {
    int width, height;
    unsigned char *rgb;
    int warnings;    /* faults that the decoder passed over: pixels may be made up */
    int orientation; /* what EXIF asks for and was not done, 2..8; 0 or 1: nothing */
    bool clipped;    /* 16-bit gray with values above 255, all of them white as in Pillow */
    tm_share share;  /* of a tm_image_memory, until it is freed */
} tm_image;

void tm_image_free(tm_image *image);

/* 2 x 89,478,485: where Pillow refuses a picture. */
#define TM_IMAGE_MAX_PIXELS ((size_t)178956970)
#define TM_IMAGE_MAX_SIDE 1000000
/* Bytes: no picture within the decoder's limits has a file as long. */
#define TM_IMAGE_FILE_MAX ((size_t)1 << 31)

/* What decoding may take of memory, shared by the threads that name it: the bytes of files, and
 * pixels with what a decoder needs beside them. Each picture waits for its part; one that needs
 * more than all of it is refused, whatever its neighbours are. A thread that holds a picture of it
 * must not decode another: it might wait for itself. */
typedef struct tm_image_memory {
    tm_budget files, pixels; /* a quarter and the rest */
} tm_image_memory;

void tm_image_memory_set(tm_image_memory *memory, size_t bytes);

/* One for the whole process: of 4 GB, or of half of what the machine has. */
tm_image_memory *tm_image_memory_shared(void);

typedef struct tm_decode_options {
    size_t max_pixels; /* 0: TM_IMAGE_MAX_PIXELS */
    bool exif_orient;  /* turn the picture as its EXIF orientation says; Pillow and timm do not */
    bool strict;       /* what would count as a warning is TM_CORRUPT */
    int least; /* a JPEG may come at a half, a quarter or an eighth of its size, as long as no side
                  is shorter; Pillow's pixels are others then. 0: at its own */
    tm_image_memory *memory; /* NULL: nothing is shared, and nobody waits */
    /* Called before a file's bytes are claimed of the memory, and after; NULL: nobody is. A place
     * to wait for those who shall come first. */
    void (*turn)(void *context, bool claimed);
    void *turn_context;
} tm_decode_options;

/* The bytes of a file, and their share of a tm_image_memory. */
typedef struct tm_image_bytes {
    unsigned char *data; /* from malloc */
    size_t size;
    tm_share share;
} tm_image_bytes;

/* Reads a file or a named pipe, or an open file to its end, as far as it may be a picture: until
 * the end, or until there are more bytes than the memory's files may have or any picture.
 * TM_NOT_FOUND, TM_READ, TM_TOO_LARGE, TM_NO_MEMORY, and nothing in *bytes. */
tm_status tm_image_read_file(const char *path, const tm_decode_options *options,
                             tm_image_bytes *bytes, tm_error *error);
tm_status tm_image_read_stream(int fd, const char *name, const tm_decode_options *options,
                               tm_image_bytes *bytes, tm_error *error);
void tm_image_bytes_free(tm_image_bytes *bytes);

/* Decodes one file's bytes; `name` stands in messages, `options` may be NULL. Equal to Pillow's
 * Image.open(f).convert('RGB') of an open file; a TIFF is turned as it says, as there. JPEG XL and
 * HEIF, which Pillow does not read, are as their libraries have them. On failure nothing is left in
 * *out, and the status is TM_EMPTY, TM_NOT_IMAGE, TM_TRUNCATED, TM_CORRUPT, TM_UNSUPPORTED,
 * TM_TOO_LARGE or TM_NO_MEMORY. Sizes are checked from the header before any allocation that
 * depends on them. */
tm_status tm_image_decode(const unsigned char *bytes, size_t size, const char *name,
                          const tm_decode_options *options, tm_image *out, tm_error *error);

/* Both, of a file or a named pipe, and of an open file. */
tm_status tm_image_decode_file(const char *path, const tm_decode_options *options, tm_image *out,
                               tm_error *error);
tm_status tm_image_decode_stream(int fd, const char *name, const tm_decode_options *options,
                                 tm_image *out, tm_error *error);

/* A format, for people: "TIFF"; what it is read by, "libtiff.so.6", or NULL; Debian's package. */
typedef struct tm_image_format {
    const char *title, *library, *package;
    bool built; /* false: not read, and package is what the build lacks */
} tm_image_format;

/* false: there are no so many. */
bool tm_image_format_at(size_t index, tm_image_format *format);

/* Whether a name ends as those of a format that is read, in letters of either case. */
bool tm_image_has_ending(const char *name);

typedef enum tm_filter {
    TM_FILTER_NEAREST,
    TM_FILTER_BOX,
    TM_FILTER_BILINEAR,
    TM_FILTER_HAMMING,
    TM_FILTER_BICUBIC,
    TM_FILTER_LANCZOS,
    TM_FILTER_COUNT
} tm_filter;

/* timm's names. "random" is bilinear, as timm has it where nothing may be random. */
bool tm_filter_parse(const char *name, tm_filter *filter);
const char *tm_filter_name(tm_filter filter);

/* Equal to Pillow's resize of an RGB picture, which widens the filter when it shrinks. */
tm_status tm_image_resize(const tm_image *in, int width, int height, tm_filter filter,
                          tm_image *out, tm_error *error);

typedef enum tm_crop_mode {
    TM_CROP_CENTER, /* shorter edge to size / crop_pct, then the centre */
    TM_CROP_SQUASH, /* each edge to size / crop_pct, then the centre */
    TM_CROP_BORDER, /* longer edge to size / crop_pct, borders in the mean colour */
    TM_CROP_COUNT
} tm_crop_mode;

bool tm_crop_mode_parse(const char *name, tm_crop_mode *mode);
const char *tm_crop_mode_name(tm_crop_mode mode);

/* timm's evaluation transform. */
typedef struct tm_preprocess {
    int channels; /* 3, or 1: luminance, as Pillow's convert('L'), before the resize */
    int height, width;
    tm_filter filter;
    double crop_pct;
    tm_crop_mode crop_mode;
    tm_numbers mean, std; /* one for each channel, or one for all; one channel takes the first */
} tm_preprocess;

/* Twice the pixels a side that a picture is resized to: `least` of its tm_decode_options. */
int tm_preprocess_least(const tm_preprocess *how);

/* The resized and cropped picture, height x width; R = G = B when channels is 1. */
tm_status tm_preprocess_u8(const tm_image *in, const tm_preprocess *how, tm_image *out,
                           tm_error *error);

/* The tensor: out[height][width][channels] = (value / 255 - mean) / std, each step in float32 as
 * torch does it. The caller owns `out`. */
tm_status tm_preprocess_f32(const tm_image *in, const tm_preprocess *how, float *out,
                            tm_error *error);

/* The largest size near the picture's own aspect ratio that `most` square patches of `patch` pixels
 * fill, as timm's NaFlex has it. TM_TOO_LARGE: there is none, or a side is above most_side. */
tm_status tm_image_fit_patches(const tm_image *in, int patch, int most, int most_side, int *width,
                               int *height, tm_error *error);

/* Writes an 8-bit RGB PNG; TM_WRITE when the stream refuses bytes. `name` stands in messages. */
tm_status tm_image_write_png(const tm_image *image, FILE *stream, const char *name,
                             tm_error *error);

#endif
