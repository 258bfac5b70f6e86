/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are being downloaded. Every process writes to a random name of its own,
 * STEM.MACHINE-PID-RANDOM.incomplete, so no lock is needed, which some file systems only pretend
 * to have. What a dead process left is taken over by rename(), which one of several that try it
 * survives. A process on this machine is dead when the kernel says so; one elsewhere is taken for
 * dead when its file was silent for long, and then its bytes are copied, for it may still write,
 * as are another user's. What may be resumed stays: a week, if nobody comes back for it.
 */
#ifndef TM_HUB_PARTIAL_H
#define TM_HUB_PARTIAL_H

#include <stdint.h>

#include "base/error.h"
#include "hub/cache.h"

/* Seconds of silence after which the owner on another machine is taken for dead. */
#define TM_PARTIAL_SILENCE 900
/* And after which an abandoned file is removed, whatever it is of. */
#define TM_PARTIAL_STALE (7 * 86400)

typedef struct tm_partial {
    int fd;
    uint64_t size;          /* of what an earlier process left; the file stands behind it */
    char stem[TM_PATH_MAX]; /* folder and begin of the name */
    char path[TM_PATH_MAX];
} tm_partial;

/* Creates the file, with the bytes of the largest abandoned one where `resume` allows; otherwise
 * nobody can use those, and they are removed. TM_WRITE. */
tm_status tm_partial_open(const char *stem, bool resume, tm_partial *partial, tm_error *error);

/* Cuts it to nothing. */
tm_status tm_partial_restart(tm_partial *partial, tm_error *error);

/* Gives the complete file its name in the same folder, or removes it where something has that name
 * already; removes what dead processes left of it. TM_NETWORK: another process took it over. */
tm_status tm_partial_commit(tm_partial *partial, const char *path, tm_error *error);

/* Leaves it to whoever comes next, or removes it where there is nothing in it. */
void tm_partial_leave(tm_partial *partial);

/* Removes it. */
void tm_partial_discard(tm_partial *partial);

#endif
