/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/tensors.h"

typedef struct intermediates_options {
    tm_ints indices;
    int last;
    const char *output_fmt, *format, *data;
    bool norm, prefix, only;
} intermediates_options;

/* clang-format off */
#define INTERMEDIATES(kind, member) TM_OPTION_VALUE(kind, intermediates_options, member)
static const tm_option options[] = {
    {0, "indices", "I,I,...", "blocks to tell, such as 2,5,-1, 2-4 or 3:12:3; negative ones count from the end "
        "(default: all)",
        INTERMEDIATES(INTS, indices), 0, 0},
    {0, "last", "N", "the last N blocks", INTERMEDIATES(INT, last), 1, 100000},
    {0, "output-fmt", "NCHW|NLC", "maps, or tokens where the model has them (default: NCHW)",
        INTERMEDIATES(CHOICE, output_fmt), 0, 0},
    {0, "norm", NULL, "apply the final norm to each; refused where there is none",
        INTERMEDIATES(FLAG, norm), 0, 0},
    {0, "prefix-tokens", NULL, "tell class, distillation and register tokens too",
        INTERMEDIATES(FLAG, prefix), 0, 0},
    {0, "intermediates-only", NULL, "leave out the final state",
        INTERMEDIATES(FLAG, only), 0, 0},
    {0, "data", "list|base64", "put the numbers into the records: in JSON, or as base64 of "
        "little-endian float32",
        INTERMEDIATES(CHOICE, data), 0, 0},
    {'f', "format", TM_ANSWER_FORMATS, "default: text on a terminal, else "
        "jsonl; npy and raw write one tensor's numbers to stdout in place of the records",
        INTERMEDIATES(CHOICE, format), 0, 0},
};
/* clang-format on */

static const tm_option_group options_group = TM_OPTION_GROUP("Options", options);
static const tm_command command = {
    .name = "forward-intermediates",
    .operands = "[MODEL] INPUT...",
    .description = "Computes the output of each block and the final state, as timm's "
                   "forward_intermediates, one record for every input. The numbers go to the file "
                   "of -o, or with --data into the records, under timm's names: image_features "
                   "(image_features.N where timm returns a list), image_intermediates.N, "
                   "image_intermediates_prefix.N. Blocks that nothing needs are not computed, and "
                   "their weights are not read.",
    .examples = {"forward-intermediates --last 2 cat.jpg",
                 "forward-intermediates vit_base_patch16_224 --no-pretrained --indices 2,5,-1 "
                 "--prefix-tokens cat.jpg"},
};

static tm_status select_block(const intermediates_options *chosen, tm_session *session, int index,
                              tm_error *error)
{
    char name[64];
    snprintf(name, sizeof name, "image_intermediates.%d", index);
    tm_status status = tm_model_select(session->model, name, error);
    if (status || !chosen->prefix)
        return status;
    snprintf(name, sizeof name, "image_intermediates_prefix.%d", index);
    return tm_model_select(session->model, name, error);
}

static tm_status check_format(const intermediates_options *chosen, const tm_session *session,
                              tm_error *error)
{
    const tm_graph *graph = &session->model->graph;
    if (chosen->output_fmt && strcmp(chosen->output_fmt, "NLC") == 0 && !graph->token_blocks)
        return tm_fail(error, TM_USAGE,
                       "%s: timm gives its intermediates as maps: --output-fmt must be NCHW",
                       session->model->display);
    if (chosen->prefix && !tm_graph_tap_count(graph, TM_TAP_PREFIX))
        return tm_fail(error, TM_USAGE, "%s has no prefix tokens", session->model->display);
    return TM_OK;
}

static tm_status select_outputs(void *context, tm_session *session, tm_error *error)
{
    const intermediates_options *chosen = context;
    const tm_graph *graph = &session->model->graph;
    const char *model = session->model->display;
    int count = tm_graph_tap_count(graph, TM_TAP_INTERMEDIATE), indices[TM_INDICES_MAX];
    if (graph->no_intermediates || !count)
        return tm_fail(error, TM_USAGE, "%s has no intermediates%s%s", model,
                       graph->no_intermediates ? ": " : "", tm_or_empty(graph->no_intermediates));
    if (chosen->last && chosen->indices.count)
        return tm_fail(error, TM_USAGE, "--last and --indices exclude each other");
    if (chosen->last > count)
        return tm_fail(error, TM_USAGE, "%s has %d blocks, not %d", model, count, chosen->last);
    tm_status status = check_format(chosen, session, error);
    if (!status && !chosen->only)
        status = tm_model_select(session->model, "image_features", error);
    if (!status)
        status = tm_resolve_indices(&chosen->indices, count, "block", model, indices, error);
    for (size_t i = 0; i < chosen->indices.count && !status; i++)
        status = select_block(chosen, session, indices[i], error);
    int first = chosen->last ? count - chosen->last : 0;
    for (int i = first; i < count && !chosen->indices.count && !status; i++)
        status = select_block(chosen, session, i, error);
    return status;
}

int tm_cmd_forward_intermediates(int argc, char **argv)
{
    intermediates_options chosen = {0};
    tm_session_options set = TM_SESSION_OPTIONS_DEFAULT;
    const tm_option_target targets[] = {
        TM_OPTION_TARGET(options_group, intermediates_options, &chosen),
        TM_SESSION_TARGETS(&set),
        {0}};
    tm_arguments arguments;
    int exit_code;
    if (!tm_parse_arguments(&command, targets, argc, argv, &arguments, &exit_code))
        return exit_code;
    set.norm_intermediates = chosen.norm;
    const tm_tensors_command how = {.command = command.name,
                                    .list = "tensors",
                                    .format = chosen.format,
                                    .data = chosen.data,
                                    .tokens =
                                        chosen.output_fmt && strcmp(chosen.output_fmt, "NLC") == 0,
                                    .select = select_outputs,
                                    .chosen = &chosen};
    exit_code = tm_tensors_run(&how, &set, &arguments);
    tm_arguments_free(&arguments);
    return exit_code;
}
