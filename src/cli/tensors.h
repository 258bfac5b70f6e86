/* SPDX-License-Identifier: Apache-2.0 */
/* What features and forward-intermediates share: chosen outputs as records and as arrays. */
#ifndef TM_CLI_TENSORS_H
#define TM_CLI_TENSORS_H

#include "base/file.h"
#include "cli/records.h"
#include "cli/session.h"
#include "output/writer.h"

/* One chosen output of the model. */
typedef struct tm_shown {
    tm_output output;
    bool tokens; /* a map told as tokens: [1,L,C] instead of [1,C,H,W] */
    float *values;
    size_t count;
    double mean, std, norm; /* of the last picture's values */
} tm_shown;

typedef struct tm_tensors {
    tm_records records;
    tm_writer *writer;
    FILE *index; /* beside a .npy file: which row is which file */
    tm_outfile *index_file;
    tm_shown *shown;
    size_t count, rows;
    bool l2;             /* vectors are divided by their length */
    const char *list;    /* the record's member: "features" */
} tm_tensors;

/* The model's chosen outputs, ready to be answered. file NULL: nothing is written. Opening the
 * same .npy for several outputs is refused (TM_USAGE). */
tm_status tm_tensors_open(tm_tensors *tensors, const tm_session *session, const char *format,
                          const char *list, tm_error *error);

/* A tm_answer_fn whose context is a tm_tensors. */
tm_status tm_tensors_answer(tm_session *session, const tm_answer *answer, void *context,
                            tm_error *error);

/* Commits the files if anything succeeded; returns the exit code. */
int tm_tensors_close(tm_tensors *tensors, const tm_session *session, int exit_code);

/* Resolves indices that may be negative against `count` things; TM_USAGE names the valid ones. */
tm_status tm_resolve_indices(const tm_ints *given, int count, const char *what, const char *model,
                             int *resolved, tm_error *error);

#endif
