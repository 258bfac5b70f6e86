/* SPDX-License-Identifier: Apache-2.0 */
/* csv: fields are quoted as RFC 4180 wants, and control characters escaped on a terminal alone.
 * tsv: they are always, so nothing needs quotes. */
#include <string.h>

#include "base/escape.h"
#include "output/record.h"

static void add_header(tm_buffer *out, const tm_record_format *format, const tm_record_type *type)
{
    TM_ASSERT(type->columns);
    for (const char *c = type->columns; *c; c++)
        tm_buffer_putc(out, *c == ',' ? format->separator : *c);
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

static void add_row(tm_buffer *out, const tm_record *record, char separator, bool escaped)
{
    const tm_record *whole = record->parent ? record->parent : record;
    tm_buffer plain = {0};
    for (const char *c = whole->type->columns, *end; c; c = *end ? end + 1 : NULL) {
        end = c + strcspn(c, ",");
        if (c != whole->type->columns)
            tm_buffer_putc(out, separator);
        const tm_field *field = tm_record_find(record, c, (size_t)(end - c), TM_IN_TABLES);
        tm_buffer_clear(&plain);
        if (field)
            add_plain(&plain, &field->value, escaped);
        if (separator == ',' && plain.length && strpbrk(plain.data, ",\"\r\n"))
            add_quoted(out, plain.data);
        else
            tm_buffer_append(out, &plain);
        out->failed |= plain.failed;
    }
    tm_buffer_putc(out, '\n');
    tm_buffer_free(&plain);
}

/* A row an item; one without an item where there is none. */
static void add_rows(tm_buffer *out, const tm_record_format *format, const tm_record *record,
                     bool terminal)
{
    bool escaped = terminal || format->separator == '\t';
    const tm_value *list = tm_record_list(record, TM_IN_TABLES);
    if (!list || !list->count)
        add_row(out, record, format->separator, escaped);
    for (size_t i = 0; list && i < list->count; i++) {
        const tm_record item = tm_record_item(record, list, i);
        add_row(out, &item, format->separator, escaped);
    }
}

const tm_record_format tm_record_csv = {
    .name = "csv", .separator = ',', .head = add_header, .write = add_rows};
const tm_record_format tm_record_tsv = {
    .name = "tsv", .separator = '\t', .head = add_header, .write = add_rows};
