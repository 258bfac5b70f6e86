/* SPDX-License-Identifier: Apache-2.0 */
/* Files: read-only maps, and whole files written beside their name. */
#ifndef TM_BASE_FILE_H
#define TM_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
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

/* A file under construction: bytes go to a name of its own in the same folder, which no other
 * process can guess or share; commit fsyncs and gives them the name `path`, abandon removes them.
 * Without `force` an existing `path` is refused. A commit replaces only what stood there at open:
 * if another process has made or replaced the file since, it fails, and the bytes stay under the
 * name that the message tells. Links are followed. */
typedef struct tm_outfile {
    FILE *stream;
    char *path, *temporary;
    bool replaces_any;      /* set it where all who write `path` write the same */
    bool replaces;          /* a file of these two numbers stood there */
    uint64_t device, inode;
} tm_outfile;

tm_status tm_outfile_open(tm_outfile *out, const char *path, bool force, tm_error *error);
tm_status tm_outfile_commit(tm_outfile *out, tm_error *error);
void tm_outfile_abandon(tm_outfile *out);

#endif
