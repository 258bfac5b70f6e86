/* SPDX-License-Identifier: Apache-2.0 */
/*
 * minizip finds the directory and walks it; what an entry is, and whether all of it is believed,
 * is decided here from the bytes themselves. (minizip 1.1 knows neither the zip64 field of an entry
 * nor where its local header stands, and compares little.)
 */
#include "weights/zip.h"

#include <errno.h>
#include <libdeflate.h>
#include <minizip/unzip.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/cpu.h"
#include "base/parallel.h"

enum {
    LOCAL_BYTES = 30,
    RECORD_BYTES = 46,
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR_BYTES = 20,
    EXTRA_ZIP64 = 1,
    STORED = 0,
    DEFLATED = 8,
    EXPANSION_MAX = 1032, /* of deflate */
    COMMENT_MAX = 65535,
    ENTRIES_MAX = 400000,     /* of tensors and what else there is */
    PARALLEL_BYTES = 8 << 20, /* fewer are not worth threads */
    FLAG_SIZES_FOLLOW = 1 << 3,
    FLAGS_KNOWN = 1 << 1 | 1 << 2 | FLAG_SIZES_FOLLOW | 1 << 11,
};
#define TOTAL_MAX ((size_t)16 << 30)
#define LOCAL_SIGN 0x04034B50U
#define RECORD_SIGN 0x02014B50U
#define END_SIGN 0x06054B50U
#define END64_SIGN 0x06064B50U
#define LOCATOR_SIGN 0x07064B50U
#define ELSEWHERE 0xFFFFFFFFU /* a size or offset that the zip64 field holds */

typedef struct reader {
    tm_zip *zip;
    const unsigned char *bytes;
    size_t size;
    size_t begin, end; /* of the directory's records */
    tm_error *error;
} reader;

static bool refuse(reader *r, size_t at, const char *found, const char *expected)
{
    tm_fail(r->error, TM_WEIGHTS_INVALID, "%s: zip, offset %zu: found %s, expected %s",
            r->zip->file, at, found, expected);
    return false;
}

static bool refuse_entry(reader *r, size_t at, const char *name, const char *what,
                         const char *expected)
{
    char found[200];
    snprintf(found, sizeof found, "entry %.80s %s", name, what);
    return refuse(r, at, found, expected);
}

static bool no_memory(reader *r)
{
    tm_fail(r->error, TM_NO_MEMORY, "%s: no memory for its directory", r->zip->file);
    return false;
}

static uint64_t number(const unsigned char *p, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes; i-- > 0;)
        value = value << 8 | p[i];
    return value;
}

/* Are there `count` bytes at `at`? */
static bool within(const reader *r, size_t at, size_t count)
{
    return at <= r->size && count <= r->size - at;
}

/* ---- the file that minizip sees ---- */

typedef struct memory_file {
    const unsigned char *bytes;
    size_t size, at;
} memory_file;

static voidpf open_memory(voidpf opaque, const void *name, int mode)
{
    (void)name, (void)mode;
    return opaque;
}

static uLong read_memory(voidpf opaque, voidpf stream, void *out, uLong count)
{
    (void)opaque;
    memory_file *file = stream;
    size_t left = file->size - file->at;
    size_t taken = count < left ? count : left;
    memcpy(out, file->bytes + file->at, taken);
    file->at += taken;
    return taken;
}

static uLong write_memory(voidpf opaque, voidpf stream, const void *bytes, uLong count)
{
    (void)opaque, (void)stream, (void)bytes, (void)count;
    return 0;
}

static ZPOS64_T tell_memory(voidpf opaque, voidpf stream)
{
    (void)opaque;
    return ((const memory_file *)stream)->at;
}

static long seek_memory(voidpf opaque, voidpf stream, ZPOS64_T offset, int origin)
{
    (void)opaque;
    memory_file *file = stream;
    size_t base = origin == ZLIB_FILEFUNC_SEEK_CUR   ? file->at
                  : origin == ZLIB_FILEFUNC_SEEK_END ? file->size
                                                     : 0;
    if (offset > file->size - base)
        return -1;
    file->at = base + offset;
    return 0;
}

