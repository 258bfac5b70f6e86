/* SPDX-License-Identifier: Apache-2.0 */
/* What features and forward-intermediates share: chosen outputs as records and as arrays. */
#ifndef TM_CLI_TENSORS_H
#define TM_CLI_TENSORS_H

#include "cli/arrays.h"
#include "cli/session.h"

/* One chosen output of the model. */
typedef struct tm_shown {
    tm_output output;
    bool tokens; /* a map told as tokens: [1,L,C] instead of [1,C,H,W] */
    float *values;
    size_t count;
    const char *name; /* as it is told */
    int64_t shape[4]; /* as it is told, and its rank */
    int rank;
    double mean, std, norm; /* of the last picture's values */
} tm_shown;

typedef struct tm_tensors {
    tm_records records;
    tm_arrays arrays;
    tm_shown *shown;
    size_t count;
    bool l2;          /* vectors are divided by their length */
    const char *list; /* the record's member: "features" */
    const char *data; /* "list", "base64"; NULL: no numbers in the record */
    const char *grid; /* to be drawn still, else NULL */
} tm_tensors;

/* What makes one such command differ from the other. */
typedef struct tm_tensors_command {
    const char *command; /* its name */
    const char *kind;    /* what its tensors are, where it has several kinds */
    const char *list;    /* the record's member that holds the tensors */
    const char *format;  /* of the records, or a stream's; NULL: by the terminal */
    const char *data;    /* numbers in the records: "list", "base64"; NULL: none */
    const char *name;    /* of the one output, where it is told by another than the library's */
    bool tokens, l2;     /* see tm_shown and tm_tensors */
    const char *grid;    /* PNG of the first picture's maps; NULL: none */
    bool shapes;         /* without weights, shapes alone are an answer */
    /* Chooses outputs of the session's model. */
    tm_status (*select)(const void *chosen, tm_session *session, tm_error *error);
    const void *chosen;
} tm_tensors_command;

/* The whole command, from an open model to the exit code. */
int tm_tensors_run(const tm_tensors_command *command, const tm_session_options *set,
                   tm_arguments *arguments);

#endif
