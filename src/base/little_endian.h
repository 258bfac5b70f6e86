/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of files, which are little-endian, on any processor. */
#ifndef TM_BASE_LITTLE_ENDIAN_H
#define TM_BASE_LITTLE_ENDIAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { TM_BIG_ENDIAN = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ };
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ || __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__,
               "timmc knows little-endian and big-endian processors");

/* From the file's order to the processor's, and back. */
static inline uint16_t tm_le16(uint16_t x)
{
    return TM_BIG_ENDIAN ? __builtin_bswap16(x) : x;
}
static inline uint32_t tm_le32(uint32_t x)
{
    return TM_BIG_ENDIAN ? __builtin_bswap32(x) : x;
}
static inline uint64_t tm_le64(uint64_t x)
{
    return TM_BIG_ENDIAN ? __builtin_bswap64(x) : x;
}

/* At any alignment. */
static inline uint16_t tm_load_le16(const void *p)
{
    uint16_t x;
    memcpy(&x, p, sizeof x);
    return tm_le16(x);
}
static inline uint32_t tm_load_le32(const void *p)
{
    uint32_t x;
    memcpy(&x, p, sizeof x);
    return tm_le32(x);
}
static inline uint64_t tm_load_le64(const void *p)
{
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return tm_le64(x);
}

/* float32 to and from a file's bytes; the two may be the same place. */
void tm_f32_to_le(const float *from, void *to, size_t count);
void tm_f32_of_le(const void *from, float *to, size_t count);

/* False: errno tells why. */
bool tm_write_f32_le(FILE *stream, const float *values, size_t count);
/* The same in half precision. */
bool tm_write_f16_le(FILE *stream, const float *values, size_t count);
bool tm_write_le64(FILE *stream, uint64_t value);

#endif
