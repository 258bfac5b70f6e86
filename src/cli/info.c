/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/info.h"
#include "cli/info_graph.h"
#include "cli/records.h"
#include "output/json.h"

typedef struct info_options {
    const char *format;
    tm_info_parts parts;
    tm_ints prune;
    bool prune_norm, prune_head;
    bool check, tensors;
} info_options;

/* clang-format off */
#define INFO(kind, member) TM_OPTION_VALUE(kind, info_options, member)
static const tm_option options[] = {
    {0, "features", NULL, "tell the feature maps", INFO(FLAG, parts.features), 0, 0},
    {0, "intermediates", NULL, "tell each block's output",
        INFO(FLAG, parts.intermediates), 0, 0},
    {0, "layers", NULL, "tell the graph: every operator with its shape (height, width, channels)",
        INFO(FLAG, parts.layers), 0, 0},
    {0, "tensors", NULL, "tell the names and shapes of the state dict alone: one a line, or with -f "
        "json a record",
        INFO(FLAG, tensors), 0, 0},
    {0, "prune-intermediates", "I,I,...", "parameters before and after keeping only these blocks' "
        "outputs; negative ones count from the end", INFO(INTS, prune), 0, 0},
    {0, "prune-norm", NULL, "without the final norm", INFO(FLAG, prune_norm), 0, 0},
    {0, "prune-head", NULL, "without the classifier", INFO(FLAG, prune_head), 0, 0},
    {0, "check", NULL, "compare the weights with what the model needs",
        INFO(FLAG, check), 0, 0},
    {'f', "format", "text|json|dot|svg", "dot and svg: the graph, for Graphviz or drawn for a "
        "browser (default: text on a terminal, else json)",
        INFO(CHOICE, format), 0, 0},
};
/* clang-format on */

static const tm_option_group options_group = TM_OPTION_GROUP("Options", options);
static const tm_command command = {
    .name = "info",
    .operands = "[MODEL]",
    .description = "Tells what is known about a model: parameters, multiply-adds, memory, "
                   "preprocessing, accuracy, tags, license, where its weights are. Without MODEL, "
                   "about the built-in one. With options of the model, about the changed model.",
    .examples = {"info resnet34 --features", "info vit_base_patch16_224 --format json"},
};

static const char *labels_of(const tm_model_config *config)
{
    return tm_class_names_source(&config->labels, config->resolved.config.num_classes);
}

static tm_status write_text(tm_buffer *out, const tm_model_config *config, tm_model *model,
                            const tm_info_parts *parts, tm_error *error)
{
    tm_info_line(out, "model", config->resolved.config.name);
    tm_status status = model ? tm_info_graph_text(out, model, parts, error) : TM_OK;
    tm_info_registry_text(out, &config->resolved, labels_of(config));
    return status;
}

static tm_status write_json(tm_buffer *out, const tm_model_config *config, tm_model *model,
                            const tm_info_parts *parts, tm_error *error)
{
    tm_buffer_puts(out, "{\"model\":");
    tm_json_string(out, config->resolved.config.name);
    tm_info_registry_json(out, &config->resolved, labels_of(config));
    return model ? tm_info_graph_json(out, model, parts, error) : TM_OK;
}

static void tell_tensor(const void *list, size_t i, tm_record *record)
{
    const tm_tensor_spec *tensor = (const tm_tensor_spec *)list + i;
    TM_TELL(record, "name", tm_value_text(tensor->name));
    TM_TELL(record, "shape", tm_value_integers(tensor->shape, (size_t)tensor->rank));
}

/* To stdout, all at once. */
static tm_status write_tensors(const tm_model *model, const char *format, tm_error *error)
{
    static const tm_record_type type = {.text = ""}, tensor = {.text = "{name} {shape:x}\n"};
    tm_arena arena = {0};
    tm_tensor_spec *tensors;
    size_t count;
    tm_record record = {.type = &type};
    tm_records records;
    tm_status status = tm_model_tensors(model, &arena, &tensors, &count, error);
    if (!status) {
        TM_TELL(&record, "model", tm_value_text(model->display));
        TM_TELL(&record, "tensors", tm_value_list(&tensor, tell_tensor, tensors, count));
        tm_records_open(&records, format, &type);
        tm_records_add(&records, &record);
        status = tm_records_close(&records, error);
    }
    tm_arena_free(&arena);
    return status;
}

/* The format of a graph and nothing else. */
static bool is_drawn(const char *format)
{
    return format && (strcmp(format, "dot") == 0 || strcmp(format, "svg") == 0);
}

