/* SPDX-License-Identifier: Apache-2.0 */
/* Files: read-only maps, and whole files written beside their name and renamed. */
#ifndef TM_BASE_FILE_H
#define TM_BASE_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

/* A regular file's bytes. An empty file has size 0 and a NULL data pointer. What somebody cuts off
 * while it is mapped reads as zeros. */
typedef struct tm_map {
    const unsigned char *data;
    size_t size;
    int guard; /* map_guard.h */
} tm_map;

tm_status tm_map_file(const char *path, tm_map *map, tm_error *error);
void tm_unmap(tm_map *map);
bool tm_map_was_cut(const tm_map *map); /* and some of the zeros were read */

/* A file under construction: bytes go to a temporary name in the same folder; commit fsyncs and
 * renames it to `path`, abandon removes it. Without `force` an existing `path` is refused. */
typedef struct tm_outfile {
    FILE *stream;
    char *path, *temporary;
} tm_outfile;

tm_status tm_outfile_open(tm_outfile *out, const char *path, bool force, tm_error *error);
tm_status tm_outfile_commit(tm_outfile *out, tm_error *error);
void tm_outfile_abandon(tm_outfile *out);

#endif
