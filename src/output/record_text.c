/* SPDX-License-Identifier: Apache-2.0 */
/* text: lines for people, as the record's type lays them out. */
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "output/record.h"

/* How {name:...} wants a field: a width, on the left if negative, the digits of a number, or what
 * stands between integers. */
typedef struct layout {
    int width, digits;
    char kind; /* f or g; x */
} layout;

static layout parse_layout(const char *text)
{
    char *end;
    layout l = {.width = (int)strtol(text, &end, 10), .kind = 'g'};
    if (*end == '.')
        l.digits = (int)strtol(end + 1, &end, 10);
    if (*end != '}')
        l.kind = *end;
    return l;
}

static double in_unit(double number, tm_unit unit)
{
    return unit == TM_UNIT_PERCENT     ? 100 * number
           : unit == TM_UNIT_MEGABYTES ? number / 1e6
                                       : number;
}

static void add_number(tm_buffer *out, double number, const layout *l)
{
    if (l->kind == 'f')
        tm_buffer_printf(out, "%*.*f", l->width, l->digits, number);
    else
        tm_buffer_printf(out, "%*.*g", l->width, l->digits, number);
}

static void add_integers(tm_buffer *out, const tm_value *value, char between)
{
    for (size_t i = 0; i < value->count; i++) {
        if (i)
            tm_buffer_putc(out, between);
        tm_buffer_printf(out, "%lld", (long long)value->integers[i]);
    }
}

/* Padded; what is quoted steers nothing. */
static void add_words(tm_buffer *out, const tm_value *value, int width)
{
    tm_buffer words = {0};
    if (value->kind == TM_VALUE_TEXT)
        tm_text_escaped(&words, value->text);
    else if (value->kind == TM_VALUE_ERROR)
        tm_buffer_puts(&words, value->error->message); /* safe by tm_fail */
    else if (value->kind == TM_VALUE_BOOLEAN)
        tm_buffer_puts(&words, value->boolean ? "yes" : "no");
    else if (value->kind == TM_VALUE_ABSENT)
        tm_buffer_putc(&words, '-');
    else
        tm_value_bare(&words, value);
    const char *whole = tm_buffer_text(&words, NULL);
    if (whole)
        tm_buffer_printf(out, "%*s", width, whole);
    else
        out->failed = true;
    tm_buffer_free(&words);
}

/* What stands between { and }. */
static void add_field(tm_buffer *out, const tm_record *record, const char *name)
{
    size_t length = strcspn(name, ":}");
    const layout l = parse_layout(name + length + (name[length] == ':'));
    const tm_field *field = tm_record_find(record, name, length, TM_IN_TEXT);
    TM_ASSERT(field);
    const tm_value *value = &field->value;
    bool whole = value->kind == TM_VALUE_INTEGER;
    if (whole && field->unit != TM_UNIT_ONE)
        add_number(out, in_unit((double)value->integer, field->unit), &l);
    else if (value->kind == TM_VALUE_SINGLE || value->kind == TM_VALUE_DOUBLE)
        add_number(out, in_unit(value->number, field->unit), &l);
    else if (value->kind == TM_VALUE_INTEGERS && l.kind == 'x')
        add_integers(out, value, l.kind);
    else
        add_words(out, value, l.width);
}

/* Each field up to `end` is there. */
static bool is_told(const tm_record *record, const char *text, const char *end)
{
    for (; text < end; text++)
        if (*text == '{') {
            const tm_field *field =
                tm_record_find(record, text + 1, strcspn(text + 1, ":}"), TM_IN_TEXT);
            if (!field || !tm_field_is_told(field, TM_IN_TEXT))
                return false;
        }
    return true;
}

static void add_laid_out(tm_buffer *out, const tm_record *record)
{
    for (const char *c = record->type->text; *c; c++) {
        if (*c == '<' && !is_told(record, c, strchr(c, '>'))) {
            c = strchr(c, '>');
        } else if (*c == '{') {
            add_field(out, record, c + 1);
            c = strchr(c, '}');
        } else if (*c != '<' && *c != '>') {
            tm_buffer_putc(out, *c);
        }
    }
}

static void write_text(tm_buffer *out, const tm_record_format *format, const tm_record *record,
                       bool terminal)
{
    const tm_value *list = tm_record_list(record, TM_IN_TEXT);
    tm_buffer lines = {0};
    (void)format;
    (void)terminal; /* it may be sent to one later */
    add_laid_out(&lines, record);
    for (size_t i = 0; list && i < list->count; i++) {
        const tm_record item = tm_record_item(record, list, i);
        add_laid_out(&lines, &item);
    }
    const char *whole = tm_buffer_text(&lines, NULL);
    if (whole)
        tm_text_lines(out, whole);
    else
        out->failed = true;
    tm_buffer_free(&lines);
}

static void add_heading(tm_buffer *out, const tm_record_format *format, const tm_record_type *type)
{
    (void)format;
    if (type->heading)
        tm_buffer_puts(out, type->heading);
}

const tm_record_format tm_record_text = {.name = "text", .head = add_heading, .write = write_text};