static int end_memory(voidpf opaque, voidpf stream)
{
    (void)opaque, (void)stream;
    return 0;
}

/* ---- one entry ---- */

/* Replaces what is ELSEWHERE by the zip64 field's numbers, in its order: unpacked size, packed
 * size, offset of the local header. */
static bool read_zip64(const unsigned char *extra, size_t length, uint64_t *const fields[3])
{
    const unsigned char *p = NULL;
    size_t left = 0;
    for (size_t at = 0; length - at >= 4 && !p; at += 4 + left) {
        left = (size_t)number(extra + at + 2, 2);
        if (left > length - at - 4)
            return false;
        if (number(extra + at, 2) == EXTRA_ZIP64)
            p = extra + at + 4;
    }
    for (int i = 0; i < 3; i++) {
        if (!fields[i] || *fields[i] != ELSEWHERE)
            continue;
        if (!p || left < 8)
            return false;
        *fields[i] = number(p, 8);
        p += 8;
        left -= 8;
    }
    return true;
}

/* A relative path that stays where it is put, printable and of one spelling. */
static bool is_good_name(const unsigned char *name, size_t length)
{
    size_t part = 0;
    if (length == 0 || name[0] == '/')
        return false;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && (name[i] < 0x20 || name[i] == 0x7F || name[i] == '\\' || name[i] == ':'))
            return false;
        if (i < length && name[i] != '/')
            continue;
        size_t width = i - part;
        if ((width == 0 && i < length) || (width == 1 && name[part] == '.') ||
            (width == 2 && name[part] == '.' && name[part + 1] == '.'))
            return false;
        part = i + 1;
    }
    return true;
}

/* The local header repeats the record; two readers that look at different ones must see the same
 * file. */
static bool check_local(reader *r, size_t record, tm_zip_entry *e)
{
    const unsigned char *p = r->bytes + record;
    if (e->begin > r->begin || r->begin - e->begin < LOCAL_BYTES ||
        number(r->bytes + e->begin, 4) != LOCAL_SIGN)
        return refuse_entry(r, record, e->name, "without a local header",
                            "one before the directory");
    const unsigned char *local = r->bytes + e->begin;
    size_t name = (size_t)number(local + 26, 2), extra = (size_t)number(local + 28, 2);
    if (name + extra > r->begin - e->begin - LOCAL_BYTES)
        return refuse_entry(r, e->begin, e->name, "with a header that reaches into the directory",
                            "it before");
    if (name != number(p + 28, 2) || memcmp(local + LOCAL_BYTES, p + RECORD_BYTES, name) != 0)
        return refuse_entry(r, e->begin, e->name, "with another name in its local header",
                            "the same");
    if (memcmp(local + 6, p + 8, 4) != 0)
        return refuse_entry(r, e->begin, e->name, "with other flags or method in its local header",
                            "the same");
    uint64_t crc = number(local + 14, 4), packed = number(local + 18, 4),
             size = number(local + 22, 4);
    if (!(number(p + 8, 2) & FLAG_SIZES_FOLLOW) &&
        (!read_zip64(local + LOCAL_BYTES + name, extra, (uint64_t *[]){&size, &packed, NULL}) ||
         crc != e->crc || packed != e->packed || size != e->size))
        return refuse_entry(r, e->begin, e->name,
                            "with other sizes or checksum in its local header", "the same");
    e->data = e->begin + LOCAL_BYTES + name + extra;
    if (e->packed > r->begin - e->data)
        return refuse_entry(r, e->begin, e->name, "longer than the bytes before the directory",
                            "it whole");
    return true;
}

