/* SPDX-License-Identifier: Apache-2.0 */
/* What -o and -f make of a run: arrays of rows in files, with an index of their rows where a run
 * can go on with them; or an array on stdout in place of the records; or the records in a file. */
#ifndef TM_CLI_ARRAYS_H
#define TM_CLI_ARRAYS_H

#include "base/outfile.h"
#include "cli/answer.h"
#include "cli/journal.h"
#include "cli/meta.h"
#include "output/stream.h"
#include "output/writer.h"

typedef struct tm_arrays {
    tm_writer *writer;  /* NULL: no file */
    tm_journal journal; /* of a run that can be gone on with */
    tm_buffer log_path, meta_path, made_by;
    double shown;      /* when others could last see all of it */
    bool records;      /* go to the journal */
    bool json;         /* no other records can tell all */
    bool grows;        /* there has been something to add */
    tm_stream *stream; /* NULL: none */
    bool on_stdout;    /* that is where the stream goes */
    tm_outfile device; /* or here */
    int64_t rows;      /* so far */
} tm_arrays;

/* The formats of records, and those that are arrays on stdout. */
extern const char tm_answer_format_names[];
#define TM_ANSWER_FORMATS (tm_answer_format_names + 1)

bool tm_is_stream_format(const char *format); /* an array on stdout; NULL is none */

/* Opens what -o and -f ask for; nothing without them.
 *
 * "-o -", devices and pipes, and -f npy and raw are streams, of one array: a failed input has a row
 * of NaN in it, so that row i is input i. On stdout it takes the place of the records. A .npy file,
 * a folder, and records in a .jsonl file grow, and a run goes on with them (cli/journal.h): the
 * session skips what is done. TM_USAGE, TM_WRITE. */
tm_status tm_arrays_open(tm_arrays *arrays, tm_session *session, const tm_meta *meta,
                         const char *format, const tm_array_kind *kinds, size_t count,
                         tm_error *error);

/* The records of that format, or of the terminal's, where they are to go: nowhere, where an array
 * is on stdout. */
void tm_arrays_open_records(tm_arrays *arrays, const char *format, const tm_record_type *type,
                            tm_records *records);

/* Before anything of an input is told. */
tm_status tm_arrays_begin_row(tm_arrays *arrays, tm_error *error);

/* Sets answer->row to the row that its numbers get. */
void tm_arrays_number(const tm_arrays *arrays, tm_answer *answer);

/* One input's row of one array: shape[0] is 1; values NULL: it failed. */
tm_status tm_arrays_add(tm_arrays *arrays, const char *key, int rank, const int64_t *shape,
                        const float *values, tm_error *error);

/* All arrays of an input have been added, or it failed: the next one's row is another. */
tm_status tm_arrays_next(tm_arrays *arrays, const tm_answer *answer, tm_error *error);

/* Completes the files of a run that came to its end, leaves those that can be gone on with, else
 * leaves nothing; a stream is ended. Returns the exit code, where that is of a failure here its. */
int tm_arrays_end(tm_arrays *arrays, const tm_session *session, int exit_code);

#endif
