/* SPDX-License-Identifier: Apache-2.0 */
/* The line on a terminal that tells how far a download or a run is, as wide as the terminal at
 * most; nothing where stderr is no terminal. There is one line, for there is one terminal. */
#ifndef TM_CLI_PROGRESS_H
#define TM_CLI_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

/* A tm_progress (hub/hub.h) that needs no context. The line goes with the last byte. */
void tm_progress_show(void *context, const char *file, uint64_t done, uint64_t total);

/* Wipes it off, so that something else can be told. */
void tm_progress_end(void);

/* So many pictures are answered, of `total` (0: not known), since the first call. */
void tm_progress_count(size_t done, size_t total);

#endif