/* What is told alone goes with nothing else: an option that nothing reads is refused. */
static tm_status check_together(const info_options *chosen, tm_error *error)
{
    bool drawn = is_drawn(chosen->format);
    bool more = chosen->parts.features || chosen->parts.intermediates || chosen->parts.layers ||
                chosen->check || chosen->prune.count;
    if ((drawn || chosen->tensors) && (more || (drawn && chosen->tensors)))
        return tm_fail(error, TM_USAGE,
                       "%s%s tells one thing alone: without the other options of info",
                       drawn ? "-f " : "--tensors", drawn ? chosen->format : "");
    if ((chosen->prune_norm || chosen->prune_head) && !chosen->prune.count)
        return tm_fail(error, TM_USAGE,
                       "--prune-norm and --prune-head go with "
                       "--prune-intermediates");
    return TM_OK;
}

/* The built model, or NULL where only the registry knows it and nothing more was asked for. */
static tm_status open_model(const char *name, const tm_resolved *resolved,
                            const info_options *chosen, const tm_open_options *open,
                            tm_model **model, tm_error *error)
{
    bool graph = chosen->parts.features || chosen->parts.intermediates || chosen->parts.layers ||
                 chosen->tensors || chosen->check || chosen->prune.count ||
                 is_drawn(chosen->format);
    *model = NULL;
    if (!graph && !tm_arch_buildable(&resolved->arch))
        return TM_OK;
    return tm_model_open(name, open, model, error);
}

static tm_status write_record(tm_buffer *out, const tm_model_config *config, tm_model *model,
                              const info_options *chosen, tm_error *error)
{
    const char *format = chosen->format            ? chosen->format
                         : tm_stdout_is_terminal() ? "text"
                                                   : "json";
    bool json = strcmp(format, "json") == 0;
    tm_status status;
    if (chosen->tensors)
        return write_tensors(model, chosen->format && json ? "jsonl" : "text", error);
    if (strcmp(format, "svg") == 0)
        return tm_info_graph_svg(out, model, error);
    if (strcmp(format, "dot") == 0) {
        tm_info_graph_dot(out, model);
        return TM_OK;
    }
    status = (json ? write_json : write_text)(out, config, model, &chosen->parts, error);
    if (!status && chosen->prune.count)
        status = tm_info_pruned(out, model, &chosen->prune, chosen->prune_norm, chosen->prune_head,
                                json, error);
    if (status)
        return status;
    if (chosen->check)
        status = tm_info_check(out, model, json, error);
    if (json)
        tm_buffer_puts(out, "}\n");
    return status;
}

static int info(const char *name, const info_options *chosen, const tm_model_options *m)
{
    tm_source source;
    tm_arena arena = {0};
    tm_model *model = NULL;
    tm_error error = {0};
    tm_buffer out = {0};
    const tm_resolved *resolved = &source.config.resolved;
    tm_open_options open = tm_open_options_of(m, NULL);
    tm_status status = check_together(chosen, &error);
    if (!status)
        status = tm_source_find(name, &open, &arena, &source, &error);
    if (!status && *resolved->warning)
        tm_print_warning("%s", resolved->warning);
    if (!status && *source.config.labels.problem)
        tm_print_warning("labels of %s: %s", resolved->config.name, source.config.labels.problem);
    if (!status)
        status = open_model(name, resolved, chosen, &open, &model, &error);
    if (!status)
        status = write_record(&out, &source.config, model, chosen, &error);
    tm_model_close(model);
    tm_arena_free(&arena);
    /* a comparison that failed tells what differs; any other failure has no answer */
    bool answered = !status || (status == TM_WEIGHTS_MISMATCH && chosen->check);
    int exit_code = answered ? tm_write_stdout(&out) : TM_EXIT_OK;
    tm_buffer_free(&out);
    return status ? tm_report(&error) : exit_code;
}

int tm_cmd_info(int argc, char **argv)
{
    info_options chosen = {0};
    tm_model_options model = TM_MODEL_OPTIONS_DEFAULT;
    const tm_option_target targets[] = {
        TM_OPTION_TARGET(options_group, info_options, &chosen), TM_MODEL_TARGET(&model), {0}};
    tm_arguments arguments;
    int exit_code;
    if (!tm_parse_arguments(&command, targets, argc, argv, &arguments, &exit_code))
        return exit_code;
    const char *name = model.model               ? model.model
                       : arguments.operand_count ? arguments.operands[0]
                                                 : TM_BUILTIN_MODEL;
    if (arguments.operand_count > (model.model ? 0 : 1))
        exit_code = tm_usage_error(command.name, "one MODEL expected, but \"%s\" follows",
                                   arguments.operands[arguments.operand_count - 1]);
    else
        exit_code = info(name, &chosen, &model);
    tm_arguments_free(&arguments);
    return exit_code;
}
