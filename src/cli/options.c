/* SPDX-License-Identifier: Apache-2.0 */
/* The command line against a command's tables. */
#include "base/text.h"
#include "cli/cli.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/synonyms.h"

enum { OPTIONS_MAX = 96, LONG_BASE = 256, HELP = LONG_BASE + OPTIONS_MAX };

/* The tables of a command in one row, as getopt wants them. */
typedef struct parser {
    const tm_command *command;
    const tm_option_target *targets;
    const tm_option *options[OPTIONS_MAX];
    void *values[OPTIONS_MAX]; /* where each one's value goes */
    bool given[OPTIONS_MAX];
    size_t count;
    struct option long_options[OPTIONS_MAX + 2];
    char short_options[2 * OPTIONS_MAX + 4];
    tm_arena *arena;
} parser;

static void add_option(parser *p, const tm_option *option, void *values, size_t *short_length)
{
    TM_ASSERT(p->count < OPTIONS_MAX);
    size_t i = p->count++;
    p->options[i] = option;
    p->values[i] = (char *)values + option->offset;
    p->long_options[i] = (struct option){
        .name = option->name,
        .has_arg = option->argument ? required_argument : no_argument,
        .val = LONG_BASE + (int)i,
    };
    if (!option->short_name)
        return;
    p->short_options[(*short_length)++] = option->short_name;
    if (option->argument)
        p->short_options[(*short_length)++] = ':';
}

static void start_parser(parser *p, const tm_command *command, const tm_option_target *targets,
                         tm_arena *arena)
{
    *p = (parser){.command = command, .targets = targets, .arena = arena};
    size_t short_length = 0;
    p->short_options[short_length++] = ':'; /* tells a missing argument from an unknown option */
    p->short_options[short_length++] = 'h';
    for (const tm_option_target *t = targets; t->group; t++)
        for (size_t i = 0; i < t->group->count; i++)
            add_option(p, &t->group->options[i], t->values, &short_length);
    p->long_options[p->count] =
        (struct option){.name = "help", .has_arg = optional_argument, .val = HELP};
}

static size_t option_number(const parser *p, int code)
{
    if (code >= LONG_BASE)
        return (size_t)(code - LONG_BASE);
    size_t i = 0;
    while (i < p->count && p->options[i]->short_name != code)
        i++;
    return i;
}

static const tm_option *find_option(const parser *p, const char *name)
{
    for (size_t i = 0; name && i < p->count; i++)
        if (strcmp(p->options[i]->name, name) == 0)
            return p->options[i];
    return NULL;
}

/* "; here it is --batch N", or what else there is to say; "": nothing is known. */
static const char *synonym_text(const parser *p, const char *name,
                                char text[static TM_NEAREST_TEXT_MAX])
{
    const tm_synonym *synonym = tm_option_synonym(name);
    const tm_option *ours = synonym ? find_option(p, synonym->ours) : NULL;
    text[0] = '\0';
    if (ours && synonym->said)
        snprintf(text, TM_NEAREST_TEXT_MAX, "; here it is %s", synonym->said);
    else if (ours)
        snprintf(text, TM_NEAREST_TEXT_MAX, "; here it is --%s%s%s", ours->name,
                 ours->argument ? " " : "", tm_or_empty(ours->argument));
    else if (synonym && synonym->at)
        snprintf(text, TM_NEAREST_TEXT_MAX, "; that is \"timmc %s\"", synonym->at);
    else if (synonym && !synonym->ours)
        snprintf(text, TM_NEAREST_TEXT_MAX, "; %s", synonym->said);
    return text;
}

static int unknown_short_option(const parser *p)
{
    char name[2] = {(char)optopt, '\0'}, text[TM_NEAREST_TEXT_MAX];
    return tm_usage_error(p->command->name, "unknown option -%s%s", name,
                          synonym_text(p, name, text));
}

