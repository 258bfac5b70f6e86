/* SPDX-License-Identifier: Apache-2.0 */
/* The pictures of a tar, plain or compressed (gzip, bzip2, xz, zstd), one after another; by
 * libarchive, which is opened with the first one. */
#ifndef TM_CLI_ARCHIVE_H
#define TM_CLI_ARCHIVE_H

#include "cli/walk.h"
#include "image/image.h"

typedef struct tm_archive tm_archive;

/* Whether the name ends as that of a tar: .tar, .tar.gz, .tgz, ... */
bool tm_is_archive_name(const char *name);
/* Whether the file begins as a tar that is not compressed. */
bool tm_is_archive(const char *path);

/* TM_UNSUPPORTED: there is no libarchive; TM_NOT_FOUND, TM_READ, TM_NO_MEMORY. */
tm_status tm_archive_open(const char *path, tm_archive **archive, tm_error *error);
void tm_archive_close(tm_archive *archive);
const char *tm_archive_path(const tm_archive *archive);

/* The next picture's name, "PATH:MEMBER", valid until the next call; NULL: no more. Where the
 * archive breaks off, or a picture is a link or without data, the error says why, and the name is
 * to be answered with it; after a break there is no more. Other members are counted in left_out. */
const char *tm_archive_next(tm_archive *archive, tm_left_out *left_out, tm_error *error);

/* The bytes of the member whose name came last, once. TM_READ, TM_TOO_LARGE, TM_NO_MEMORY. */
tm_status tm_archive_read(tm_archive *archive, const tm_decode_options *options,
                          tm_image_bytes *bytes, tm_error *error);

/* "3.6.2, opened when needed", "no, built without libarchive": for people. */
extern const char tm_archive_support[];

#endif
