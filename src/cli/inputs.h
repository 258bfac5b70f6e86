/* SPDX-License-Identifier: Apache-2.0 */
/* The inputs of a run, one after another: operands, the files of folders, names from a list. */
#ifndef TM_CLI_INPUTS_H
#define TM_CLI_INPUTS_H

#include <stdio.h>

#include "cli/cli.h"

typedef struct tm_inputs {
    const tm_input_options *options;
    char **operands;
    size_t operand_count, operand;
    FILE *list; /* --files-from, NULL once it ended */
    char **folder; /* sorted files of the folder that is being walked */
    size_t folder_count, folder_next;
    size_t seen, given; /* inputs before and after --skip and --shard */
    char *line;
    size_t line_capacity;
} tm_inputs;

/* TM_NOT_FOUND: the list of --files-from cannot be read. The options and operands must outlive
 * the inputs. */
tm_status tm_inputs_open(tm_inputs *inputs, const tm_input_options *options, char **operands,
                         size_t operand_count, tm_error *error);

/* The next input's path ("-": a picture on stdin), valid until the next call; NULL: no more. */
const char *tm_inputs_next(tm_inputs *inputs);

void tm_inputs_close(tm_inputs *inputs);

#endif
