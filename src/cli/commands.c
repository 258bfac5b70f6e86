/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/endings.h"
#include "cli/help.h"
#include "cli/synonyms.h"
#include "registry/registry.h"

const tm_command_entry tm_commands[] = {
#define COMMAND(name, summary) {#name, tm_cmd_##name},
#include "cli/commands.def"
#undef COMMAND
};
const size_t tm_command_count = sizeof tm_commands / sizeof *tm_commands;

const tm_command_entry *tm_find_command(const char *name)
{
    char wanted[TM_COMMAND_NAME_MAX], known[TM_COMMAND_NAME_MAX];
    tm_command_dashed(name, wanted);
    for (size_t i = 0; i < tm_command_count; i++)
        if (strcmp(tm_command_dashed(tm_commands[i].name, known), wanted) == 0)
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
    char known[sizeof tm_commands / sizeof *tm_commands][TM_COMMAND_NAME_MAX];
    const tm_synonym *synonym = tm_command_synonym(name);
    tm_nearest nearest;
    tm_nearest_start(&nearest, name);
    for (size_t i = 0; i < tm_command_count; i++)
        tm_nearest_offer(&nearest, tm_command_dashed(tm_commands[i].name, known[i]));
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
    char name[TM_COMMAND_NAME_MAX];
    const char *summary;
    tm_buffer_puts(&out, "Usage: timmc COMMAND [OPTIONS] [OPERANDS]\n\n"
                         "Runs timm's image models: class labels, features, intermediate "
                         "outputs.\n\nCommands:\n");
    for (size_t i = 0; tm_command_at(i, name, &summary); i++)
        tm_buffer_printf(&out, "  %-22s  %s\n", name, summary);
    tm_buffer_puts(&out, "\n\"timmc help COMMAND\" tells the options of a command. With "
                         "\"--plugin FILE.so\" every\ncommand knows the models of a shared "
                         "object too; TIMMC_PLUGINS names such files.\n\n"
                         "Examples:\n"
                         "  timmc classify cat.jpg\n"
                         "  timmc list 'resnet*' --pretrained\n");
    return tm_write_stdout(&out);
}

/* The command's own words, which it writes to stdout. */
static int run_help(const tm_command_entry *entry, const char *layout)
{
    char name[TM_COMMAND_NAME_MAX], option[32];
    tm_command_dashed(entry->name, name);
    snprintf(option, sizeof option, "--help=%s", layout);
    return entry->run(2, (char *[]){name, option, NULL});
}

typedef struct help_options {
    bool man;
} help_options;

static int help(const help_options *set, const tm_arguments *arguments)
{
    if (arguments->operand_count == 0) {
        tm_buffer out = {0};
        if (!set->man)
            return tm_main_help();
        tm_manual_main(&out);
        return tm_write_stdout(&out);
    }
    const tm_command_entry *entry = tm_find_command(arguments->operands[0]);
    return entry ? run_help(entry, set->man ? "man" : "text")
                 : tm_unknown_command(arguments->operands[0]);
}

int tm_cmd_help(int argc, char **argv)
{
    static const tm_option options[] = {
        {0, "man", NULL, "write a page of the manual, as man reads it",
         TM_OPTION_VALUE(FLAG, help_options, man), 0, 0},
    };
    static const tm_option_group options_group = TM_OPTION_GROUP("Options", options);
    static const tm_command command = {
        .name = "help",
        .operands = "[COMMAND]",
        .description = "Tells how to use a command, or which commands there are.",
        .examples = {"help list", "help info"},
    };
    help_options set = {0};
    const tm_option_target targets[] = {TM_OPTION_TARGET(options_group, help_options, &set), {0}};
    tm_arguments arguments;
    int exit_code;
    if (!tm_parse_arguments(&command, targets, argc, argv, &arguments, &exit_code))
        return exit_code;
    exit_code = help(&set, &arguments);
    tm_arguments_free(&arguments);
    return exit_code;
}

static int complete(const tm_completion *completion)
{
    tm_buffer begin = {0}, end = {0};
    completion->begin(&begin);
    int exit_code = tm_write_stdout(&begin);
    for (size_t i = 0; i < tm_command_count && !exit_code; i++)
        exit_code = run_help(&tm_commands[i], completion->shell);
    if (exit_code)
        return exit_code;
    tm_buffer_puts(&end, completion->end);
    return tm_write_stdout(&end);
}

int tm_cmd_completion(int argc, char **argv)
{
    static const tm_option_target no_options = {0};
    static const tm_completion *const shells[] = {&tm_completion_bash, &tm_completion_zsh,
                                                  &tm_completion_fish};
    static const tm_command command = {
        .name = "completion",
        .operands = "bash|zsh|fish",
        .description = "Writes what makes a shell complete timmc's commands, options, their "
                       "choices and the names of models. An installed timmc has it where the "
                       "shells look for it.",
        .examples = {"completion bash >~/.local/share/bash-completion/completions/timmc",
                     "completion fish >~/.config/fish/completions/timmc.fish"},
    };
    tm_arguments arguments;
    int exit_code;
    if (!tm_parse_arguments(&command, &no_options, argc, argv, &arguments, &exit_code))
        return exit_code;
    const char *shell = arguments.operand_count == 1 ? arguments.operands[0] : "";
    const tm_completion *found = NULL;
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        found = strcmp(shells[i]->shell, shell) == 0 ? shells[i] : found;
    exit_code = found
                    ? complete(found)
                    : tm_usage_error(command.name, "found '%s', expected bash, zsh or fish", shell);
    tm_arguments_free(&arguments);
    return exit_code;
}
