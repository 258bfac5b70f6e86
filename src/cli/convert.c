/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "api/adapt.h"
#include "api/model.h"
#include "api/save.h"
#include "base/outfile.h"
#include "base/text.h"
#include "cli/cli.h"
#include "output/json.h"
#include "weights/state_dict.h"

typedef struct convert_options {
    const char *dtype;
    bool force;
    tm_model_options model; /* those of the options that a file of weights depends on */
} convert_options;

/* clang-format off */
#define CONVERT(kind, member) TM_OPTION_VALUE(kind, convert_options, member)
static const tm_option options[] = {
    {'m', "model", "MODEL", "whose names the tensors get and whose shapes they must have; without "
        "it they keep their own", CONVERT(TEXT, model.model), 0, 0},
    {0, "dtype", "keep|f32|f16|bf16", "what floating-point numbers become (default: keep)",
        CONVERT(CHOICE, dtype), 0, 0},
    TM_FORCE_OPTION(CONVERT(FLAG, force)),
};
/* clang-format on */

static const tm_option_group options_group = TM_OPTION_GROUP("Options", options);
static const tm_command command = {
    .name = "convert",
    .operands = "IN OUT.safetensors",
    .description = "Rewrites a weights file of any format as safetensors. With --model, in timm's "
                   "names, and refused where it does not fit.",
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

/* The file's tensors under their own names. */
static tm_status open_as_is(const tm_model_options *model, const char *in, tm_weights **weights,
                            tm_error *error)
{
    tm_status status = tm_weights_open_file(in, !model->no_ema, weights, error);
    if (!status && (model->weights_key || model->weights_prefix))
        status = tm_weights_take(*weights, model->weights_key, model->weights_prefix, error);
    return status ? status : tm_weights_settle(*weights, error);
}

/* A classifier that the model does not have is not written either. */
static tm_status drop_head(const tm_model *model, tm_weights *weights, tm_error *error)
{
    tm_state_dict *state = tm_weights_state(weights);
    for (size_t i = state->count; i-- > 0;)
        if (tm_is_dropped_head(model, state->tensors[i].name))
            tm_state_drop(state, &state->tensors[i]);
    return tm_weights_settle(weights, error);
}

static tm_status open_for_model(const tm_model_options *chosen, const char *in,
                                tm_weights **weights, tm_error *error)
{
    tm_open_options open = tm_open_options_of(chosen, NULL);
    tm_model *model;
    open.weights = in;
    tm_status status = tm_model_open(chosen->model, &open, &model, error);
    if (status)
        return status;
    model->warning = model->resolved.warning; /* no picture is prepared here */
    status = tm_model_open_weights(model, weights, error);
    if (*model->warning)
        tm_print_warning("%s", model->warning);
    if (!status)
        status = drop_head(model, *weights, error);
    if (!status)
        status = tm_model_require_fit(model, *weights, error);
    tm_model_close(model);
    return status;
}

/* An option that says something of a model, where none is named; NULL: there is none. */
static const char *lone_option(const tm_model_options *model)
{
    const tm_model_options none = TM_MODEL_OPTIONS_DEFAULT;
    if (model->model)
        return NULL;
    return model->num_classes != none.num_classes           ? "num-classes"
           : model->in_chans != none.in_chans               ? "in-chans"
           : model->img_size.height != none.img_size.height ? "img-size"
           : model->global_pool                             ? "global-pool"
           : model->output_stride != none.output_stride     ? "output-stride"
                                                            : NULL;
}

/* What is written counts only once the whole of what was read is known to have rested. */
static tm_status write_output(const convert_options *chosen, tm_weights *weights, const char *path,
                              tm_error *error)
{
    tm_outfile out;
    tm_status status = tm_outfile_open(&out, path, chosen->force, error);
    if (status)
        return tm_weights_close(weights, status, error);
    status = tm_weights_save(weights, chosen_dtype(chosen->dtype), out.stream, path, error);
    status = tm_weights_close(weights, status, error);
    if (status)
        tm_outfile_abandon(&out);
    return status ? status : tm_outfile_commit(&out, error);
}

static tm_status convert(const convert_options *chosen, const char *in, const char *path,
                         tm_buffer *record, tm_error *error)
{
    tm_weights *weights = NULL;
    tm_status status = chosen->model.model ? open_for_model(&chosen->model, in, &weights, error)
                                           : open_as_is(&chosen->model, in, &weights, error);
    if (status)
        return tm_weights_close(weights, status, error);
    size_t count = tm_weights_count(weights);
    status = write_output(chosen, weights, path, error);
    if (!status) {
        tm_buffer_puts(record, "{\"file\":");
        tm_json_string(record, in);
        tm_buffer_puts(record, ",\"output\":");
        tm_json_string(record, path);
        tm_buffer_printf(record, ",\"tensors\":%zu}\n", count);
    }
    return status;
}

int tm_cmd_convert(int argc, char **argv)
{
    convert_options chosen = {.model = TM_MODEL_OPTIONS_DEFAULT};
    const tm_option_target targets[] = {TM_OPTION_TARGET(options_group, convert_options, &chosen),
                                        TM_TENSOR_TARGET(&chosen.model),
                                        {0}};
    tm_arguments arguments;
    tm_error error = {0};
    tm_buffer record = {0};
    int exit_code;
    if (!tm_parse_arguments(&command, targets, argc, argv, &arguments, &exit_code))
        return exit_code;
    if (arguments.operand_count != 2)
        exit_code = tm_usage_error(command.name, "IN and OUT.safetensors expected, %zu names given",
                                   arguments.operand_count);
    else if (!tm_has_ending(arguments.operands[1], ".safetensors"))
        exit_code = tm_usage_error(command.name,
                                   "%s: the output is safetensors, so its name must "
                                   "end in .safetensors",
                                   arguments.operands[1]);
    else if (lone_option(&chosen.model))
        exit_code = tm_usage_error(command.name, "--%s is of a model: name it with --model",
                                   lone_option(&chosen.model));
    else if (convert(&chosen, arguments.operands[0], arguments.operands[1], &record, &error))
        exit_code = tm_report(&error);
    else
        exit_code = tm_write_stdout(&record);
    tm_buffer_free(&record);
    tm_arguments_free(&arguments);
    return exit_code;
}
