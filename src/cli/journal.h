/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lets a run be ended at any instant and gone on with: a log of a line for every answered
 * input, in their order, beside the numbers or in their place, and a meta file that says what made
 * them.
 *
 * While they grow the log is LOG.part and the meta META.part. META.part is made when all else is
 * there, and removed when all has its own name: where it is, a run is unfinished.
 */
#ifndef TM_CLI_JOURNAL_H
#define TM_CLI_JOURNAL_H

#include "base/memory.h"
#include "base/outfile.h"
#include "cli/answer.h"

typedef struct tm_journal {
    tm_outfile log; /* stream NULL: there is no journal */
    tm_growth growth;
    const char *meta_path;
    char *meta_part;
    const char *made_by; /* the meta's members that may not change: "{...", without its end */
    FILE *past;          /* lines of earlier runs that are still to be compared with the inputs */
    char *line;
    size_t capacity;
    int64_t past_inputs, compared; /* of them in all, and so far */
    int64_t inputs, rows, failed;  /* in the log */
} tm_journal;

/* Where the log and the meta of -o OUTPUT are: "x.npy": x.index.jsonl and x.meta.json; a folder:
 * the same in it; "x.jsonl" is its own log. */
tm_status tm_journal_names(const char *output, tm_buffer *log, tm_buffer *meta, tm_error *error);

/* A meta's text, which the caller frees. TM_WRITE. */
tm_status tm_journal_read_meta(const char *path, char **text, size_t *size, tm_error *error);
/* Writes one; the file appears whole. */
tm_status tm_journal_write_meta(const char *path, const tm_buffer *text, tm_error *error);

/* What a line of a log says of its input, whose row it has if it is done. */
typedef enum tm_outcome { TM_OUTCOME_NONE, TM_OUTCOME_DONE, TM_OUTCOME_FAILED } tm_outcome;
tm_outcome tm_journal_outcome(const char *line, int64_t row);

/* Finds what an earlier run left. meta_path and made_by must outlive the journal. TM_WRITE: there
 * is something unfinished, and neither resume nor force; or what made it differs. */
tm_status tm_journal_find(tm_journal *journal, const char *meta_path, const char *made_by,
                          bool resume, bool force, tm_error *error);
/* Opens the log; then arrays of a new run may be made. */
tm_status tm_journal_open(tm_journal *journal, const char *path, bool force, tm_error *error);

/* Counts the whole lines whose rows are among `rows`, and cuts the rest; rows -1: any. Then
 * everything is there that a later run goes on with, and the meta tells it. */
tm_status tm_journal_start(tm_journal *journal, int64_t rows, tm_error *error);

/* Whether an earlier run answered the next input. */
bool tm_journal_is_behind(const tm_journal *journal);
/* The next input of such a journal. TM_WRITE: the line is of another. */
tm_status tm_journal_compare(tm_journal *journal, const char *file, int index, tm_error *error);
/* There are no more inputs. TM_WRITE: the journal has more. */
tm_status tm_journal_check_end(const tm_journal *journal, tm_error *error);

/* What is in place grows once more; before anything is added. */
tm_status tm_journal_take_back(tm_journal *journal, tm_error *error);
/* Counts an input. With `line` it is written, as tm_answer_index has it. */
tm_status tm_journal_add(tm_journal *journal, const tm_answer *answer, bool line, tm_error *error);
tm_status tm_journal_show(tm_journal *journal, tm_error *error);

/* Ends a meta's text with what a whole run did. */
void tm_journal_tell_counts(tm_buffer *meta, size_t inputs, size_t rows, size_t failed,
                            int threads);

/* Each ends the journal. Commit: all arrays have their own names. threads: told in the meta. */
tm_status tm_journal_commit(tm_journal *journal, int threads, tm_error *error);
tm_status tm_journal_leave(tm_journal *journal, tm_error *error);
/* Nothing stays but what a finished run made; before the arrays are abandoned. Also of a journal
 * that did not open. */
void tm_journal_discard(tm_journal *journal);

#endif
