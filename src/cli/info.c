/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/cli.h"
#include "cli/info.h"
#include "output/json.h"

typedef struct info_options {
    const char *format;
} info_options;

static const tm_option options[] = {
    {'f', "format", "text|json", "default: text on a terminal, else json", TM_OPTION_CHOICE,
     offsetof(info_options, format), 0, 0},
};
static const tm_option_group options_group = TM_OPTION_GROUP("Options", options);
static const tm_option_group *const groups[] = {&options_group, NULL};
static const tm_command command = {
    .name = "info",
    .operands = "[MODEL]",
    .description = "Tells what is known about a model: preprocessing, accuracy, tags, license, "
                   "where its weights are. Without MODEL, about the built-in one.",
    .groups = groups,
    .examples = {"info resnet50.a1_in1k", "info vit_base_patch16_224 --format json"},
};

static void write_text(tm_buffer *out, const tm_resolved *model)
{
    tm_info_line(out, "model", model->config.name);
    tm_info_registry_text(out, model);
}

static void write_json(tm_buffer *out, const tm_resolved *model)
{
    tm_buffer_puts(out, "{\"model\":");
    tm_json_string(out, model->config.name);
    tm_info_registry_json(out, model);
    tm_buffer_puts(out, "}\n");
}

static int info(const char *name, const char *format)
{
    tm_resolved model;
    tm_error error = {0};
    if (tm_model_resolve(name, &model, &error) != TM_OK)
        return tm_report(&error);
    if (*model.warning)
        tm_print_warning("%s", model.warning);
    if (!format)
        format = tm_stdout_is_terminal() ? "text" : "json";
    tm_buffer out = {0};
    if (strcmp(format, "text") == 0)
        write_text(&out, &model);
    else
        write_json(&out, &model);
    return tm_write_stdout(&out);
}

int tm_cmd_info(int argc, char **argv)
{
    info_options chosen = {0};
    void *const targets[] = {&chosen};
    tm_arguments arguments;
    int exit_code;
    if (!tm_parse_arguments(&command, targets, argc, argv, &arguments, &exit_code))
        return exit_code;
    if (arguments.operand_count > 1)
        exit_code = tm_usage_error(command.name, "one MODEL expected, but \"%s\" follows",
                                   arguments.operands[1]);
    else
        exit_code =
            info(arguments.operand_count ? arguments.operands[0] : TM_BUILTIN_MODEL, chosen.format);
    tm_arguments_free(&arguments);
    return exit_code;
}
