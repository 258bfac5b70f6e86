/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/tensors.h"

typedef struct features_options {
    tm_ints indices;
    const char *kind, *outputs, *format, *data;
    tm_tensor_picture_names pictures;
    bool l2;
    tm_wanted wanted[TM_WANTED_MAX + 1]; /* of --outputs */
    char *words;                         /* their text */
} features_options;

/* clang-format off */
#define FEATURES(kind, member) TM_OPTION_VALUE(kind, features_options, member)
static const tm_option options[] = {
    {0, "out-indices", "I,I,...", "feature maps to tell, such as 2,4 or 2-4; negative ones count from the end "
        "(default: as timm, all of a CNN, the last three of a ViT)",
        FEATURES(INTS, indices), 0, 0},
    {0, "kind", "pyramid|unpooled|pooled|pre-logits|cls|registers|patch-mean", "feature maps, the "
        "last state, the pooled embedding, what the classifier sees, or of a transformer's last state the "
        "class token, the register tokens, the mean of the patches (default: pyramid)",
        FEATURES(CHOICE, kind), 0, 0},
    {0, "outputs", "NAME,...", "several from one run: logits, the kinds but pyramid, features.N, "
        "image_intermediates.N, image_intermediates_prefix.N, image_features",
        FEATURES(TEXT, outputs), 0, 0},
    {0, "l2", NULL, "divide each tensor by its length", FEATURES(FLAG, l2), 0, 0},
    {0, "grid", "OUT.png", "draw the first picture and beside it its maps, of each the first 48 "
        "channels, dark blue where a channel is least and yellow where it is greatest",
        FEATURES(TEXT, pictures.grid), 0, 0},
    {0, "pca", "OUT.png", "colour maps and patch tokens by their first three principal components, "
        "common to all pictures, of which the first 16 are drawn",
        FEATURES(TEXT, pictures.pca), 0, 0},
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

/* The library's name of a kind, else the name itself. An encoder's embedding is what it answers,
 * since it has no head whose input could be told. */
static const char *output_of(const tm_model *model, const char *name)
{
    if (strcmp(name, "unpooled") == 0 || tm_part_of(name) != TM_PART_ALL)
        return "forward_features";
    if (strcmp(name, "pooled") == 0)
        return model->graph.no_logits ? "embedding" : "pre_logits";
    return strcmp(name, "pre-logits") == 0 ? "pre_logits" : name;
}

static tm_wanted want(const tm_model *model, const char *name)
{
    tm_part part = tm_part_of(name);
    bool renamed = part != TM_PART_ALL || strcmp(name, "pooled") == 0;
    return (tm_wanted){output_of(model, name), renamed ? name : NULL, part};
}

/* Each word of --outputs once. */
static tm_status select_list(features_options *chosen, tm_session *session, tm_error *error)
{
    char *rest = NULL;
    size_t count = 0;
    chosen->words = strdup(chosen->outputs);
    if (!chosen->words)
        return tm_fail(error, TM_NO_MEMORY, "no memory for --outputs");
    for (char *name = strtok_r(chosen->words, ",", &rest); name;
         name = strtok_r(NULL, ",", &rest)) {
        if (count == TM_WANTED_MAX)
            return tm_fail(error, TM_USAGE, "--outputs: more than %d", TM_WANTED_MAX);
        tm_wanted wanted = want(session->model, name);
        for (size_t i = 0; i < count; i++)
            if (strcmp(chosen->wanted[i].output, wanted.output) == 0 &&
                chosen->wanted[i].part == wanted.part)
                return tm_fail(error, TM_USAGE, "--outputs: %s stands there twice", name);
        if (tm_model_select(session->model, wanted.output, error))
            return error->status;
        chosen->wanted[count++] = wanted;
    }
    return count ? TM_OK : tm_fail(error, TM_USAGE, "--outputs names none");
}

static tm_status select_outputs(void *context, tm_session *session, tm_error *error)
{
    features_options *chosen = context;
    const char *kind = chosen->kind ? chosen->kind : "pyramid";
    bool pyramid = strcmp(kind, "pyramid") == 0;
    if (chosen->outputs && (chosen->kind || chosen->indices.count))
        return tm_fail(error, TM_USAGE, "--outputs says all: not with --kind or --out-indices");
    if (chosen->indices.count && !pyramid)
        return tm_fail(error, TM_USAGE, "--out-indices chooses among the maps of --kind pyramid");
    if (chosen->outputs)
        return select_list(chosen, session, error);
    if (pyramid)
        return select_pyramid(chosen, session, error);
    chosen->wanted[0] = want(session->model, kind);
    return tm_model_select(session->model, chosen->wanted[0].output, error);
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
    bool listed = chosen.outputs || (chosen.kind && strcmp(chosen.kind, "pyramid") != 0);
    const tm_tensors_command how = {.command = command.name,
                                    .kind = chosen.outputs ? chosen.outputs
                                            : chosen.kind  ? chosen.kind
                                                           : "pyramid",
                                    .list = "features",
                                    .format = chosen.format,
                                    .data = chosen.data,
                                    .wanted = listed ? chosen.wanted : NULL,
                                    .l2 = chosen.l2,
                                    .pictures = chosen.pictures,
                                    .shapes = true,
                                    .select = select_outputs,
                                    .chosen = &chosen};
    exit_code = tm_tensors_run(&how, &set, &arguments);
    free(chosen.words);
    tm_arguments_free(&arguments);
    return exit_code;
}
