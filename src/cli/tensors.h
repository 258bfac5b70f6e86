/* SPDX-License-Identifier: Apache-2.0 */
/* What features and forward-intermediates share: chosen outputs as records and as arrays. */
#ifndef TM_CLI_TENSORS_H
#define TM_CLI_TENSORS_H

#include "cli/arrays.h"
#include "cli/parts.h"
#include "cli/session.h"
#include "cli/tensor_pictures.h"

/* What is asked for. */
typedef struct tm_wanted {
    const char *output; /* the library's name; of the few that are several, that of all */
    const char *name;   /* as it is told; NULL: the library's */
    tm_part part;
} tm_wanted;

enum { TM_WANTED_MAX = 64 };

/* One chosen output of the model. */
typedef struct tm_shown {
    tm_output output;
    size_t source; /* of the session's model */
    tm_part_place place;
    bool tokens; /* a map told as tokens: [1,L,C] instead of [1,C,H,W] */
    float *values;
    size_t whole, count; /* numbers of the output, and of what is told of it */
    const char *name;    /* as it is told */
    int64_t shape[4];    /* as it is told, and its rank */
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
    tm_tensor_pictures pictures;
} tm_tensors;

/* What makes one such command differ from the other. */
typedef struct tm_tensors_command {
    const char *command; /* its name */
    const char *kind;    /* what its tensors are, where it has several kinds */
    const char *list;    /* the record's member that holds the tensors */
    const char *format;  /* of the records, or a stream's; NULL: by the terminal */
    const char *data;    /* numbers in the records: "list", "base64"; NULL: none */
    const tm_wanted
        *wanted;     /* of the chosen outputs; ended by one without; NULL: all, as they are */
    bool tokens, l2; /* see tm_shown and tm_tensors */
    tm_tensor_picture_names pictures;
    bool shapes; /* without weights, shapes alone are an answer */
    /* Chooses outputs of the session's model. */
    tm_status (*select)(void *chosen, tm_session *session, tm_error *error);
    void *chosen;
} tm_tensors_command;

/* The whole command, from an open model to the exit code. */
int tm_tensors_run(const tm_tensors_command *command, const tm_session_options *set,
                   tm_arguments *arguments);

#endif
