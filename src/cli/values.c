/* SPDX-License-Identifier: Apache-2.0 */
/* What the text of an option's value means. */
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/shard.h"

enum { INTS_MAX = 4096 };

typedef struct bounds {
    double min, max;
    bool whole;
} bounds;

static bounds option_range(const tm_option *option)
{
    bool whole = option->kind != TM_OPTION_NUMBER && option->kind != TM_OPTION_NUMBERS;
    bool any = option->min == 0 && option->max == 0;
    if (!any)
        return (bounds){option->min, option->max, whole};
    if (option->kind == TM_OPTION_COUNT)
        return (bounds){0, 1e15, whole};
    return whole ? (bounds){INT_MIN, INT_MAX, whole} : (bounds){-HUGE_VAL, HUGE_VAL, whole};
}

/* One number that ends at text's NUL or at `end`, a character. Hexadecimal, infinities and NaN
 * are refused by their letters. */
static bool parse_number(const char *text, char end, const bounds *range, double *number,
                         const char **rest)
{
    size_t length = strspn(text, range->whole ? "+-0123456789" : "+-0123456789.eE");
    if (length == 0 || (text[length] && text[length] != end))
        return false;
    char *stop;
    errno = 0;
    *number = range->whole ? (double)strtoll(text, &stop, 10) : strtod(text, &stop);
    if (stop != text + length || errno != 0 || !(*number >= range->min && *number <= range->max))
        return false;
    *rest = stop;
    return true;
}

/* Up to max numbers with commas between; *count of them are in the arena. */
static const double *parse_list(const char *text, const bounds *range, size_t max, size_t *count,
                                tm_arena *arena)
{
    size_t items = 1;
    for (const char *p = text; *p; p++)
        items += *p == ',';
    double *list = items <= max ? tm_arena_alloc(arena, items * sizeof *list) : NULL;
    if (!list)
        return NULL;
    for (size_t i = 0; i < items; i++) {
        if (!parse_number(text, i + 1 < items ? ',' : '\0', range, &list[i], &text))
            return NULL;
        text += i + 1 < items;
    }
    *count = items;
    return list;
}

static tm_status refuse(const tm_option *option, const char *text, tm_error *error)
{
    bounds range = option_range(option);
    const char *what = range.whole ? "whole number" : "number";
    const char *list = option->kind == TM_OPTION_NUMBERS ? " (several with commas between)"
                       : option->kind == TM_OPTION_INTS
                           ? " (several with commas between, 2-4 or 3:12:3)"
                           : "";
    if (option->kind == TM_OPTION_COUNT && option->max == 0)
        return tm_fail(error, TM_USAGE, "\"%.100s\" is not a count", text);
    if (option->min == 0 && option->max == 0)
        return tm_fail(error, TM_USAGE, "\"%.100s\" is not a %s%s", text, what, list);
    return tm_fail(error, TM_USAGE, "\"%.100s\" is not a %s from %.15g to %.15g%s%s", text, what,
                   range.min, range.max, list,
                   option->kind == TM_OPTION_AUTO ? ", nor \"auto\"" : "");
}

static tm_status no_memory(tm_error *error)
{
    return tm_fail(error, TM_NO_MEMORY, "out of memory");
}

static tm_status parse_choice(const tm_option *option, const char *text, const char **value,
                              tm_error *error)
{
    size_t length = strlen(text);
    for (const char *p = option->argument; *p;) {
        size_t word = strcspn(p, "|");
        if (word == length && memcmp(p, text, length) == 0) {
            *value = text;
            return TM_OK;
        }
        p += word + (p[word] == '|');
    }
    return tm_fail(error, TM_USAGE, "\"%.100s\" is not one of %s", text, option->argument);
}

/* Whole numbers first, first + step, ... before `end`. */
typedef struct span {
    int first, end, step;
} span;

static bool parse_count(const char **text, int *count)
{
    char *end;
    errno = 0;
    long value = strtol(*text, &end, 10);
    if (**text < '0' || **text > '9' || errno || value >= INT_MAX)
        return false;
    *text = end;
    *count = (int)value;
    return true;
}

/* "7", "-1", "2-4" with its end, "3:12" and "3:12:3" without, as Python has them. */
static bool parse_span(const char **text, const bounds *range, span *s)
{
    const char *p = *text;
    char *end;
    errno = 0;
    long first = strtol(p, &end, 10);
    if (end == p || !strchr("+-0123456789", *p) || errno || first < range->min ||
        first > range->max || first >= INT_MAX)
        return false;
    p = end;
    *s = (span){(int)first, (int)first + 1, 1};
    if (*p == '-' || *p == ':') {
        bool closed = *p++ == '-';
        if (first < 0 || !parse_count(&p, &s->end))
            return false;
        s->end += closed;
        if (!closed && *p == ':' && (p++, !parse_count(&p, &s->step)))
            return false;
    }
    *text = p;
    return s->step > 0 && s->end > s->first && s->end - 1 <= range->max;
}

