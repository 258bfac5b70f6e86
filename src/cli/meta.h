/* SPDX-License-Identifier: Apache-2.0 */
/* What made the numbers of a run, as one JSON object: two runs whose metas are the same give the
 * same bits for the same inputs. */
#ifndef TM_CLI_META_H
#define TM_CLI_META_H

#include "cli/session.h"
#include "output/record.h"

/* An array that gets a row of each input. */
typedef struct tm_array_kind {
    const char *key, *module;
    int rank;
    int64_t shape[4]; /* shape[0] is 1; rank 0: each input's has a shape of its own */
} tm_array_kind;

typedef struct tm_meta {
    const tm_session *session; /* open, its outputs chosen */
    const char *command;
    /* Adds what else the command's options change. */
    void (*tell)(const void *context, tm_record *record);
    const void *context;
} tm_meta;

/* "{...", without the object's end: counts come behind it. Reads the weights files through, for
 * their SHA-256. */
tm_status tm_meta_make(const tm_meta *meta, const tm_array_kind *kinds, size_t count,
                       tm_buffer *out, tm_error *error);

#endif
