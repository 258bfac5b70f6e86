/* SPDX-License-Identifier: Apache-2.0 */
/* The help of a command, written from its tables. */
#include "cli/help.h"

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

static void write_text(tm_buffer *out, const tm_command *command, const tm_option_target *targets)
{
    bool has_options = targets->group;
    tm_buffer_printf(out, "Usage: timmc %s%s%s%s\n\n", command->name,
                     has_options ? " [OPTIONS]" : "", *command->operands ? " " : "",
                     command->operands);
    add_wrapped(out, command->description, 0);
    const char *last = "", *title;
    const tm_option *option;
    for (size_t i = 0; (option = tm_help_row(targets, i, &title)); i++) {
        if (*title && strcmp(title, last) != 0)
            tm_buffer_printf(out, "\n%s:\n", title);
        else if (!*title && (*last || i == 0))
            tm_buffer_puts(out, "\n");
        last = title;
        add_option(out, option);
    }
    if (has_options)
        tm_buffer_puts(out, "\nAn option that is not given is taken from TIMMC_OPTION in the "
                            "environment,\nunless that is empty.\n");
    tm_buffer_printf(out, "\nExamples:\n  timmc %s\n  timmc %s\n", command->examples[0],
                     command->examples[1]);
}

int tm_command_help(const tm_command *command, const tm_option_target *targets, const char *layout)
{
    static const struct {
        const char *name;
        tm_help_layout *write;
    } layouts[] = {{"text", write_text},
                   {"man", tm_help_man},
                   {"bash", tm_help_bash},
                   {"zsh", tm_help_zsh},
                   {"fish", tm_help_fish}};
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (strcmp(layout ? layout : "text", layouts[i].name) == 0) {
            tm_buffer out = {0};
            layouts[i].write(&out, command, targets);
            return tm_write_stdout(&out);
        }
    return tm_usage_error(command->name,
                          "option --help: found '%s', expected text, man, bash, "
                          "zsh or fish",
                          layout);
}
