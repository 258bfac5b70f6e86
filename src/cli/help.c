/* SPDX-License-Identifier: Apache-2.0 */
/* The help of a command, written from its tables. */
#include "cli/cli.h"

#include <string.h>

enum { HELP_COLUMN = 30, LINE_WIDTH = 80 };

/* Adds text at `column`, broken between words so that no line passes LINE_WIDTH. */
static void add_wrapped(tm_buffer *out, const char *text, size_t column)
{
    size_t at = column;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (at > column && at + 1 + word > LINE_WIDTH) {
            tm_buffer_printf(out, "\n%*s", (int)column, "");
            at = column;
        } else if (at > column) {
            tm_buffer_putc(out, ' ');
            at++;
        }
        tm_buffer_add(out, text, word);
        at += word;
        text += word;
        text += strspn(text, " ");
    }
    tm_buffer_putc(out, '\n');
}

static void add_option(tm_buffer *out, const tm_option *option)
{
    size_t start = out->length;
    if (option->short_name)
        tm_buffer_printf(out, "  -%c, --%s", option->short_name, option->name);
    else
        tm_buffer_printf(out, "      --%s", option->name);
    if (option->argument)
        tm_buffer_printf(out, " %s", option->argument);
    size_t length = out->length - start;
    if (length + 2 > HELP_COLUMN)
        tm_buffer_printf(out, "\n%*s", HELP_COLUMN, "");
    else
        tm_buffer_printf(out, "%*s", (int)(HELP_COLUMN - length), "");
    add_wrapped(out, option->help, HELP_COLUMN);
}

int tm_command_help(const tm_command *command, const tm_option_target *targets)
{
    static const tm_option help = {.short_name = 'h', .name = "help", .help = "show this help"};
    tm_buffer out = {0};
    bool has_options = targets->group;
    tm_buffer_printf(&out, "Usage: timmc %s%s%s%s\n\n", command->name,
                     has_options ? " [OPTIONS]" : "", *command->operands ? " " : "",
                     command->operands);
    add_wrapped(&out, command->description, 0);
    const char *title = "";
    for (const tm_option_group *group; (group = targets->group); targets++) {
        if (strcmp(group->title, title) != 0)
            tm_buffer_printf(&out, "\n%s:\n", group->title);
        title = group->title;
        for (size_t i = 0; i < group->count; i++)
            add_option(&out, &group->options[i]);
    }
    tm_buffer_puts(&out, "\n");
    add_option(&out, &help);
    if (has_options)
        tm_buffer_puts(&out, "\nAn option that is not given is taken from TIMMC_OPTION in the "
                             "environment,\nunless that is empty.\n");
    tm_buffer_printf(&out, "\nExamples:\n  timmc %s\n  timmc %s\n", command->examples[0],
                     command->examples[1]);
    return tm_write_stdout(&out);
}
