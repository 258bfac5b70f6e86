/* SPDX-License-Identifier: Apache-2.0 */
/* Files as read-only maps. */
#ifndef TM_BASE_FILE_H
#define TM_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

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

#endif
