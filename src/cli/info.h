/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a model that `timmc info` writes, part by part. Each part adds lines to text, or
 * members, each behind a comma, to an open JSON object. */
#ifndef TM_CLI_INFO_H
#define TM_CLI_INFO_H

#include <stdbool.h>

#include "base/memory.h"
#include "registry/registry.h"

/* "label           value"; nothing where value is "". */
void tm_info_line(tm_buffer *out, const char *label, const char *value);

/* `,"key":` and `,"key":"text"`, null where text is "". */
void tm_info_key(tm_buffer *out, const char *key);
void tm_info_member(tm_buffer *out, const char *key, const char *text);

/* What the registry knows: preprocessing, results, tags, weights, where it comes from; labels:
 * whose names the classes have, or NULL. */
void tm_info_registry_text(tm_buffer *out, const tm_resolved *model, const char *labels);
void tm_info_registry_json(tm_buffer *out, const tm_resolved *model, const char *labels);

#endif
