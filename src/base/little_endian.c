/* SPDX-License-Identifier: Apache-2.0 */
#include "base/little_endian.h"

#include "base/floats.h"

static void copy(const void *from, void *to, size_t count)
{
    if (!TM_BIG_ENDIAN) {
        if (count)
            memmove(to, from, count * sizeof(uint32_t));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = tm_load_le32((const char *)from + i * sizeof bits);
        memcpy((char *)to + i * sizeof bits, &bits, sizeof bits);
    }
}

void tm_f32_to_le(const float *from, void *to, size_t count)
{
    copy(from, to, count);
}

void tm_f32_of_le(const void *from, float *to, size_t count)
{
    copy(from, to, count);
}

bool tm_write_f32_le(FILE *stream, const float *values, size_t count)
{
    enum { BLOCK = 1024 };
    if (!TM_BIG_ENDIAN)
        return fwrite(values, sizeof *values, count, stream) == count;
    for (size_t at = 0, n; at < count; at += n) {
        uint32_t block[BLOCK];
        n = count - at < BLOCK ? count - at : BLOCK;
        tm_f32_to_le(values + at, block, n);
        if (fwrite(block, sizeof *block, n, stream) != n)
            return false;
    }
    return true;
}

bool tm_write_f16_le(FILE *stream, const float *values, size_t count)
{
    enum { BLOCK = 1024 };
    for (size_t at = 0, n; at < count; at += n) {
        uint16_t block[BLOCK];
        n = count - at < BLOCK ? count - at : BLOCK;
        for (size_t i = 0; i < n; i++)
            block[i] = tm_le16(tm_f16_of_f32(values[at + i]));
        if (fwrite(block, sizeof *block, n, stream) != n)
            return false;
    }
    return true;
}

bool tm_write_le64(FILE *stream, uint64_t value)
{
    value = tm_le64(value);
    return fwrite(&value, sizeof value, 1, stream) == 1;
}
