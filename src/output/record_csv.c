/* SPDX-License-Identifier: Apache-2.0 */
/* csv: fields are quoted as RFC 4180 wants, and control characters escaped on a terminal alone.
 * tsv: they are always, so nothing needs quotes. */
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "output/record.h"

/* "NAME", "NAME=FIELD" or "NAME=FIELD#ITEM", up to a comma. */
typedef struct column {
    const char *name, *field, *end;
    size_t name_length, field_length;
    size_t item; /* from 1; 0: no certain one */
} column;

/* NULL text: there is none. */
static bool next_column(const char **text, column *c)
{
    if (!*text)
        return false;
    const char *p = *text, *end = p + strcspn(p, ",");
    size_t name = strcspn(p, "=,"), skip = p[name] == '=' ? name + 1 : 0;
    *c = (column){.name = p, .field = p + skip, .end = end, .name_length = name};
    c->field_length = strcspn(c->field, "#,");
    if (c->field[c->field_length] == '#')
        c->item = strtoul(c->field + c->field_length + 1, NULL, 10);
    *text = *end ? end + 1 : NULL;
    return true;
}

static void add_header(tm_buffer *out, const tm_record_format *format, const tm_record_type *type)
{
    column c;
    TM_ASSERT(type->columns);
    for (const char *rest = type->columns; next_column(&rest, &c);) {
        if (c.name != type->columns)
            tm_buffer_putc(out, format->separator);
        tm_buffer_add(out, c.name, c.name_length);
    }
    tm_buffer_putc(out, '\n');
}

static void add_quoted(tm_buffer *out, const char *text)
{
    tm_buffer_putc(out, '"');
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            tm_buffer_putc(out, '"');
        tm_buffer_putc(out, *c);
    }
    tm_buffer_putc(out, '"');
}

/* What stands in a field before it is quoted. */
static void add_plain(tm_buffer *out, const tm_value *value, bool escaped)
{
    const char *text = value->kind == TM_VALUE_TEXT    ? value->text
                       : value->kind == TM_VALUE_ERROR ? value->error->message
                                                       : NULL;
    if (text)
        (escaped ? tm_text_escaped : tm_buffer_puts)(out, text);
    else
        tm_value_bare(out, value);
}

/* Of the record, or of the item that the column says. */
static void add_field(tm_buffer *plain, const tm_record *record, const column *c, bool escaped)
{
    const tm_value *list = c->item ? tm_record_list(record, TM_IN_TABLES) : NULL;
    if (c->item && (!list || c->item > list->count))
        return;
    tm_record item = c->item ? tm_record_item(record, list, c->item - 1) : (tm_record){0};
    const tm_field *field =
        tm_record_find(c->item ? &item : record, c->field, c->field_length, TM_IN_TABLES);
    if (field)
        add_plain(plain, &field->value, escaped);
}

static void add_row(tm_buffer *out, const tm_record *record, char separator, bool escaped)
{
    const tm_record *whole = record->parent ? record->parent : record;
    tm_buffer plain = {0};
    column c;
    for (const char *rest = whole->type->columns; next_column(&rest, &c);) {
        if (c.name != whole->type->columns)
            tm_buffer_putc(out, separator);
        tm_buffer_clear(&plain);
        add_field(&plain, record, &c, escaped);
        if (separator == ',' && plain.length && strpbrk(plain.data, ",\"\r\n"))
            add_quoted(out, plain.data);
        else
            tm_buffer_append(out, &plain);
        out->failed |= plain.failed;
    }
    tm_buffer_putc(out, '\n');
    tm_buffer_free(&plain);
}

/* A row an item, unless the columns say which item they are of; one without an item where there is
 * none. */
static void add_rows(tm_buffer *out, const tm_record_format *format, const tm_record *record,
                     bool terminal)
{
    bool escaped = terminal || format->separator == '\t';
    const tm_value *list = tm_record_list(record, TM_IN_TABLES);
    bool wide = strchr(record->type->columns, '#');
    if (wide || !list || !list->count)
        add_row(out, record, format->separator, escaped);
    for (size_t i = 0; !wide && list && i < list->count; i++) {
        const tm_record item = tm_record_item(record, list, i);
        add_row(out, &item, format->separator, escaped);
    }
}

const tm_record_format tm_record_csv = {
    .name = "csv", .separator = ',', .head = add_header, .write = add_rows};
const tm_record_format tm_record_tsv = {
    .name = "tsv", .separator = '\t', .head = add_header, .write = add_rows};
