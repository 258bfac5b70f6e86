/* SPDX-License-Identifier: Apache-2.0 */
/* What made the numbers of a run, as one JSON object: two runs whose metas are the same give the
 * same bits for the same inputs. */
#ifndef TM_CLI_META_H
#define TM_CLI_META_H

#include "cli/session.h"
#include "output/record.h"

typedef struct tm_meta {
    const tm_session *session; /* open, its outputs chosen */
    const char *command;
    /* Adds what else the command's options change. */
    void (*tell)(const void *context, tm_record *record);
    const void *context;
} tm_meta;

/* "{...", without the object's end: counts come behind it. Reads the weights files through, for
 * their SHA-256. */
tm_status tm_meta_make(const tm_meta *meta, tm_buffer *out, tm_error *error);

#endif
