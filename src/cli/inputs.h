/* SPDX-License-Identifier: Apache-2.0 */
/* The inputs of a run, one after another: operands, the files of folders and of tars, names from a
 * list. */
#ifndef TM_CLI_INPUTS_H
#define TM_CLI_INPUTS_H

#include "cli/archive.h"
#include "cli/cli.h"
#include "cli/name_list.h"
#include "cli/walk.h"

typedef struct tm_inputs {
    const tm_input_options *options;
    bool quiet; /* what folders leave out is not told */
    char **operands;
    size_t operand_count, operand;
    tm_name_list list; /* --files-from */
    tm_seen streams;   /* pipes and the like can be read once */
    tm_walk walk;      /* of the folder whose files come next */
    size_t walk_next;
    tm_archive *archive;  /* whose members come next */
    tm_left_out left_out; /* of it */
    bool archives;        /* one is named, or there has been one */
    bool folder_last;     /* the last operand is one */
    bool stream;          /* the input that came last can be read once */
    size_t seen, given;   /* inputs before and after --skip and --shard */
    char *folder;
} tm_inputs;

/* TM_NOT_FOUND, TM_READ: the list of --files-from cannot be read. The options and operands must
 * outlive the inputs. */
tm_status tm_inputs_open(tm_inputs *inputs, const tm_input_options *options, char **operands,
                         size_t operand_count, tm_error *error);

/* The next input's path ("-": a picture on stdin), valid until the next call; NULL: no more. Where
 * the input is a loss, such as a folder that cannot be opened, the error says why; it is to be
 * answered like the others, and not to be read. */
const char *tm_inputs_next(tm_inputs *inputs, tm_error *error);

/* Whether the input that came last is a member of an archive, which tm_archive_read reads. */
bool tm_inputs_are_members(const tm_inputs *inputs);

/* The stream that came last turned out to be an archive, of which `begun` has been read: its
 * members come next. Takes both. */
tm_status tm_inputs_enter_stream(tm_inputs *inputs, int fd, const char *name, tm_image_bytes *begun,
                                 tm_error *error);

/* How many inputs there will be in all, as far as it is known without reading on; 0: not known. */
size_t tm_inputs_expected(const tm_inputs *inputs);

/* Where nothing was given: tells why, and returns the exit code. */
int tm_inputs_report_none(const tm_inputs *inputs);

void tm_inputs_close(tm_inputs *inputs);

#endif
