/* SPDX-License-Identifier: Apache-2.0 */
/* JSON text as cJSON's tree, with what cJSON does not tell: whether it was memory that failed. */
#ifndef TM_BASE_JSON_H
#define TM_BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* `size` bytes that begin with one JSON value; the caller deletes it. `whole`: nothing but space
 * follows it, and a NUL stands behind the bytes. NULL: *offset says where it is no JSON, unless
 * *no_memory. */
cJSON *tm_json_parse(const char *text, size_t size, bool whole, size_t *offset, bool *no_memory);

#endif
