/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/endings.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/synonyms.h"
#include "registry/registry.h"

const tm_command_entry tm_commands[] = {
#define COMMAND(name, summary) {#name, summary, tm_cmd_##name},
#include "cli/commands.def"
#undef COMMAND
};
const size_t tm_command_count = sizeof tm_commands / sizeof *tm_commands;

#define NAME_MAX_LENGTH 32

/* Commands are C identifiers in the table and have dashes on the command line. */
static const char *dashed(const char *name, char out[static NAME_MAX_LENGTH])
{
    size_t i = 0;
    for (; name[i] && i + 1 < NAME_MAX_LENGTH; i++)
        out[i] = name[i] == '_' ? '-' : name[i];
    out[i] = '\0';
    return out;
}

const tm_command_entry *tm_find_command(const char *name)
{
    char wanted[NAME_MAX_LENGTH], known[NAME_MAX_LENGTH];
    dashed(name, wanted);
    for (size_t i = 0; i < tm_command_count; i++)
        if (strcmp(dashed(tm_commands[i].name, known), wanted) == 0)
            return &tm_commands[i];
    return NULL;
}

/* No command, but what a command would take. */
static bool is_operand(const char *name)
{
    return access(name, F_OK) == 0 || tm_is_picture_name(name);
}

int tm_unknown_command(const char *name)
{
    char text[TM_NEAREST_TEXT_MAX];
    char known[sizeof tm_commands / sizeof *tm_commands][NAME_MAX_LENGTH];
    const tm_synonym *synonym = tm_command_synonym(name);
    tm_nearest nearest;
    tm_nearest_start(&nearest, name);
    for (size_t i = 0; i < tm_command_count; i++)
        tm_nearest_offer(&nearest, dashed(tm_commands[i].name, known[i]));
    if (nearest.count && nearest.distances[0] <= 1)
        synonym = NULL; /* it is rather misspelt */
    if (synonym)
        return tm_usage_error(NULL, "unknown command %s; here it is %s", name, synonym->said);
    if (is_operand(name))
        return tm_usage_error(NULL, "%s is no command; its classes: \"timmc classify %s\"", name,
                              name);
    if (tm_is_model(name))
        return tm_usage_error(NULL,
                              "%s is a model and no command; with it: \"timmc classify %s "
                              "INPUT\", \"timmc info %s\"",
                              name, name, name);
    return tm_usage_error(NULL, "unknown command %s%s", name, tm_nearest_text(&nearest, "", text));
}

int tm_main_help(void)
{
    tm_buffer out = {0};
    char name[NAME_MAX_LENGTH];
    tm_buffer_puts(&out, "Usage: timmc COMMAND [OPTIONS] [OPERANDS]\n\n"
                         "Runs timm's image models: class labels, features, intermediate "
                         "outputs.\n\nCommands:\n");
    for (size_t i = 0; i < tm_command_count; i++)
        tm_buffer_printf(&out, "  %-22s  %s\n", dashed(tm_commands[i].name, name),
                         tm_commands[i].summary);
    tm_buffer_puts(&out, "\n\"timmc help COMMAND\" tells the options of a command. With "
                         "\"--plugin FILE.so\" every\ncommand knows the models of a shared "
                         "object too; TIMMC_PLUGINS names such files.\n\n"
                         "Examples:\n"
                         "  timmc classify cat.jpg\n"
                         "  timmc list 'resnet*' --pretrained\n");
    return tm_write_stdout(&out);
}

int tm_cmd_help(int argc, char **argv)
{
    static const tm_option_target no_options = {0};
    static const tm_command command = {
        .name = "help",
        .operands = "[COMMAND]",
        .description = "Tells how to use a command, or which commands there are.",
        .examples = {"help list", "help info"},
    };
    tm_arguments arguments;
    int exit_code;
    if (!tm_parse_arguments(&command, &no_options, argc, argv, &arguments, &exit_code))
        return exit_code;
    if (arguments.operand_count == 0) {
        exit_code = tm_main_help();
    } else {
        char *name = arguments.operands[0];
        const tm_command_entry *entry = tm_find_command(name);
        char *help_arguments[] = {name, "--help", NULL};
        exit_code = entry ? entry->run(2, help_arguments) : tm_unknown_command(name);
    }
    tm_arguments_free(&arguments);
    return exit_code;
}