static bool check_kind(reader *r, size_t record, const tm_zip_entry *e)
{
    const unsigned char *p = r->bytes + record;
    char what[64];
    unsigned flags = (unsigned)number(p + 8, 2), method = (unsigned)number(p + 10, 2);
    if (number(p + 34, 2) != 0)
        return refuse_entry(r, record, e->name, "on another disk", "one file");
    if (flags & ~(unsigned)FLAGS_KNOWN) {
        snprintf(what, sizeof what, "%s (flags 0x%04X)",
                 flags & 1 ? "encrypted" : "of an unknown kind", flags);
        return refuse_entry(r, record, e->name, what, "a plain one");
    }
    if (method != STORED && method != DEFLATED) {
        snprintf(what, sizeof what, "compressed by method %u", method);
        return refuse_entry(r, record, e->name, what, "0 (stored) or 8 (deflated)");
    }
    if (!e->deflated && e->packed != e->size)
        return refuse_entry(r, record, e->name, "stored with two sizes", "one");
    if (e->deflated && e->size / EXPANSION_MAX > e->packed) {
        snprintf(what, sizeof what, "of %zu bytes from %zu", e->size, e->packed);
        return refuse_entry(r, record, e->name, what, "at most 1032 from each");
    }
    return true;
}

static bool read_record(reader *r, size_t at, tm_zip_entry *e)
{
    if (!within(r, at, RECORD_BYTES) || number(r->bytes + at, 4) != RECORD_SIGN)
        return refuse(r, at, "other bytes", "an entry of the directory");
    const unsigned char *p = r->bytes + at;
    size_t name = (size_t)number(p + 28, 2), extra = (size_t)number(p + 30, 2);
    size_t tail = name + extra + (size_t)number(p + 32, 2);
    if (!within(r, at + RECORD_BYTES, tail))
        return refuse(r, at, "an entry that is longer than the file", "it inside");
    if (!is_good_name(p + RECORD_BYTES, name))
        return refuse_entry(r, at, "", "whose name is empty, absolute, not printable or has '..'",
                            "a relative path");
    char *copy = tm_arena_alloc(&r->zip->arena, name + 1);
    if (!copy)
        return no_memory(r);
    memcpy(copy, p + RECORD_BYTES, name);
    uint64_t packed = number(p + 20, 4), size = number(p + 24, 4), begin = number(p + 42, 4);
    if (!read_zip64(p + RECORD_BYTES + name, extra, (uint64_t *[]){&size, &packed, &begin}))
        return refuse_entry(r, at, copy, "with a damaged zip64 field", "its sizes");
    *e = (tm_zip_entry){.name = copy,
                        .begin = begin,
                        .packed = packed,
                        .size = size,
                        .crc = (uint32_t)number(p + 16, 4),
                        .deflated = number(p + 10, 2) == DEFLATED};
    r->end = at + RECORD_BYTES + tail;
    return check_kind(r, at, e);
}

/* ---- the directory ---- */

static int by_begin(const void *a, const void *b)
{
    const tm_zip_entry *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const tm_zip_entry *)a)->name, ((const tm_zip_entry *)b)->name);
}

static bool walk_records(reader *r, unzFile file, size_t count)
{
    tm_zip *zip = r->zip;
    int status = unzGoToFirstFile(file);
    for (size_t i = 0; i < count; i++) {
        size_t at = status == UNZ_OK ? (size_t)unzGetOffset64(file) : r->end;
        if (i == 0)
            r->begin = r->end = at;
        if (at != r->end)
            return refuse(r, r->end, "a directory with holes", "one entry after the other");
        if (!read_record(r, at, &zip->entries[i]))
            return false;
        status = i + 1 < count ? unzGoToNextFile(file) : UNZ_OK;
    }
    return true;
}

/* Checks a number of the end of the directory, which zip64 may leave to its own record. */
static bool agrees(const unsigned char *p, int bytes, size_t value, bool zip64)
{
    uint64_t stated = number(p, bytes), elsewhere = bytes == 2 ? 0xFFFF : ELSEWHERE;
    return stated == value || (zip64 && stated == elsewhere);
}

