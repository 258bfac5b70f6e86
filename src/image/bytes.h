/* SPDX-License-Identifier: Apache-2.0 */
/* A file in memory, read from its start on. Private to this room. */
#ifndef TM_IMAGE_BYTES_H
#define TM_IMAGE_BYTES_H

#include <stdint.h>

#include "image/codec.h"

typedef struct tm_bytes {
    const unsigned char *at;
    size_t size, next; /* next <= size */
} tm_bytes;

/* The next `count` bytes, or NULL where there are no so many; then nothing is taken. */
static inline const unsigned char *tm_bytes_take(tm_bytes *from, size_t count)
{
    if (from->size - from->next < count)
        return NULL;
    const unsigned char *taken = from->at + from->next;
    from->next += count;
    return taken;
}

/* The next byte, or -1. */
static inline int tm_bytes_next(tm_bytes *from)
{
    return from->next < from->size ? from->at[from->next++] : -1;
}

static inline unsigned tm_le16(const unsigned char *p)
{
    return (unsigned)p[0] | (unsigned)p[1] << 8;
}

static inline uint32_t tm_le32(const unsigned char *p)
{
    return tm_le16(p) | (uint32_t)tm_le16(p + 2) << 16;
}

/* Entries of a palette; those that a file leaves out are black, as in Pillow. */
typedef struct tm_palette {
    unsigned char rgb[256][3];
} tm_palette;

#endif
