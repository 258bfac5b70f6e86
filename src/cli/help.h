/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command's tables say, laid out for readers and for shells. "--help=LAYOUT" of every
 * command writes one: text, man (a page of its manual), bash, zsh or fish (its part of what
 * completes a command line).
 */
#ifndef TM_CLI_HELP_H
#define TM_CLI_HELP_H

#include "base/memory.h"
#include "cli/cli.h"

enum { TM_COMMAND_NAME_MAX = 32 };

/* Commands are C identifiers in commands.def and have dashes on the command line. */
const char *tm_command_dashed(const char *name, char out[static TM_COMMAND_NAME_MAX]);

/* Name, with dashes, and summary of a line of commands.def; false: there are no more. */
bool tm_command_at(size_t index, char name[static TM_COMMAND_NAME_MAX], const char **summary);

/* A row of a command's tables, behind them those that every command has, of no title; NULL: there
 * are no more. */
const tm_option *tm_help_row(const tm_option_target *targets, size_t index, const char **title);

/* What may stand for an option's argument or a command's operands. */
typedef struct tm_help_values {
    char words[160]; /* "a b c" */
    bool files, folders, models, commands;
} tm_help_values;

tm_help_values tm_help_option_values(const tm_option *option);
tm_help_values tm_help_operand_values(const char *operands);

/* Adds text, `escaped` for each of the characters `special`: '%' in it is the character. */
void tm_help_escape(tm_buffer *out, const char *text, const char *special, const char *escaped);

/* ---- layouts ---- */

typedef void tm_help_layout(tm_buffer *out, const tm_command *command,
                            const tm_option_target *targets);
tm_help_layout tm_help_man, tm_help_bash, tm_help_zsh, tm_help_fish;

/* The manual's first page: commands, exit status, environment, files. */
void tm_manual_main(tm_buffer *out);

/* What stands around the parts of all commands; begin names the commands. */
typedef struct tm_completion {
    const char *shell;
    void (*begin)(tm_buffer *out);
    const char *end;
} tm_completion;
extern const tm_completion tm_completion_bash, tm_completion_zsh, tm_completion_fish;

#endif
