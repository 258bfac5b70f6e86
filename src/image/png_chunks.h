/* SPDX-License-Identifier: Apache-2.0 */
/* A PNG file as the chunks that make its picture. Private to this room. */
#ifndef TM_IMAGE_PNG_CHUNKS_H
#define TM_IMAGE_PNG_CHUNKS_H

#include <stdint.h>

#include "base/error.h"

enum {
    TM_PNG_SIGNATURE = 8,
    TM_PNG_HEAD = 8,  /* of a chunk: length and type */
    TM_PNG_FRAME = 12 /* head, and the checksum after the data */
};

/* A chunk of a file. Its end may lie beyond the file's. */
typedef struct tm_png_chunk {
    const unsigned char *at; /* its head; NULL: no such chunk */
    uint32_t length;         /* of the data, as stated */
    uint32_t there;          /* data bytes in the file */
} tm_png_chunk;

typedef struct tm_png_file {
    const unsigned char *bytes;
    size_t size;
    const char *name;
    uint32_t width, height;
    int bit_depth, color_type;
    tm_png_chunk header, palette, first_data, exif;
} tm_png_file;

/* Checks every chunk up to the first IDAT (whole, known checksum, long enough) and reads the
 * header. Set bytes, size and name before; the 8 magic bytes are there. */
tm_status tm_png_scan_head(tm_png_file *file, tm_error *error);

/* Checks the chunks after the picture's data. Nothing need follow, and checksums do not count
 * here, but a chunk that begins must be whole. Also finds an eXIf that stands here. */
tm_status tm_png_scan_tail(tm_png_file *file, tm_error *error);

/* TM_CORRUPT: the checksum that stands behind the chunk is another; TM_TRUNCATED: none does. */
tm_status tm_png_check_crc(const tm_png_file *file, tm_png_chunk chunk, tm_error *error);

/* The IDAT that follows `chunk` at once, or one with at == NULL. */
tm_png_chunk tm_png_next_data(const tm_png_file *file, tm_png_chunk chunk);

#endif
