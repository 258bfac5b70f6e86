/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of a run in arrays of rows: a file or folder of -o with, beside a .npy file, an
 * index of its rows; or a stream on stdout in place of the records. */
#ifndef TM_CLI_ARRAYS_H
#define TM_CLI_ARRAYS_H

#include "base/outfile.h"
#include "cli/answer.h"
#include "output/stream.h"
#include "output/writer.h"

typedef struct tm_arrays {
    tm_writer *writer; /* NULL: no file */
    tm_outfile index;  /* stream NULL: none */
    tm_stream *stream; /* NULL: none */
    bool on_stdout;    /* that is where the stream goes */
    tm_outfile device; /* or here */
    int64_t rows;      /* so far */
} tm_arrays;

/* The formats of records, and those that are arrays on stdout. */
extern const char tm_answer_format_names[];
#define TM_ANSWER_FORMATS (tm_answer_format_names + 1)

bool tm_is_stream_format(const char *format); /* an array on stdout; NULL is none */

/* Opens what -o and -f ask for, where `count` arrays come from each input; nothing without them.
 * "-o -", devices and pipes, and -f npy and raw are streams, of one array: a failed input has a row
 * of NaN in it, so that row i is input i. On stdout it takes the place of the records. TM_USAGE,
 * TM_WRITE. */
tm_status tm_arrays_open(tm_arrays *arrays, const tm_output_options *o, const char *format,
                         size_t count, tm_error *error);

/* Sets answer->row to the row that its numbers get. */
void tm_arrays_number(const tm_arrays *arrays, tm_answer *answer);

/* One input's row of one array: shape[0] is 1; values NULL: it failed. */
tm_status tm_arrays_add(tm_arrays *arrays, const char *key, int rank, const int64_t *shape,
                        const float *values, tm_error *error);

/* All arrays of an input have been added, or it failed: the next one's row is another. */
tm_status tm_arrays_next(tm_arrays *arrays, const tm_answer *answer, tm_error *error);

/* Completes the files if `keep`, else leaves nothing; a stream is ended. */
tm_status tm_arrays_close(tm_arrays *arrays, bool keep, tm_error *error);

#endif
