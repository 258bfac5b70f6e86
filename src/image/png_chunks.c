/* SPDX-License-Identifier: Apache-2.0 */
#include "image/png_chunks.h"

#include <ctype.h>
#include <string.h>

#include <zlib.h>

enum { HEADER_LENGTH = 13 };

/* Shortest data of the chunks that the reference looks into. */
/* clang-format off */
static const struct { char type[5]; uint32_t length; } shortest[] = {
    {"IHDR", HEADER_LENGTH}, {"gAMA", 4}, {"cHRM", 32}, {"sRGB", 1}, {"pHYs", 9}, {"acTL", 8}, {"fcTL", 26},
};
/* clang-format on */

static uint32_t read_u32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static const char *type_of(tm_png_chunk chunk)
{
    return (const char *)chunk.at + 4;
}

static bool is_type(tm_png_chunk chunk, const char *type)
{
    return memcmp(chunk.at + 4, type, 4) == 0;
}

static size_t offset_of(const tm_png_file *file, tm_png_chunk chunk)
{
    return (size_t)(chunk.at - file->bytes);
}

static size_t end_of(const tm_png_file *file, tm_png_chunk chunk)
{
    return offset_of(file, chunk) + chunk.length + TM_PNG_FRAME;
}

/* The chunk at `offset`; at == NULL when no chunk begins there. */
static tm_png_chunk chunk_at(const tm_png_file *file, size_t offset)
{
    tm_png_chunk chunk = {0};
    if (offset > file->size || file->size - offset < TM_PNG_HEAD)
        return chunk;
    const unsigned char *at = file->bytes + offset;
    for (int i = 4; i < TM_PNG_HEAD; i++)
        if (!isalnum(at[i]) && at[i] != '_')
            return chunk;
    chunk.at = at;
    chunk.length = read_u32(at);
    size_t left = file->size - offset - TM_PNG_HEAD;
    chunk.there = left < chunk.length ? (uint32_t)left : chunk.length;
    return chunk;
}

static tm_status check_whole(const tm_png_file *file, tm_png_chunk chunk, tm_error *error)
{
    if (chunk.there < chunk.length)
        return tm_fail(error, TM_TRUNCATED,
                       "%s: PNG ends early: chunk %.4s at byte %zu has %u bytes, expected %u",
                       file->name, type_of(chunk), offset_of(file, chunk), chunk.there,
                       chunk.length);
    return TM_OK;
}

tm_status tm_png_check_crc(const tm_png_file *file, tm_png_chunk chunk, tm_error *error)
{
    size_t covered = (size_t)chunk.length + 4;
    if (end_of(file, chunk) > file->size)
        return tm_fail(error, TM_TRUNCATED,
                       "%s: PNG ends early: chunk %.4s at byte %zu has no checksum", file->name,
                       type_of(chunk), offset_of(file, chunk));
    uint32_t found = (uint32_t)crc32_z(0, chunk.at + 4, covered);
    uint32_t stated = read_u32(chunk.at + 4 + covered);
    if (found != stated)
        return tm_fail(error, TM_CORRUPT,
                       "%s: PNG chunk %.4s at byte %zu has checksum %08x, expected %08x",
                       file->name, type_of(chunk), offset_of(file, chunk), found, stated);
    return TM_OK;
}

/* iCCP and zTXt: name, NUL, method, compressed bytes. */
static bool has_known_method(tm_png_chunk chunk)
{
    if (!is_type(chunk, "iCCP") && !is_type(chunk, "zTXt"))
        return true;
    const unsigned char *data = chunk.at + TM_PNG_HEAD;
    const unsigned char *end = chunk.length ? memchr(data, 0, chunk.length) : NULL;
    if (!end)
        return is_type(chunk, "zTXt");
    size_t method = (size_t)(end - data) + 1;
    if (method == chunk.length)
        return is_type(chunk, "zTXt");
    return data[method] == 0;
}

