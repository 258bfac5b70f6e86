/* SPDX-License-Identifier: Apache-2.0 */
/* Completion for fish: a "complete" for each option. */
#include "cli/help.h"

/* Where the command is this one. */
static void add_condition(tm_buffer *out, const char *command)
{
    tm_buffer_printf(out, "complete -c timmc -n '__timmc_is %s'", command);
}

static void add_text(tm_buffer *out, const char *option, const char *text)
{
    tm_buffer_printf(out, " %s '", option);
    tm_help_escape(out, text, "'\\", "\\%");
    tm_buffer_puts(out, "'");
}

/* What is offered; files are unless -f says no. */
static void add_offers(tm_buffer *out, const tm_help_values *values)
{
    if (!values->files)
        tm_buffer_puts(out, " -f");
    if (!*values->words && !values->models && !values->folders && !values->commands)
        return;
    tm_buffer_printf(out, " -a '%s%s%s%s'", values->words,
                     values->models ? " (__timmc_models)" : "",
                     values->folders ? " (__fish_complete_directories)" : "",
                     values->commands ? " (__timmc_commands)" : "");
}

void tm_help_fish(tm_buffer *out, const tm_command *command, const tm_option_target *targets)
{
    const tm_option *option;
    const char *title;
    const tm_help_values operands = tm_help_operand_values(command->operands);
    add_condition(out, command->name);
    add_offers(out, &operands);
    tm_buffer_puts(out, "\n");
    for (size_t i = 0; (option = tm_help_row(targets, i, &title)); i++) {
        add_condition(out, command->name);
        if (option->short_name)
            tm_buffer_printf(out, " -s %c", option->short_name);
        tm_buffer_printf(out, " -l %s", option->name);
        if (option->argument) {
            const tm_help_values values = tm_help_option_values(option);
            tm_buffer_puts(out, " -r");
            add_offers(out, &values);
        }
        add_text(out, "-d", option->help);
        tm_buffer_puts(out, "\n");
    }
}

static void begin(tm_buffer *out)
{
    char name[TM_COMMAND_NAME_MAX];
    const char *summary;
    tm_buffer_puts(out, "# fish completion for timmc, written by \"timmc completion fish\"\n"
                        "function __timmc_is\n"
                        "    set -l words (commandline -opc)\n"
                        "    test (count $words) -gt 1; and test $words[2] = $argv[1]\nend\n\n"
                        "# Names with a dot have a tag.\n"
                        "function __timmc_models\n"
                        "    set -l word (commandline -ct | string replace -r '^--[^=]*=' '')\n"
                        "    set -l tagged\n"
                        "    string match -q '*.*' -- $word; and set tagged --pretrained\n"
                        "    timmc list -f names $tagged \"$word*\" 2>/dev/null\nend\n\n"
                        "function __timmc_commands\n");
    for (size_t i = 0; tm_command_at(i, name, &summary); i++) {
        tm_buffer_printf(out, "    printf '%%s\\t%%s\\n' %s", name);
        add_text(out, "", summary);
        tm_buffer_puts(out, "\n");
    }
    tm_buffer_puts(out, "end\n\ncomplete -c timmc -f -n 'test (count (commandline -opc)) -eq 1' "
                        "-a '(__timmc_commands)'\n");
}

const tm_completion tm_completion_fish = {"fish", begin, ""};
