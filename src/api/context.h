/* SPDX-License-Identifier: Apache-2.0 */
/* A context: what the public library keeps behind its handle, and what the commands may see of it
 * beyond include/timmc.h. */
#ifndef TM_API_CONTEXT_H
#define TM_API_CONTEXT_H

#include "api/model.h"
#include "run/run.h"

struct tm_context {
    tm_model *model; /* one of its references */
    tm_runner runner;
    int last_count; /* pictures of the last run */
};

/* As tm_context_open, for runs on fewer threads than the model was opened with. */
tm_status tm_context_open_on(tm_model *model, int threads, tm_context **context, tm_error *error);

/* One input in the caller's layout into place `index` of the next run. */
void tm_context_set_input(tm_context *context, int index, const float *values);
/* Picture `index` of the next run, NHWC: [H][W][C]; a run leaves it as it is. */
float *tm_context_input(tm_context *context, int index);
/* Runs the pictures that stand in tm_context_input. step_seconds: see tm_run. */
tm_status tm_context_run_inputs(tm_context *context, int count, double *step_seconds,
                                tm_error *error);

/* A chosen output of one picture of the last run: pixel (y, x) at data + (y * w + x) * ld. */
typedef struct tm_pixels {
    const float *data;
    int h, w, c;
    size_t ld;
} tm_pixels;
tm_pixels tm_context_pixels(const tm_context *context, size_t index, int picture);

/* TM_NOT_FINITE where a chosen output of a picture of the last run has a NaN or an infinity; says
 * which one, how many and where first. */
tm_status tm_context_check_finite(const tm_context *context, int picture, tm_error *error);

#endif
