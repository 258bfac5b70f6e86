/* SPDX-License-Identifier: Apache-2.0 */
#include "output/zip.h"

#include "base/error.h"

enum {
    LOCAL_MAGIC = 0x04034B50,
    CENTRAL_MAGIC = 0x02014B50,
    END_MAGIC = 0x06054B50,
    END64_MAGIC = 0x06064B50,
    LOCATOR64_MAGIC = 0x07064B50,
    VERSION = 20,
    VERSION64 = 45,
    UTF8_NAME = 0x0800,
    DATE = 0x0021, /* 1980-01-01: the same input gives the same bytes */
    EXTRA64 = 1,
};

#define FULL32 UINT32_MAX /* "see the zip64 field" */
#define FULL16 UINT16_MAX

static void put(tm_buffer *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        tm_buffer_putc(out, (char)(value >> (8 * i) & 0xFF));
}

static uint32_t capped(uint64_t value)
{
    return value < FULL32 ? (uint32_t)value : FULL32;
}

static bool is_large(uint64_t value)
{
    return value >= FULL32;
}

/* From "version needed" to the length of the name. */
static void put_common(const tm_zip_member *member, bool zip64, tm_buffer *out)
{
    put(out, zip64 ? VERSION64 : VERSION, 2);
    put(out, UTF8_NAME, 2);
    put(out, 0, 2); /* stored */
    put(out, 0, 2); /* time */
    put(out, DATE, 2);
    put(out, member->crc, 4);
    put(out, capped(member->size), 4);
    put(out, capped(member->size), 4);
    TM_ASSERT(member->name.length <= FULL16);
    put(out, member->name.length, 2);
}

void tm_zip_local(const tm_zip_member *member, tm_buffer *out)
{
    bool zip64 = is_large(member->size);
    put(out, LOCAL_MAGIC, 4);
    put_common(member, zip64, out);
    put(out, zip64 ? 20 : 0, 2);
    tm_buffer_append(out, &member->name);
    if (zip64) {
        put(out, EXTRA64, 2);
        put(out, 16, 2);
        put(out, member->size, 8);
        put(out, member->size, 8);
    }
}

void tm_zip_central(const tm_zip_member *member, tm_buffer *out)
{
    unsigned extra = (is_large(member->size) ? 16U : 0U) + (is_large(member->offset) ? 8U : 0U);
    put(out, CENTRAL_MAGIC, 4);
    put(out, extra ? VERSION64 : VERSION, 2); /* made by */
    put_common(member, extra != 0, out);
    put(out, extra ? extra + 4 : 0, 2);
    put(out, 0, 2); /* comment */
    put(out, 0, 2); /* disk */
    put(out, 0, 2); /* internal attributes */
    put(out, 0, 4); /* external attributes */
    put(out, capped(member->offset), 4);
    tm_buffer_append(out, &member->name);
    if (extra) {
        put(out, EXTRA64, 2);
        put(out, extra, 2);
    }
    if (is_large(member->size)) {
        put(out, member->size, 8);
        put(out, member->size, 8);
    }
    if (is_large(member->offset))
        put(out, member->offset, 8);
}

static void put_end64(uint64_t members, uint64_t offset, uint64_t size, tm_buffer *out)
{
    put(out, END64_MAGIC, 4);
    put(out, 44, 8); /* bytes that follow */
    put(out, VERSION64, 2);
    put(out, VERSION64, 2);
    put(out, 0, 4); /* this disk */
    put(out, 0, 4); /* the directory's disk */
    put(out, members, 8);
    put(out, members, 8);
    put(out, size, 8);
    put(out, offset, 8);
    put(out, LOCATOR64_MAGIC, 4);
    put(out, 0, 4);
    put(out, offset + size, 8);
    put(out, 1, 4); /* disks */
}

void tm_zip_end(uint64_t members, uint64_t directory_offset, uint64_t directory_size,
                const tm_buffer *comment, tm_buffer *out)
{
    if (members >= FULL16 || is_large(directory_offset) || is_large(directory_size))
        put_end64(members, directory_offset, directory_size, out);
    uint64_t count = members < FULL16 ? members : FULL16;
    put(out, END_MAGIC, 4);
    put(out, 0, 2);
    put(out, 0, 2);
    put(out, count, 2);
    put(out, count, 2);
    put(out, capped(directory_size), 4);
    put(out, capped(directory_offset), 4);
    put(out, comment ? comment->length : 0, 2);
    if (comment)
        tm_buffer_append(out, comment);
}
