/* SPDX-License-Identifier: Apache-2.0 */
/* The pictures of a tar, plain or compressed (gzip, bzip2, xz, zstd), one after another; by
 * libarchive, which is opened with the first one. */
#ifndef TM_CLI_ARCHIVE_H
#define TM_CLI_ARCHIVE_H

#include "cli/endings.h"
#include "cli/walk.h"
#include "image/image.h"

typedef struct tm_archive tm_archive;

/* Whether the file begins as a tar that is not compressed. */
bool tm_is_archive(const char *path);
/* Whether bytes, of which more may follow, begin as a tar or as anything a tar is compressed by. */
bool tm_may_be_archive(const unsigned char *bytes, size_t size);

/* siblings: endings with commas between, "cls,json", of members that are told with the picture of
 * their name; NULL: none. It must outlive the archive. TM_UNSUPPORTED: there is no libarchive;
 * TM_NOT_FOUND, TM_READ, TM_NO_MEMORY. */
tm_status tm_archive_open(const char *path, const char *siblings, tm_archive **archive,
                          tm_error *error);
/* The same of an open file or pipe, of which `begun` has been read; takes both, also on failure. */
tm_status tm_archive_open_stream(int fd, const char *name, const char *siblings,
                                 tm_image_bytes *begun, tm_archive **archive, tm_error *error);
void tm_archive_close(tm_archive *archive);
const char *tm_archive_path(const tm_archive *archive);

/* The next picture's name, "PATH:MEMBER", valid until the next call; NULL: no more. Where the
 * archive breaks off, or a picture is a link or without data, the error says why, and the name is
 * to be answered with it; after a break there is no more. Other members are counted in left_out. */
const char *tm_archive_next(tm_archive *archive, tm_left_out *left_out, tm_error *error);

/* The bytes of the member whose name came last, once. TM_READ, TM_TOO_LARGE, TM_NO_MEMORY. */
tm_status tm_archive_read(tm_archive *archive, const tm_decode_options *options,
                          tm_image_bytes *bytes, tm_error *error);

/* After tm_archive_read: the picture's siblings as a JSON object, texts and what is JSON, which the
 * caller frees; NULL: it has none. TM_READ, TM_TOO_LARGE, TM_NO_MEMORY. */
tm_status tm_archive_siblings(tm_archive *archive, tm_left_out *left_out, char **json,
                              tm_error *error);

/* "3.6.2, opened when needed", "no, built without libarchive": for people. */
extern const char tm_archive_support[];

#endif
