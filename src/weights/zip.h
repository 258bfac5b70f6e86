/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A zip archive in memory whose directory was checked completely: one end of directory, no disks,
 * no encryption, names that stay inside and come once, local headers that agree, entries that
 * share no byte, stored or deflated, at most 16 GiB when unpacked and none larger than deflate can
 * make it.
 */
#ifndef TM_WEIGHTS_ZIP_H
#define TM_WEIGHTS_ZIP_H

#include "base/error.h"
#include "base/memory.h"

#include <stdint.h>

typedef struct tm_zip_entry {
    const char *name; /* no control byte in it */
    size_t begin;     /* of its local header, from the start of the file */
    size_t data;      /* of its bytes */
    size_t packed;    /* how many */
    size_t size;      /* how many they unpack to; the same when stored */
    uint32_t crc;     /* of the unpacked bytes; 0 where the writer computed none */
    bool deflated;
} tm_zip_entry;

typedef struct tm_zip {
    const char *file; /* for messages */
    const unsigned char *bytes;
    size_t size;
    tm_zip_entry *entries; /* byte order of the names */
    size_t count;          /* at least 1 */
    const char *first;     /* the directory's first name */
    tm_arena arena;        /* entries and names */
} tm_zip;

/* The bytes outlive the archive; file stands for them in messages. TM_WEIGHTS_INVALID: not such an
 * archive. Close it also after a failure. */
tm_status tm_zip_open(const char *file, const unsigned char *bytes, size_t size, tm_zip *zip,
                      tm_error *error);
void tm_zip_close(tm_zip *zip);

const tm_zip_entry *tm_zip_find(const tm_zip *zip, const char *name); /* NULL: not there */

/* The entry's bytes, entry->size of them: where the archive stores them, or unpacked into the
 * arena. Not yet compared with the checksum. */
tm_status tm_zip_unpack(const tm_zip *zip, const tm_zip_entry *entry, tm_arena *arena,
                        const unsigned char **data, tm_error *error);

/* Compares checksums, those that are not 0: of one entry, or of all whose data[i] is not NULL,
 * which is the entry i's. All together take every CPU, for a file is read as fast as memory is. */
tm_status tm_zip_check(const tm_zip *zip, const tm_zip_entry *entry, const unsigned char *data,
                       tm_error *error);
tm_status tm_zip_check_all(const tm_zip *zip, const unsigned char *const *data, tm_error *error);

/* Unpacks the first bytes alone, at most `room`; returns how many there were, fewer than asked for
 * where the entry ends or is damaged. */
size_t tm_zip_peek(const tm_zip *zip, const tm_zip_entry *entry, unsigned char *out, size_t room);

#endif
