/* SPDX-License-Identifier: Apache-2.0 */
/* The spellings nearest to a misspelt name. */
#ifndef TM_REGISTRY_NEAREST_H
#define TM_REGISTRY_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

#define TM_NEAREST_MAX 3

/* Start with tm_nearest_start, offer every candidate, read names[0..count), best first. The
 * strings are the callers'; wanted and candidates must outlive this. */
typedef struct tm_nearest {
    const char *wanted;
    const char *names[TM_NEAREST_MAX];
    int distances[TM_NEAREST_MAX];
    size_t count;
} tm_nearest;

void tm_nearest_start(tm_nearest *nearest, const char *wanted);

/* Keeps the candidate when it is among the best so far and not wholly different; of equally
 * near ones the first stays ahead, and a spelling is kept once. */
void tm_nearest_offer(tm_nearest *nearest, const char *candidate);

/* "a, b, c", each behind prefix; "" when there is none. */
void tm_nearest_join(const tm_nearest *nearest, const char *prefix, char *text, size_t size);

/* The name in small letters with '_' for '-', cut to size. */
void tm_fold_name(const char *name, char *out, size_t size);

/* Insertions, deletions, substitutions and swaps of neighbours from one to the other; limit + 1
 * as soon as it exceeds limit. Only the first 127 bytes of each are compared;
 * capitals count as small letters, and '-' as '_'. */
int tm_edit_distance(const char *a, const char *b, int limit);

#endif
