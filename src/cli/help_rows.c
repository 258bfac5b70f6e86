/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <ctype.h>
#include <string.h>

const char *tm_command_dashed(const char *name, char out[static TM_COMMAND_NAME_MAX])
{
    size_t i = 0;
    for (; name[i] && i + 1 < TM_COMMAND_NAME_MAX; i++)
        out[i] = name[i] == '_' ? '-' : name[i];
    out[i] = '\0';
    return out;
}

bool tm_command_at(size_t index, char name[static TM_COMMAND_NAME_MAX], const char **summary)
{
    static const struct {
        const char *name, *summary;
    } rows[] = {
#define COMMAND(name, summary) {#name, summary},
#include "cli/commands.def"
#undef COMMAND
    };
    if (index >= sizeof rows / sizeof *rows)
        return false;
    tm_command_dashed(rows[index].name, name);
    *summary = rows[index].summary;
    return true;
}

const tm_option *tm_help_row(const tm_option_target *targets, size_t index, const char **title)
{
    static const tm_option common[] = {
        {.name = "plugin",
         .argument = "FILE.so",
         .help = "know the models of a shared object too; may be repeated"},
        {.short_name = 'h', .name = "help", .help = "show this help"},
    };
    for (; targets->group; targets++) {
        *title = targets->group->title;
        if (index < targets->group->count)
            return &targets->group->options[index];
        index -= targets->group->count;
    }
    *title = "";
    return index < sizeof common / sizeof *common ? &common[index] : NULL;
}

/* ---- values ---- */

static void add_word(tm_help_values *values, const char *word, size_t length)
{
    size_t used = strlen(values->words);
    TM_ASSERT(used + length + 2 <= sizeof values->words);
    if (used)
        values->words[used++] = ' ';
    memcpy(values->words + used, word, length);
    values->words[used + length] = '\0';
}

/* Placeholders are in capitals; of most nothing is known. */
static void add_placeholder(tm_help_values *values, const char *word, size_t length)
{
    const struct {
        const char *begin;
        bool *kind;
    } known[] = {{"FILE", &values->files},  {"IN", &values->files},
                 {"OUT.", &values->files},  {"PART", &values->files},
                 {"DIR", &values->folders}, {"MODEL", &values->models},
                 {"GLOB", &values->models}, {"COMMAND", &values->commands}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t begin = strlen(known[i].begin);
        *known[i].kind |= begin <= length && strncmp(word, known[i].begin, begin) == 0;
    }
}

static bool has_capital(const char *word, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (isupper((unsigned char)word[i]))
            return true;
    return false;
}

static tm_help_values values_of(const char *text, const char *separators, bool all_words)
{
    tm_help_values values = {0};
    for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
        size_t length = strcspn(text, separators);
        if (all_words || !has_capital(text, length))
            add_word(&values, text, length);
        else
            add_placeholder(&values, text, length);
        text += length;
    }
    return values;
}

tm_help_values tm_help_option_values(const tm_option *option)
{
    return values_of(option->argument, "|", option->kind == TM_OPTION_CHOICE);
}

/* "-o FILE PART...": an option among the operands is completed as one. */
tm_help_values tm_help_operand_values(const char *operands)
{
    tm_help_values values = values_of(operands, " []|", false);
    if (values.words[0] == '-')
        values.words[0] = '\0';
    return values;
}

void tm_help_escape(tm_buffer *out, const char *text, const char *special, const char *escaped)
{
    for (; *text; text++) {
        if (!strchr(special, *text)) {
            tm_buffer_putc(out, *text);
            continue;
        }
        for (const char *c = escaped; *c; c++)
            tm_buffer_putc(out, *c == '%' ? *text : *c);
    }
}
