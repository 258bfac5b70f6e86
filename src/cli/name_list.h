/* SPDX-License-Identifier: Apache-2.0 */
/* Names of inputs from a file or a pipe, one a line. */
#ifndef TM_CLI_NAME_LIST_H
#define TM_CLI_NAME_LIST_H

#include "base/error.h"

typedef struct tm_name_list {
    const char *from; /* "-": stdin */
    char end;         /* of a name: a line's, or NUL */
    int fd;           /* -1: there is none, or it ended */
    size_t lines;     /* so far */
    bool failed;      /* it broke off */
    char *line, *block;
    size_t at, filled; /* of the block */
} tm_name_list;

/* TM_NOT_FOUND, TM_READ. `from` must outlive the list. */
tm_status tm_name_list_open(tm_name_list *list, const char *from, bool null_separated,
                            tm_error *error);

/* The next name, valid until the next call; empty lines are passed over. NULL: it ended, or a stop
 * was asked for. Where the error is set the name is none, and what broke off is told under the
 * list's own. Constant memory for any file. */
const char *tm_name_list_next(tm_name_list *list, tm_error *error);

void tm_name_list_close(tm_name_list *list);

#endif