static tm_status parse_ints(const tm_option *option, const char *text, tm_ints *value,
                            tm_arena *arena, tm_error *error)
{
    bounds range = option_range(option);
    const char *p = text;
    int *ints = tm_arena_alloc(arena, INTS_MAX * sizeof *ints);
    if (!ints)
        return no_memory(error);
    *value = (tm_ints){.values = ints};
    for (bool more = true; more; p++) {
        span s;
        if (!parse_span(&p, &range, &s) || (*p && *p != ','))
            return refuse(option, text, error);
        for (int i = s.first; i < s.end; i += s.step) {
            if (value->count == INTS_MAX || i > INT_MAX - s.step)
                return refuse(option, text, error);
            ints[value->count++] = i;
        }
        more = *p;
    }
    return TM_OK;
}

static tm_status parse_numbers(const tm_option *option, const char *text, tm_numbers *value,
                               tm_arena *arena, tm_error *error)
{
    bounds range = option_range(option);
    size_t count;
    const double *numbers = parse_list(text, &range, 4096, &count, arena);
    if (arena->failed)
        return no_memory(error);
    if (!numbers)
        return refuse(option, text, error);
    *value = (tm_numbers){numbers, count};
    return TM_OK;
}

static tm_status parse_img_size(const tm_option *option, const char *text, tm_img_size *value,
                                tm_arena *arena, tm_error *error)
{
    bounds range = option_range(option);
    size_t count;
    const double *sides = parse_list(text, &range, 2, &count, arena);
    if (arena->failed)
        return no_memory(error);
    if (!sides)
        return tm_fail(error, TM_USAGE,
                       "\"%.100s\" is not a size N or HEIGHT,WIDTH of %.15g to %.15g pixels", text,
                       range.min, range.max);
    *value = (tm_img_size){(int)sides[0], (int)sides[count - 1]};
    return TM_OK;
}

static tm_status add_text(const char *text, tm_texts *value, tm_arena *arena, tm_error *error)
{
    const char **values = tm_arena_alloc(arena, (value->count + 2) * sizeof *values);
    if (!values)
        return no_memory(error);
    if (value->count > 0)
        memcpy(values, value->values, value->count * sizeof *values);
    values[value->count] = text;
    values[value->count + 1] = NULL;
    *value = (tm_texts){values, value->count + 1};
    return TM_OK;
}

tm_status tm_option_value(const tm_option *option, const char *text, void *value, tm_arena *arena,
                          tm_error *error)
{
    bounds range = option_range(option);
    double number;
    const char *rest;
    switch (option->kind) {
    case TM_OPTION_FLAG:
    case TM_OPTION_FLAG_OFF:
        *(bool *)value = option->kind == TM_OPTION_FLAG;
        return TM_OK;
    case TM_OPTION_TEXT:
        *(const char **)value = text;
        return TM_OK;
    case TM_OPTION_CHOICE:
        return parse_choice(option, text, value, error);
    case TM_OPTION_AUTO:
        if (strcmp(text, "auto") == 0) {
            *(int *)value = 0;
            return TM_OK;
        }
        /* fall through */
    case TM_OPTION_INT:
        if (!parse_number(text, '\0', &range, &number, &rest))
            return refuse(option, text, error);
        *(int *)value = (int)number;
        return TM_OK;
    case TM_OPTION_COUNT:
        if (!parse_number(text, '\0', &range, &number, &rest))
            return refuse(option, text, error);
        *(size_t *)value = (size_t)number;
        return TM_OK;
    case TM_OPTION_NUMBER:
        if (!parse_number(text, '\0', &range, &number, &rest))
            return refuse(option, text, error);
        *(double *)value = number;
        return TM_OK;
    case TM_OPTION_TEXTS:
        return add_text(text, value, arena, error);
    case TM_OPTION_INTS:
        return parse_ints(option, text, value, arena, error);
    case TM_OPTION_NUMBERS:
        return parse_numbers(option, text, value, arena, error);
    case TM_OPTION_IMG_SIZE:
        return parse_img_size(option, text, value, arena, error);
    case TM_OPTION_SHARD:
        return tm_shard_parse(text, value, error);
    }
    TM_BUG("an option of unknown kind");
}
