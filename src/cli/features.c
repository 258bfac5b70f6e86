/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/tensors.h"

typedef struct features_options {
    tm_ints indices;
    const char *kind, *format, *grid, *data;
    bool l2;
} features_options;

/* clang-format off */
#define FEATURES(kind, member) TM_OPTION_VALUE(kind, features_options, member)
static const tm_option options[] = {
    {0, "out-indices", "I,I,...", "feature maps to tell, such as 2,4 or 2-4; negative ones count from the end "
        "(default: as timm, all of a CNN, the last three of a ViT)",
        FEATURES(INTS, indices), 0, 0},
    {0, "kind", "pyramid|unpooled|pooled|pre-logits", "feature maps, the last state, the pooled "
        "embedding, or what the classifier sees (default: pyramid)",
        FEATURES(CHOICE, kind), 0, 0},
    {0, "l2", NULL, "divide each tensor by its length", FEATURES(FLAG, l2), 0, 0},
    {0, "grid", "OUT.png", "draw the first picture's maps, a tile per channel",
        FEATURES(TEXT, grid), 0, 0},
    {0, "data", "list|base64", "put the numbers into the records: in JSON, or as base64 of "
        "little-endian float32",
        FEATURES(CHOICE, data), 0, 0},
    {'f', "format", TM_ANSWER_FORMATS, "default: text on a terminal, else "
        "jsonl; npy and raw write one tensor's numbers to stdout in place of the records",
        FEATURES(CHOICE, format), 0, 0},
};
/* clang-format on */

static const tm_option_group options_group = TM_OPTION_GROUP("Options", options);
static const tm_command command = {
    .name = "features",
    .operands = "[MODEL] INPUT...",
    .description = "Computes feature maps or embeddings of pictures, one record for every input, "
                   "in their order. --data puts the numbers into the records; with -o they go to a "
                   "file: .npy (one array, with an .index.jsonl beside it), .npz, .safetensors, or "
                   "a folder of .npy files. -f npy and -f raw send one tensor's to stdout. Where "
                   "the model's weights are not at hand, the record tells the shapes alone.",
    .examples = {"features resnet34 --out-indices 2,3,4 cat.jpg",
                 "features --kind pooled -o embeddings.npy cat.jpg"},
};

static tm_status select_index(tm_session *session, int index, tm_error *error)
{
    char name[64];
    snprintf(name, sizeof name, "features.%d", index);
    return tm_model_select(session->model, name, error);
}

static tm_status select_pyramid(const features_options *chosen, tm_session *session,
                                tm_error *error)
{
    const tm_graph *graph = &session->model->graph;
    int count = tm_graph_tap_count(graph, TM_TAP_FEATURE), indices[TM_INDICES_MAX];
    if (graph->no_features || !count)
        return tm_fail(error, TM_USAGE, "%s has no feature maps%s%s", session->model->display,
                       graph->no_features ? ": " : "", tm_or_empty(graph->no_features));
    tm_status status = tm_resolve_indices(&chosen->indices, count, "feature map",
                                          session->model->display, indices, error);
    for (size_t i = 0; i < chosen->indices.count && !status; i++)
        status = select_index(session, indices[i], error);
    for (int i = 0; i < count && !chosen->indices.count && !status; i++)
        if (tm_graph_is_default_feature(graph, i))
            status = select_index(session, i, error);
    return status;
}

static tm_status select_outputs(const void *context, tm_session *session, tm_error *error)
{
    const features_options *chosen = context;
    const char *kind = chosen->kind ? chosen->kind : "pyramid";
    if (strcmp(kind, "pyramid") == 0)
        return select_pyramid(chosen, session, error);
    if (chosen->indices.count)
        return tm_fail(error, TM_USAGE, "--out-indices chooses among the maps of --kind pyramid");
    if (strcmp(kind, "unpooled") == 0)
        return tm_model_select(session->model, "forward_features", error);
    /* an encoder's embedding is what it answers, since it has no head whose input could be told */
    bool headless = session->model->graph.no_logits && strcmp(kind, "pooled") == 0;
    return tm_model_select(session->model, headless ? "embedding" : "pre_logits", error);
}

int tm_cmd_features(int argc, char **argv)
{
    features_options chosen = {0};
    tm_session_options set = TM_SESSION_OPTIONS_DEFAULT;
    const tm_option_target targets[] = {
        TM_OPTION_TARGET(options_group, features_options, &chosen), TM_SESSION_TARGETS(&set), {0}};
    tm_arguments arguments;
    int exit_code;
    if (!tm_parse_arguments(&command, targets, argc, argv, &arguments, &exit_code))
        return exit_code;
    const tm_tensors_command how = {
        .command = command.name,
        .kind = chosen.kind ? chosen.kind : "pyramid",
        .list = "features",
        .format = chosen.format,
        .data = chosen.data,
        .name = chosen.kind && strcmp(chosen.kind, "pooled") == 0 ? "pooled" : NULL,
        .l2 = chosen.l2,
        .grid = chosen.grid,
        .shapes = true,
        .select = select_outputs,
        .chosen = &chosen};
    exit_code = tm_tensors_run(&how, &set, &arguments);
    tm_arguments_free(&arguments);
    return exit_code;
}