static int unknown_option(const parser *p, const char *word)
{
    if (strncmp(word, "--", 2) != 0)
        return unknown_short_option(p);
    char name[64], text[TM_NEAREST_TEXT_MAX];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    size_t length = strlen(name), begun = 0;
    tm_nearest nearest;
    tm_nearest_start(&nearest, name);
    for (size_t i = 0; i < p->count; i++) {
        begun += strncmp(p->options[i]->name, name, length) == 0;
        tm_nearest_offer(&nearest, p->options[i]->name);
    }
    bool misspelt = begun <= 1 && nearest.count && nearest.distances[0] <= 1;
    if (misspelt || !*synonym_text(p, name, text))
        tm_nearest_text(&nearest, "--", text);
    return tm_usage_error(p->command->name, "%s option --%s%s", begun > 1 ? "ambiguous" : "unknown",
                          name, text);
}

static int set_value(parser *p, size_t number, const char *text, const char *source)
{
    tm_error error = {0};
    const tm_option *option = p->options[number];
    if (tm_option_value(option, text, p->values[number], p->arena, &error) == TM_OK)
        return TM_EXIT_OK;
    if (error.status == TM_NO_MEMORY)
        return tm_report(&error);
    const char *meant = tm_misplaced_value(option->name);
    return tm_usage_error(p->command->name, "%s: %s%s%s", source, error.message, meant ? "; " : "",
                          tm_or_empty(meant));
}

static int set_option(parser *p, size_t number)
{
    char source[80];
    snprintf(source, sizeof source, "--%s", p->options[number]->name);
    p->given[number] = true;
    return set_value(p, number, optarg, source);
}

/* Returns an exit code, or -1 to go on. */
static int parse_line(parser *p, int argc, char **argv)
{
    opterr = 0;
    optind = 0; /* start anew, whatever was parsed before */
    for (;;) {
        int code = getopt_long(argc, argv, p->short_options, p->long_options, NULL);
        const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";
        if (code == -1)
            return -1;
        if (code == 'h' || code == HELP)
            return tm_command_help(p->command, p->targets, code == HELP ? optarg : NULL);
        if (code == ':') {
            const tm_option *option = p->options[option_number(p, optopt)];
            return tm_usage_error(p->command->name, "option --%s needs a value: %s", option->name,
                                  option->argument);
        }
        if (code == '?' && optopt >= LONG_BASE)
            return tm_usage_error(p->command->name, "option %.*s takes no value",
                                  (int)strcspn(word, "="), word);
        int failed = code == '?' ? unknown_option(p, word) : set_option(p, option_number(p, code));
        if (failed != TM_EXIT_OK)
            return failed;
    }
}

static void variable_name(const tm_option *option, char name[static 80])
{
    snprintf(name, 80, "TIMMC_%s", option->name);
    for (char *c = name; *c; c++)
        *c = (char)(*c == '-' ? '_' : toupper((unsigned char)*c));
}

/* A flag's variable is on unless it is 0, no or false. */
static bool flag_is_on(const char *value)
{
    return strcmp(value, "0") != 0 && strcmp(value, "no") != 0 && strcmp(value, "false") != 0;
}

/* An empty variable counts as one that is not set. */
static int apply_environment(parser *p)
{
    for (size_t i = 0; i < p->count; i++) {
        char name[80];
        variable_name(p->options[i], name);
        const char *value = getenv(name);
        if (!value || !*value || p->given[i] || (!p->options[i]->argument && !flag_is_on(value)))
            continue;
        int failed = set_value(p, i, value, name);
        if (failed != TM_EXIT_OK)
            return failed;
    }
    return -1;
}

bool tm_parse_arguments(const tm_command *command, const tm_option_target *targets, int argc,
                        char **argv, tm_arguments *arguments, int *exit_code)
{
    parser p;
    *arguments = (tm_arguments){0};
    start_parser(&p, command, targets, &arguments->arena);
    *exit_code = parse_line(&p, argc, argv);
    if (*exit_code == -1)
        *exit_code = apply_environment(&p);
    if (*exit_code != -1) {
        tm_arguments_free(arguments);
        return false;
    }
    arguments->operands = argv + optind;
    arguments->operand_count = (size_t)(argc - optind);
    *exit_code = TM_EXIT_OK;
    return true;
}

void tm_arguments_free(tm_arguments *arguments)
{
    tm_arena_free(&arguments->arena);
}
