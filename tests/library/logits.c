/* SPDX-License-Identifier: Apache-2.0 */
/* A program of a stranger's: the most probable class of a picture, by the built-in model. */
#include <stdio.h>
#include <stdlib.h>

#include <timmc.h>

static int fail(const tm_error *error)
{
    fprintf(stderr, "%s: %s\n", tm_status_name(error->status), error->message);
    return 1;
}

int main(int argc, char **argv)
{
    tm_error error;
    tm_model *model;
    tm_context *context;
    tm_output logits;
    int64_t shape[3];
    if (argc != 2)
        return 2;
    if (tm_model_open(NULL, NULL, &model, &error) || tm_model_select(model, "logits", &error) ||
        tm_model_load(model, &error) || tm_context_open(model, &context, &error))
        return fail(&error);
    tm_model_input_shape(model, shape);
    float *input = malloc((size_t)(shape[0] * shape[1] * shape[2]) * sizeof *input);
    if (tm_model_preprocess_file(model, argv[1], input, &error) ||
        tm_context_run(context, input, 1, &error) || tm_model_output(model, 0, &logits, &error))
        return fail(&error);
    float *values = malloc((size_t)logits.shape[1] * sizeof *values);
    if (tm_context_read(context, 0, 0, values, &error))
        return fail(&error);
    int best = 0;
    for (int i = 1; i < logits.shape[logits.channel_axis]; i++)
        best = values[i] > values[best] ? i : best;
    const char *name = "", *text = "";
    tm_model_label(model, best, &name, &text);
    printf("%d %s\n", best, text);
    free(values);
    free(input);
    tm_context_close(context);
    tm_model_close(model);
    return 0;
}
