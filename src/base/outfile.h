/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files: they appear under their name when they are complete, or not at all. */
#ifndef TM_BASE_OUTFILE_H
#define TM_BASE_OUTFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

/* A file under construction. Its bytes have no name, or where the file system cannot do that a
 * random one in the same folder, until commit fsyncs them and gives them the name `path`; abandon
 * removes them. Without `force` an existing `path` is refused. A commit replaces only what stood
 * there at open: if another process has made or replaced the file since, it fails, and the bytes
 * stay under the name that the message tells. Links are followed. A device or a pipe is written
 * to as it is. */
typedef struct tm_outfile {
    FILE *stream;
    char *path;
    char *temporary; /* its name while `named` */
    bool through;    /* path is a device or a pipe */
    bool nameless, named;
    bool grows;        /* see tm_outfile_grow */
    bool in_place;     /* it stands under `path`, and its bytes are there already */
    bool replaces_any; /* set it where all who write `path` write the same */
    bool replaces;     /* the file of these two numbers */
    uint64_t device, inode;
    int slot; /* in the list of names that a signal leaves, from 1; 0: none */
} tm_outfile;

/* A temporary name is so much longer at most. */
enum { TM_TEMPORARY_MORE = 32 };

tm_status tm_outfile_open(tm_outfile *out, const char *path, bool force, tm_error *error);

/* All bytes are written: brings them to the disk. Commit does that too; several files that belong
 * together are first prepared, so that a full disk leaves none of them. */
tm_status tm_outfile_prepare(tm_outfile *out, tm_error *error);
tm_status tm_outfile_commit(tm_outfile *out, tm_error *error);
void tm_outfile_abandon(tm_outfile *out);

/* ---- files that grow ---- */

typedef enum tm_growth {
    TM_GROWTH_NEW,   /* from nothing */
    TM_GROWTH_PART,  /* goes on with what an unfinished run left */
    TM_GROWTH_WHOLE, /* goes on with what a finished one did */
} tm_growth;

/* A file that others may read while it grows: PATH.part, which commit gives the name `path`. A
 * signal, a commit that fails, and tm_outfile_leave, let it stand. The caller cuts a new one to
 * nothing; the stream stands at the begin. PART: where PATH.part is gone, the file is in place;
 * WHOLE: it is. TM_WRITE, also where another process has it open like this. */
tm_status tm_outfile_grow(tm_outfile *out, const char *path, bool force, tm_growth growth,
                          tm_error *error);
/* What is behind the first `size` bytes is gone, and the stream stands there. */
tm_status tm_outfile_cut(tm_outfile *out, uint64_t size, tm_error *error);
/* A file in place becomes PATH.part, to grow once more. */
tm_status tm_outfile_take_back(tm_outfile *out, tm_error *error);
/* Closes it, its bytes written, as it is named. */
tm_status tm_outfile_leave(tm_outfile *out, tm_error *error);

/* "PATH.part" as tm_outfile_grow has it; the caller frees it. NULL: no memory. */
char *tm_outfile_part(const char *path);

/* Unlinks the temporary names of every file under construction; for signal handlers of a process
 * that ends. */
void tm_outfile_remove_pending(void);

#endif