static uint32_t shortest_length(const tm_png_file *file, tm_png_chunk chunk)
{
    if (is_type(chunk, "tRNS") && file->header.at)
        return file->color_type == 0 ? 2 : file->color_type == 2 ? 6 : 0;
    for (size_t i = 0; i < sizeof shortest / sizeof *shortest; i++)
        if (is_type(chunk, shortest[i].type))
            return shortest[i].length;
    return 0;
}

static tm_status check_content(const tm_png_file *file, tm_png_chunk chunk, tm_error *error)
{
    uint32_t least = shortest_length(file, chunk);
    if (chunk.length < least)
        return tm_fail(error, TM_CORRUPT,
                       "%s: PNG chunk %.4s at byte %zu has %u bytes, expected at least %u",
                       file->name, type_of(chunk), offset_of(file, chunk), chunk.length, least);
    if (!has_known_method(chunk))
        return tm_fail(error, TM_CORRUPT,
                       "%s: PNG chunk %.4s at byte %zu has an unknown compression method",
                       file->name, type_of(chunk), offset_of(file, chunk));
    return TM_OK;
}

static void note(tm_png_file *file, tm_png_chunk chunk)
{
    const unsigned char *data = chunk.at + TM_PNG_HEAD;
    if (is_type(chunk, "IHDR")) {
        file->header = chunk;
        file->width = read_u32(data);
        file->height = read_u32(data + 4);
        file->bit_depth = data[8];
        file->color_type = data[9];
    } else if (is_type(chunk, "PLTE")) {
        file->palette = chunk;
    } else if (is_type(chunk, "eXIf")) {
        file->exif = chunk;
    }
}

tm_status tm_png_scan_head(tm_png_file *file, tm_error *error)
{
    size_t offset = TM_PNG_SIGNATURE;
    for (;;) {
        tm_png_chunk chunk = chunk_at(file, offset);
        if (!chunk.at && (offset > file->size || file->size - offset < TM_PNG_HEAD))
            return tm_fail(error, TM_TRUNCATED,
                           "%s: PNG ends early at byte %zu, expected an IDAT chunk", file->name,
                           file->size);
        if (!chunk.at)
            return tm_fail(error, TM_CORRUPT,
                           "%s: PNG has no chunk at byte %zu: its type is not four letters",
                           file->name, offset);
        if (is_type(chunk, "IDAT")) {
            file->first_data = chunk;
            break;
        }
        if (is_type(chunk, "IEND"))
            return tm_fail(error, TM_CORRUPT, "%s: PNG has no IDAT chunk before IEND at byte %zu",
                           file->name, offset);
        tm_status status = check_whole(file, chunk, error);
        if (status == TM_OK)
            status = check_content(file, chunk, error);
        if (status == TM_OK)
            status = tm_png_check_crc(file, chunk, error);
        if (status != TM_OK)
            return status;
        note(file, chunk);
        offset = end_of(file, chunk);
    }
    if (!file->header.at)
        return tm_fail(error, TM_CORRUPT, "%s: PNG has no IHDR chunk before IDAT", file->name);
    return TM_OK;
}

tm_png_chunk tm_png_next_data(const tm_png_file *file, tm_png_chunk chunk)
{
    tm_png_chunk next = chunk_at(file, end_of(file, chunk));
    return next.at && is_type(next, "IDAT") ? next : (tm_png_chunk){0};
}

tm_status tm_png_scan_tail(tm_png_file *file, tm_error *error)
{
    tm_png_chunk last = file->first_data;
    for (tm_png_chunk next = last; next.at; next = tm_png_next_data(file, last))
        last = next;
    for (tm_png_chunk chunk = chunk_at(file, end_of(file, last)); chunk.at;
         chunk = chunk_at(file, end_of(file, chunk))) {
        if (is_type(chunk, "IEND"))
            break;
        tm_status status = check_whole(file, chunk, error);
        if (status == TM_OK)
            status = check_content(file, chunk, error);
        if (status != TM_OK)
            return status;
        if (is_type(chunk, "eXIf"))
            file->exif = chunk;
    }
    return TM_OK;
}
