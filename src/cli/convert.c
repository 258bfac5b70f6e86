/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "api/model.h"
#include "base/outfile.h"
#include "cli/cli.h"
#include "output/json.h"
#include "api/save.h"

typedef struct convert_options {
    const char *dtype;
    bool force, no_ema;
    const char *model;
} convert_options;

/* clang-format off */
#define CONVERT(member) offsetof(convert_options, member)
static const tm_option options[] = {
    {'m', "model", "MODEL", "whose names the tensors get and whose shapes they must have; without "
        "it they keep their own", TM_OPTION_TEXT, CONVERT(model), 0, 0},
    {0, "dtype", "keep|f32|f16|bf16", "what floating-point numbers become (default: keep)",
        TM_OPTION_CHOICE, CONVERT(dtype), 0, 0},
    {0, "no-ema", NULL, "of a training checkpoint the trained values, not their average",
        TM_OPTION_FLAG, CONVERT(no_ema), 0, 0},
    {0, "force", NULL, "overwrite an existing file", TM_OPTION_FLAG, CONVERT(force), 0, 0},
};
/* clang-format on */

static const tm_option_group options_group = TM_OPTION_GROUP("Options", options);
static const tm_option_group *const groups[] = {&options_group, NULL};
static const tm_command command = {
    .name = "convert",
    .operands = "IN OUT.safetensors",
    .description = "Rewrites a weights file of any format as safetensors. With --model, in timm's "
                   "names, and refused where it does not fit.",
    .groups = groups,
    .examples = {"convert resnet50.pth resnet50.safetensors",
                 "convert ViT-B_16.npz vit.safetensors -m vit_base_patch16_224 --dtype bf16"},
};

static tm_save_dtype chosen_dtype(const char *name)
{
    static const char *const names[] = {"keep", "f32", "f16", "bf16"};
    for (int i = 0; name && i < 4; i++)
        if (strcmp(name, names[i]) == 0)
            return (tm_save_dtype)i;
    return TM_SAVE_KEEP;
}

/* The file's tensors, under the model's names where one is given. */
static tm_status open_input(const convert_options *chosen, const char *in, tm_weights **weights,
                            tm_error *error)
{
    tm_open_options open = TM_OPEN_OPTIONS_DEFAULT;
    tm_model *model;
    if (!chosen->model) {
        tm_status status = tm_weights_open_file(in, !chosen->no_ema, weights, error);
        return status ? status : tm_weights_settle(*weights, error);
    }
    open.weights = in;
    open.no_ema = chosen->no_ema;
    tm_status status = tm_model_open(chosen->model, &open, &model, error);
    if (!status)
        status = tm_model_open_weights(model, weights, error);
    if (!status)
        status = tm_model_require_fit(model, *weights, error);
    tm_model_close(model);
    return status;
}

static tm_status convert(const convert_options *chosen, const char *in, const char *path,
                         tm_buffer *record, tm_error *error)
{
    tm_weights *weights = NULL;
    tm_outfile out;
    tm_status status = open_input(chosen, in, &weights, error);
    if (!status)
        status = tm_outfile_open(&out, path, chosen->force, error);
    if (status) {
        tm_weights_close(weights);
        return status;
    }
    status = tm_weights_save(weights, chosen_dtype(chosen->dtype), out.stream, path, error);
    if (!status)
        status = tm_weights_check_unchanged(weights, error);
    if (status)
        tm_outfile_abandon(&out);
    else
        status = tm_outfile_commit(&out, error);
    if (!status) {
        tm_buffer_puts(record, "{\"file\":");
        tm_json_string(record, in);
        tm_buffer_puts(record, ",\"output\":");
        tm_json_string(record, path);
        tm_buffer_printf(record, ",\"tensors\":%zu}\n", tm_weights_count(weights));
    }
    tm_weights_close(weights);
    return status;
}

int tm_cmd_convert(int argc, char **argv)
{
    convert_options chosen = {0};
    void *const targets[] = {&chosen};
    tm_arguments arguments;
    tm_error error = {0};
    tm_buffer record = {0};
    int exit_code;
    if (!tm_parse_arguments(&command, targets, argc, argv, &arguments, &exit_code))
        return exit_code;
    if (arguments.operand_count != 2)
        exit_code = tm_usage_error(command.name, "IN and OUT.safetensors expected, %zu names given",
                                   arguments.operand_count);
    else if (convert(&chosen, arguments.operands[0], arguments.operands[1], &record, &error))
        exit_code = tm_report(&error);
    else
        exit_code = tm_write_stdout(&record);
    tm_buffer_free(&record);
    tm_arguments_free(&arguments);
    return exit_code;
}