static bool check_end64(reader *r, size_t at)
{
    const unsigned char *p = r->bytes + at;
    if (!within(r, at, END64_BYTES + LOCATOR_BYTES) || number(p + 4, 8) != END64_BYTES - 12 ||
        number(p + 16, 4) != 0 || number(p + 20, 4) != 0 || number(p + 24, 8) != r->zip->count ||
        number(p + 32, 8) != r->zip->count || number(p + 40, 8) != r->end - r->begin ||
        number(p + 48, 8) != r->begin)
        return refuse(r, at, "another end of directory (zip64)", "this directory's");
    p += END64_BYTES;
    if (number(p, 4) != LOCATOR_SIGN || number(p + 4, 4) != 0 || number(p + 8, 8) != at ||
        number(p + 16, 4) > 1)
        return refuse(r, at + END64_BYTES, "other bytes", "the locator of the end of directory");
    return true;
}

/* Right behind the records, and *at the offset of what must be the only end of directory. */
static bool check_end(reader *r, size_t *end)
{
    size_t at = r->end;
    bool zip64 = within(r, at, 4) && number(r->bytes + at, 4) == END64_SIGN;
    if (zip64 && !check_end64(r, at))
        return false;
    at += zip64 ? END64_BYTES + LOCATOR_BYTES : 0;
    if (!within(r, at, END_BYTES) || number(r->bytes + at, 4) != END_SIGN)
        return refuse(r, at, "other bytes", "the end of the directory right behind its entries");
    const unsigned char *p = r->bytes + at;
    if (!agrees(p + 4, 2, 0, zip64) || !agrees(p + 6, 2, 0, zip64))
        return refuse(r, at, "several disks", "one file");
    if (!agrees(p + 8, 2, r->zip->count, zip64) || !agrees(p + 10, 2, r->zip->count, zip64) ||
        !agrees(p + 12, 4, r->end - r->begin, zip64) || !agrees(p + 16, 4, r->begin, zip64))
        return refuse(r, at, "the end of another directory", "its number, size and offset");
    if (!within(r, at + END_BYTES, (size_t)number(p + 20, 2)))
        return refuse(r, at + 20, "a comment longer than the file", "it inside");
    *end = at;
    return true;
}

