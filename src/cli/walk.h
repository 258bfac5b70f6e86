/* SPDX-License-Identifier: Apache-2.0 */
/* The pictures below a folder, and what of it was lost on the way. */
#ifndef TM_CLI_WALK_H
#define TM_CLI_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/error.h"

/* Device and inode of what was seen already. Zero-initialise; tm_seen_free. */
typedef struct tm_seen {
    struct tm_file_id *ids; /* open addressing; inode 0 is a free place */
    size_t count, capacity;
} tm_seen;

typedef enum tm_seen_answer { TM_SEEN_NEW, TM_SEEN_BEFORE, TM_SEEN_NO_MEMORY } tm_seen_answer;

tm_seen_answer tm_seen_add(tm_seen *seen, const struct stat *st);
void tm_seen_free(tm_seen *seen);

typedef enum tm_loss {
    TM_LOSS_NONE,    /* a file to read */
    TM_LOSS_STAT,    /* nobody can tell what it is; with errno */
    TM_LOSS_FOLDER,  /* a folder that cannot be opened; with errno */
    TM_LOSS_LISTING, /* a folder whose listing broke off; with errno */
    TM_LOSS_SPECIAL, /* a pipe, a socket or a device: it might never end, or never begin */
    TM_LOSS_MEMORY,  /* a folder of which there is no memory for some names */
} tm_loss;

/* One entry of the answer. */
typedef struct tm_found {
    char *path;
    tm_loss loss;
    int cause; /* errno, or 0 */
} tm_found;

enum { TM_ENDINGS_MAX = 6, TM_ENDING_LENGTH = 12 };

/* What is left out on purpose, by the ending of its name. */
typedef struct tm_left_out {
    size_t count; /* of files */
    struct {
        char ending[TM_ENDING_LENGTH]; /* ".txt"; "": names without one */
        size_t count;
    } endings[TM_ENDINGS_MAX]; /* the rest of the endings is in count alone */
    size_t ending_count;
    size_t folders_again; /* links to folders that are read anyway */
} tm_left_out;

/* Pictures and losses in natural order of their paths. lost: names for which there was no memory,
 * and for which there is no entry. */
typedef struct tm_walk {
    tm_found *found;
    size_t count, capacity;
    size_t lost;
    tm_left_out left_out;
} tm_walk;

/* Walks the folder and those in it; links are followed, each folder is read once, and hidden names
 * are left alone. Free the walk also after losses. */
void tm_walk_folder(tm_walk *walk, const char *folder);
void tm_walk_free(tm_walk *walk);

/* Records what was lost; `path` is of a pipe, a socket, a device, a folder, ... TM_OK: nothing. */
tm_status tm_loss_fail(tm_loss loss, int cause, const char *path, tm_error *error);

/* Counts a file that is left out for its name. */
void tm_leave_out(tm_left_out *left_out, const char *name);

/* "3 files are no pictures by name (.txt 2, .cls 1)"; "": nothing was left out. */
void tm_left_out_text(const tm_left_out *left_out, char *text, size_t size);

#endif
