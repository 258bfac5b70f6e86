/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands that run a model share: open it as the options say, bring pictures through it
 * in batches, and answer every input once and in order, failed ones included.
 */
#ifndef TM_CLI_SESSION_H
#define TM_CLI_SESSION_H

#include "api/context.h"
#include "cli/answer.h"
#include "cli/entry.h"
#include "cli/own_aspect.h"
#include "cli/picture_notes.h"

/* The option groups of such a command. Start from the _DEFAULT. */
typedef struct tm_session_options {
    tm_model_options model;
    tm_picture_options picture;
    tm_input_options input;
    tm_run_options run;
    tm_output_options output;
    bool norm_intermediates; /* see tm_open_options, as below */
    bool from_features, pictures_only;
} tm_session_options;
#define TM_SESSION_OPTIONS_DEFAULT                                                                 \
    {                                                                                              \
        .model = TM_MODEL_OPTIONS_DEFAULT, .picture = TM_PICTURE_OPTIONS_DEFAULT,                  \
        .run = TM_RUN_OPTIONS_DEFAULT                                                              \
    }

/* All of its groups, for a command's targets. */
#define TM_SESSION_TARGETS(set)                                                                    \
    TM_MODEL_TARGET(&(set)->model), TM_PICTURE_TARGET(&(set)->picture),                            \
        TM_INPUT_TARGET(&(set)->input), TM_RUN_TARGET(&(set)->run),                                \
        TM_OUTPUT_TARGET(&(set)->output), TM_JOB_TARGET(&(set)->output)

/* Seconds, of all threads together. */
typedef struct tm_stage_seconds {
    double load, read, decode, run, write;
} tm_stage_seconds;

typedef struct tm_session {
    const tm_session_options *options;
    tm_model *model;     /* while an input is answered, that of its size */
    tm_context *context; /* and the one that ran it; NULL with shapes_only */
    tm_model *opened;    /* by name, which says how pictures are prepared */
    tm_sizes sizes;      /* of pictures of their own aspect ratio */
    tm_entry_source source;
    int batch, threads;
    bool shapes_only; /* no weights: inputs are checked, nothing is computed */
    size_t done, failed;
    struct tm_journal *journal; /* whose inputs are passed over; NULL: none */
    bool stopped;               /* on request */
    bool broken;                /* something ended the run */
    tm_picture_notes notes;
    tm_stage_seconds seconds;
} tm_session;

/* Opens the model; what it warns of goes to stderr. Then choose outputs, then run. */
tm_status tm_session_open(tm_session *session, const tm_session_options *options,
                          tm_arguments *arguments, tm_error *error);

/* --max-seq-len: outputs may have other shapes for every input, those of session->model. */
bool tm_session_keeps_aspect(const tm_session *session);

/* Chooses the scores of the model's classes as the one output. TM_USAGE: it has none, or maps. */
tm_status tm_session_choose_scores(tm_session *session, tm_error *error);

/* Loads the weights unless shapes_only, and calls answer for each input, its row not set. One
 * whose numbers are not finite is told as failed. A failure of answer ends the run. Returns the
 * exit code; what ended the run is printed. */
typedef tm_status tm_answer_fn(tm_session *session, tm_answer *answer, void *context,
                               tm_error *error);
int tm_session_run(tm_session *session, tm_answer_fn *answer, void *context);

/* What opening or loading it warned of, on stderr. */
void tm_print_model_warning(const tm_model *model);
/* -v: the loaded model, where its weights are from, and how it is run, on stderr. */
void tm_print_run(const tm_model *model, const tm_run_options *run);

void tm_session_close(tm_session *session);

#endif
