/* SPDX-License-Identifier: Apache-2.0 */
/* Files as read-only maps. */
#ifndef TM_BASE_FILE_H
#define TM_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "base/memory.h"

/* A regular file's bytes. An empty file has size 0 and a NULL data pointer. A map is no copy: what
 * somebody writes into the file meanwhile is read, and what somebody cuts off reads as zeros. So
 * nothing that was read is to be believed before tm_map_check or tm_unmap has said so. */
typedef struct tm_map {
    const unsigned char *data;
    size_t size;
    struct tm_mapped_file *file; /* NULL: nothing is mapped */
} tm_map;

tm_status tm_map_file(const char *path, tm_map *map, tm_error *error);

const char *tm_map_path(const tm_map *map); /* of a file that is mapped */

/* TM_READ: since it was mapped the file was cut or written to. */
tm_status tm_map_check(const tm_map *map, tm_error *error) __attribute__((warn_unused_result));

/* Ends the map with that verdict on everything that was read. status is how the reading went: a
 * failure stays what it was. */
tm_status tm_unmap(tm_map *map, tm_status status, tm_error *error)
    __attribute__((warn_unused_result));

/* Adds what the stream has still, up to its end or until there are more than `most` bytes; what
 * went wrong are the stream's and the buffer's errors. */
void tm_read_stream(FILE *stream, size_t most, tm_buffer *bytes);

/* FOLDER/FILE, to be read as text; NULL: there is none that can be. */
FILE *tm_open_in(const char *folder, const char *file);

#endif
