/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/comparison.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

typedef struct side {
    tm_context *context;
    float *logits;
} side;

typedef struct sides {
    side own, exact;
    float *input;
    int64_t inputs, classes;
} sides;

static tm_status open_side(side *s, tm_model *model, int64_t classes, tm_error *error)
{
    tm_status status = tm_context_open(model, &s->context, error);
    s->logits = calloc((size_t)classes, sizeof *s->logits);
    if (!status && !s->logits)
        status = tm_fail(error, TM_NO_MEMORY, "no memory for %lld logits", (long long)classes);
    return status;
}

static tm_status open_sides(sides *s, tm_model *model, tm_model *exact, tm_error *error)
{
    int64_t shape[3];
    tm_output logits;
    tm_model_input_shape(model, shape);
    tm_status status = tm_model_output(model, 0, &logits, error);
    if (status)
        return status;
    s->inputs = shape[0] * shape[1] * shape[2];
    s->classes = 1;
    for (int i = 1; i < logits.rank; i++)
        s->classes *= logits.shape[i];
    s->input = calloc((size_t)s->inputs, sizeof *s->input);
    if (!s->input)
        return tm_fail(error, TM_NO_MEMORY, "no memory for a picture");
    status = open_side(&s->own, model, s->classes, error);
    return status ? status : open_side(&s->exact, exact, s->classes, error);
}

static void close_sides(sides *s)
{
    tm_context_close(s->own.context);
    tm_context_close(s->exact.context);
    free(s->own.logits);
    free(s->exact.logits);
    free(s->input);
}

static tm_status run_side(const side *s, const float *input, tm_error *error)
{
    tm_status status = tm_context_run(s->context, input, 1, error);
    return status ? status : tm_context_read(s->context, 0, 0, s->logits, error);
}

static int64_t first_class(const float *logits, int64_t classes)
{
    int64_t best = 0;
    for (int64_t i = 1; i < classes; i++)
        best = logits[i] > logits[best] ? i : best;
    return best;
}

/* NaN on either side is no small error. */
static double relative_error(const sides *s)
{
    double error = 0, size = 0;
    for (int64_t i = 0; i < s->classes; i++) {
        double exact = (double)s->exact.logits[i], d = (double)s->own.logits[i] - exact;
        error += d * d;
        size += exact * exact;
    }
    return size > 0 ? sqrt(error / size) : error > 0 ? INFINITY : error;
}

static tm_status compare_one(const sides *s, tm_comparison *result, tm_error *error)
{
    tm_status status = run_side(&s->own, s->input, error);
    if (!status)
        status = run_side(&s->exact, s->input, error);
    if (status)
        return status;
    double e = relative_error(s);
    if (isnan(e))
        return tm_fail(error, TM_NOT_FINITE, "the logits hold NaN: nothing to compare");
    result->pictures++;
    result->same_first +=
        first_class(s->own.logits, s->classes) == first_class(s->exact.logits, s->classes);
    result->mean_error += e;
    result->worst_error = fmax(result->worst_error, e);
    return TM_OK;
}

tm_status tm_compare(tm_model *model, tm_model *exact, char **files, int count, tm_fill_input *fill,
                     tm_comparison *result, tm_error *error)
{
    sides s = {0};
    *result = (tm_comparison){0};
    tm_status status = open_sides(&s, model, exact, error);
    for (int i = 0; i < (count ? count : 1) && !status; i++) {
        if (count)
            status = tm_model_preprocess_file(model, files[i], s.input, error);
        else
            fill(s.input, s.inputs);
        if (!status)
            status = compare_one(&s, result, error);
    }
    if (!status)
        result->mean_error /= result->pictures;
    close_sides(&s);
    return status;
}