/* entries by their begin: is the byte in the data of one? */
static bool in_data(const tm_zip *zip, size_t at)
{
    size_t low = 0, high = zip->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const tm_zip_entry *e = &zip->entries[middle];
        if (at >= e->data && at - e->data < e->packed)
            return true;
        if (at < e->data)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* Where other readers look for it, nothing else may look like the end of a directory. */
static bool check_only_end(reader *r, size_t end)
{
    size_t window = END_BYTES + COMMENT_MAX;
    for (size_t at = r->size > window ? r->size - window : 0; r->size - at >= 4; at++)
        if (r->bytes[at] == 'P' && at != end && number(r->bytes + at, 4) == END_SIGN &&
            !in_data(r->zip, at))
            return refuse(r, at, "a second end of directory", "one");
    return true;
}

/* entries by their begin */
static bool check_overlap(reader *r)
{
    size_t total = 0, end = 0;
    for (size_t i = 0; i < r->zip->count; i++) {
        const tm_zip_entry *e = &r->zip->entries[i];
        if (e->begin < end)
            return refuse_entry(r, e->begin, e->name, "on the bytes of another",
                                "bytes of its own");
        end = e->data + e->packed;
        if (!tm_size_add(total, e->size, &total) || total > TOTAL_MAX)
            return refuse_entry(r, e->begin, e->name, "beyond 16 GiB of unpacked data", "less");
    }
    return true;
}

static bool check_names(reader *r)
{
    const tm_zip_entry *e = r->zip->entries;
    for (size_t i = 1; i < r->zip->count; i++)
        if (strcmp(e[i].name, e[i - 1].name) == 0)
            return refuse_entry(r, e[i].begin, e[i].name, "a second time", "each name once");
    return true;
}

static bool check_entries(reader *r)
{
    tm_zip *zip = r->zip;
    size_t end, record = r->begin;
    for (size_t i = 0; i < zip->count; i++) {
        const unsigned char *p = r->bytes + record;
        if (!check_local(r, record, &zip->entries[i]))
            return false;
        record += RECORD_BYTES + number(p + 28, 2) + number(p + 30, 2) + number(p + 32, 2);
    }
    if (!check_end(r, &end))
        return false;
    qsort(zip->entries, zip->count, sizeof *zip->entries, by_begin);
    if (!check_overlap(r) || !check_only_end(r, end))
        return false;
    qsort(zip->entries, zip->count, sizeof *zip->entries, by_name);
    return check_names(r);
}

static bool read_directory(reader *r, unzFile file)
{
    unz_global_info64 info;
    if (unzGetGlobalInfo64(file, &info) != UNZ_OK || info.number_entry == 0)
        return refuse(r, 0, "an archive without entries", "some");
    size_t most = r->size / (LOCAL_BYTES + RECORD_BYTES);
    most = most < ENTRIES_MAX ? most : ENTRIES_MAX;
    if (info.number_entry > most) {
        char found[48], expected[48];
        snprintf(found, sizeof found, "%llu entries", (unsigned long long)info.number_entry);
        snprintf(expected, sizeof expected, "at most %zu", most);
        return refuse(r, 0, found, expected);
    }
    r->zip->count = (size_t)info.number_entry;
    r->zip->entries = tm_arena_alloc(&r->zip->arena, r->zip->count * sizeof *r->zip->entries);
    if (!r->zip->entries)
        return no_memory(r);
    if (!walk_records(r, file, r->zip->count))
        return false;
    r->zip->first = r->zip->entries[0].name;
    return check_entries(r);
}

tm_status tm_zip_open(const char *file, const unsigned char *bytes, size_t size, tm_zip *zip,
                      tm_error *error)
{
    tm_error own = {0};
    *zip = (tm_zip){.file = file, .bytes = bytes, .size = size};
    reader r = {.zip = zip, .bytes = bytes, .size = size, .error = &own};
    memory_file memory = {bytes, size, 0};
    zlib_filefunc64_def functions = {open_memory, read_memory, write_memory, tell_memory,
                                     seek_memory, end_memory,  end_memory,   &memory};
    errno = 0;
    unzFile archive = unzOpen2_64(file, &functions);
    if (errno == ENOMEM) /* it does not tell, and looks for the directory elsewhere */
        no_memory(&r);
    else if (archive)
        read_directory(&r, archive);
    else
        refuse(&r, size, "no end of a zip directory", "a whole archive");
    if (archive)
        unzClose(archive);
    return own.status ? tm_fail(error, own.status, "%s", own.message) : TM_OK;
}

void tm_zip_close(tm_zip *zip)
{
    tm_arena_free(&zip->arena);
    *zip = (tm_zip){0};
}

static int order_of(const void *name, const void *entry)
{
    return strcmp(name, ((const tm_zip_entry *)entry)->name);
}

const tm_zip_entry *tm_zip_find(const tm_zip *zip, const char *name)
{
    return bsearch(name, zip->entries, zip->count, sizeof *zip->entries, order_of);
}

/* ---- contents ---- */

static tm_status refuse_data(const tm_zip *zip, const tm_zip_entry *e, const char *found,
                             const char *expected, tm_error *error)
{
    return tm_fail(error, TM_WEIGHTS_INVALID,
                   "%s: zip, offset %zu: found entry %.80s %s, expected %s", zip->file, e->data,
                   e->name, found, expected);
}

static tm_status inflate_entry(const tm_zip *zip, const tm_zip_entry *e, unsigned char *out,
                               tm_error *error)
{
    size_t taken = 0, made = 0;
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    if (!decompressor)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory to unpack %.80s", zip->file, e->name);
    enum libdeflate_result result = libdeflate_deflate_decompress_ex(
        decompressor, zip->bytes + e->data, e->packed, out, e->size, &taken, &made);
    libdeflate_free_decompressor(decompressor);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE)
        return refuse_data(zip, e, "longer than it says", "its stated size", error);
    if (result != LIBDEFLATE_SUCCESS || taken != e->packed || made != e->size)
        return refuse_data(zip, e, "damaged", "deflated data of its stated size", error);
    return TM_OK;
}

