/* SPDX-License-Identifier: Apache-2.0 */
/* Zip archives for tests: whole ones, and every way of being wrong that a field can state. */
#ifndef TESTS_UNIT_ZIP_WRITER_H
#define TESTS_UNIT_ZIP_WRITER_H

#include <libdeflate.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

typedef struct zip_member {
    const char *name;
    const void *data;
    size_t size;
    bool deflate;
    bool no_crc;
    bool sizes_follow; /* the local header has none, as torch.save writes it */
    bool zip64;        /* sizes and offset stand in the zip64 field */
    /* lies; 0 and NULL: the truth */
    const char *local_name;
    unsigned flags, local_flags; /* set beside the right ones */
    unsigned method, disk;
    size_t stated_size, stated_packed, local_size, stated_begin;
    uint32_t stated_crc;
    bool same_begin; /* the local header of the member before */
} zip_member;

typedef struct zip_ending {
    bool zip64;
    const char *comment;
    unsigned disk, entries_more; /* added to the true number */
    size_t offset_more, size_more, locator_more;
    size_t hole; /* bytes between entries and directory */
    bool no_locator;
} zip_ending;

__attribute__((unused)) static void zip_number(tm_buffer *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        tm_buffer_putc(out, (char)(value >> (8 * i)));
}

typedef struct zip_written {
    size_t begin, packed, size;
    uint32_t crc;
    unsigned flags, method;
} zip_written;

/* The local header and the data. */
__attribute__((unused)) static void zip_add(tm_buffer *out, const zip_member *m, zip_written *w)
{
    const char *name = m->local_name ? m->local_name : m->name;
    *w = (zip_written){.begin = out->length, .packed = m->size, .size = m->size};
    const void *data = m->data;
    void *packed = NULL;
    if (m->deflate) {
        struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(9);
        size_t room = libdeflate_deflate_compress_bound(compressor, m->size);
        data = packed = malloc(room);
        TM_ASSERT(packed);
        w->packed = libdeflate_deflate_compress(compressor, m->data, m->size, packed, room);
        libdeflate_free_compressor(compressor);
    }
    w->crc = m->no_crc ? 0 : libdeflate_crc32(0, m->data, m->size);
    if (m->stated_crc)
        w->crc = m->stated_crc;
    w->method = m->method ? m->method : m->deflate ? 8 : 0;
    w->flags = m->flags | (m->sizes_follow ? 8U : 0);
    zip_number(out, 0x04034B50, 4);
    zip_number(out, 20, 2);
    zip_number(out, w->flags | m->local_flags, 2);
    zip_number(out, w->method, 2);
    zip_number(out, 0, 4);
    zip_number(out, m->sizes_follow ? 0 : w->crc, 4);
    zip_number(out, m->sizes_follow ? 0 : m->zip64 ? UINT32_MAX : w->packed, 4);
    zip_number(out,
               m->sizes_follow ? 0
               : m->zip64      ? UINT32_MAX
               : m->local_size ? m->local_size
                               : w->size,
               4);
    zip_number(out, strlen(name), 2);
    zip_number(out, m->zip64 && !m->sizes_follow ? 20 : 0, 2);
    tm_buffer_puts(out, name);
    if (m->zip64 && !m->sizes_follow) {
        zip_number(out, 1, 2);
        zip_number(out, 16, 2);
        zip_number(out, w->size, 8);
        zip_number(out, w->packed, 8);
    }
    if (w->packed)
        tm_buffer_add(out, data, w->packed);
    free(packed);
    if (m->sizes_follow) {
        zip_number(out, 0x08074B50, 4);
        zip_number(out, w->crc, 4);
        zip_number(out, w->packed, 4);
        zip_number(out, w->size, 4);
    }
}

/* The member's record in the directory. */
__attribute__((unused)) static void zip_add_record(tm_buffer *out, const zip_member *m,
                                                   const zip_written *w)
{
    size_t packed = m->stated_packed ? m->stated_packed : w->packed;
    size_t size = m->stated_size ? m->stated_size : w->size;
    size_t begin = m->stated_begin ? m->stated_begin : w->begin;
    zip_number(out, 0x02014B50, 4);
    zip_number(out, 20, 2);
    zip_number(out, 20, 2);
    zip_number(out, w->flags, 2);
    zip_number(out, w->method, 2);
    zip_number(out, 0, 4);
    zip_number(out, w->crc, 4);
    zip_number(out, m->zip64 ? UINT32_MAX : packed, 4);
    zip_number(out, m->zip64 ? UINT32_MAX : size, 4);
    zip_number(out, strlen(m->name), 2);
    zip_number(out, m->zip64 ? 28 : 0, 2);
    zip_number(out, 0, 2);
    zip_number(out, m->disk, 2);
    zip_number(out, 0, 6);
    zip_number(out, m->zip64 ? UINT32_MAX : begin, 4);
    tm_buffer_puts(out, m->name);
    if (m->zip64) {
        zip_number(out, 1, 2);
        zip_number(out, 24, 2);
        zip_number(out, size, 8);
        zip_number(out, packed, 8);
        zip_number(out, begin, 8);
    }
}

__attribute__((unused)) static void zip_end(tm_buffer *out, size_t count, size_t begin,
                                            const zip_ending *e)
{
    size_t end = out->length, size = end - begin + e->size_more, at = begin + e->offset_more;
    count += e->entries_more;
    if (e->zip64) {
        zip_number(out, 0x06064B50, 4);
        zip_number(out, 44, 8);
        zip_number(out, 45 | 45 << 16, 4);
        zip_number(out, e->disk, 4);
        zip_number(out, 0, 4);
        zip_number(out, count, 8);
        zip_number(out, count, 8);
        zip_number(out, size, 8);
        zip_number(out, at, 8);
    }
    if (e->zip64 && !e->no_locator) {
        zip_number(out, 0x07064B50, 4);
        zip_number(out, 0, 4);
        zip_number(out, end + e->locator_more, 8);
        zip_number(out, 1, 4);
    }
    zip_number(out, 0x06054B50, 4);
    zip_number(out, e->disk, 4);
    zip_number(out, e->zip64 ? UINT16_MAX : count, 2);
    zip_number(out, e->zip64 ? UINT16_MAX : count, 2);
    zip_number(out, e->zip64 ? UINT32_MAX : size, 4);
    zip_number(out, e->zip64 ? UINT32_MAX : at, 4);
    zip_number(out, e->comment ? strlen(e->comment) : 0, 2);
    if (e->comment)
        tm_buffer_puts(out, e->comment);
}

/* The whole archive, appended to out. */
__attribute__((unused)) static void zip_write(tm_buffer *out, const zip_member *members,
                                              size_t count, const zip_ending *ending)
{
    static const zip_ending plain;
    zip_written *written = calloc(count + 1, sizeof *written);
    TM_ASSERT(written);
    if (!ending)
        ending = &plain;
    for (size_t i = 0; i < count; i++) {
        zip_add(out, &members[i], &written[i]);
        if (members[i].same_begin)
            written[i].begin = written[i - 1].begin;
    }
    for (size_t i = 0; i < ending->hole; i++)
        tm_buffer_putc(out, 0);
    size_t begin = out->length;
    for (size_t i = 0; i < count; i++)
        zip_add_record(out, &members[i], &written[i]);
    zip_end(out, count, begin, ending);
    TM_ASSERT(!out->failed);
    free(written);
}

#endif