tm_status tm_zip_unpack(const tm_zip *zip, const tm_zip_entry *entry, tm_arena *arena,
                        const unsigned char **data, tm_error *error)
{
    *data = zip->bytes + entry->data;
    if (entry->deflated) {
        unsigned char *out = tm_arena_alloc(arena, entry->size);
        if (!out)
            return tm_fail(error, TM_NO_MEMORY, "%s: no memory for the %zu bytes of %.80s",
                           zip->file, entry->size, entry->name);
        tm_status status = inflate_entry(zip, entry, out, error);
        if (status != TM_OK)
            return status;
        *data = out;
    }
    return TM_OK;
}

static bool crc_agrees(const tm_zip_entry *entry, const unsigned char *data)
{
    return entry->crc == 0 || libdeflate_crc32(0, data, entry->size) == entry->crc;
}

tm_status tm_zip_check(const tm_zip *zip, const tm_zip_entry *entry, const unsigned char *data,
                       tm_error *error)
{
    if (crc_agrees(entry, data))
        return TM_OK;
    char found[48], expected[16];
    snprintf(found, sizeof found, "with checksum %08X", libdeflate_crc32(0, data, entry->size));
    snprintf(expected, sizeof expected, "%08X", entry->crc);
    return refuse_data(zip, entry, found, expected, error);
}

typedef struct check_work {
    const tm_zip *zip;
    const unsigned char *const *data;
    bool *wrong;
} check_work;

static void check_one(void *context, int i, int thread)
{
    (void)thread;
    const check_work *w = context;
    w->wrong[i] = w->data[i] && !crc_agrees(&w->zip->entries[i], w->data[i]);
}

tm_status tm_zip_check_all(const tm_zip *zip, const unsigned char *const *data, tm_error *error)
{
    size_t total = 0;
    for (size_t i = 0; i < zip->count; i++)
        total += data[i] ? zip->entries[i].size : 0;
    check_work work = {zip, data, calloc(zip->count, sizeof *work.wrong)};
    if (!work.wrong)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for its entries", zip->file);
    int threads = total < PARALLEL_BYTES ? 1 : tm_cpu_threads();
    tm_parallel_for(threads, (int)zip->count, check_one, &work);
    tm_status status = TM_OK;
    for (size_t i = 0; i < zip->count && status == TM_OK; i++)
        if (work.wrong[i])
            status = tm_zip_check(zip, &zip->entries[i], data[i], error);
    free(work.wrong);
    return status;
}

size_t tm_zip_peek(const tm_zip *zip, const tm_zip_entry *entry, unsigned char *out, size_t room)
{
    const unsigned char *packed = zip->bytes + entry->data;
    if (!entry->deflated) {
        size_t count = entry->size < room ? entry->size : room;
        memcpy(out, packed, count);
        return count;
    }
    /* a prefix of so many bytes comes from at most that many and some headers */
    z_stream stream = {.next_in = (z_const Bytef *)packed,
                       .avail_in = (uInt)(entry->packed < 1 << 20 ? entry->packed : 1 << 20),
                       .next_out = out,
                       .avail_out = (uInt)room};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return 0;
    inflate(&stream, Z_SYNC_FLUSH);
    size_t count = room - stream.avail_out;
    inflateEnd(&stream);
    return count;
}
