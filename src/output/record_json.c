/* SPDX-License-Identifier: Apache-2.0 */
/* jsonl: an object a line. json: all of them in one array. */
#include <string.h>

#include "base/little_endian.h"
#include "output/json.h"
#include "output/record.h"
#include "output/text.h"

static void add_integers(tm_buffer *out, const tm_value *value)
{
    tm_buffer_putc(out, '[');
    for (size_t i = 0; i < value->count; i++)
        tm_buffer_printf(out, "%s%lld", i ? "," : "", (long long)value->integers[i]);
    tm_buffer_putc(out, ']');
}

static void add_doubles(tm_buffer *out, const tm_value *value)
{
    tm_buffer_putc(out, '[');
    for (size_t i = 0; i < value->count; i++) {
        if (i)
            tm_buffer_putc(out, ',');
        tm_json_f64(out, value->doubles[i]);
    }
    tm_buffer_putc(out, ']');
}

static void add_singles(tm_buffer *out, const tm_value *value)
{
    tm_buffer_putc(out, '[');
    for (size_t i = 0; i < value->count; i++) {
        if (i)
            tm_buffer_putc(out, ',');
        tm_json_f32(out, value->singles[i]);
    }
    tm_buffer_putc(out, ']');
}

static void add_base64(tm_buffer *out, const tm_value *value)
{
    enum { BLOCK = 3 * 256 }; /* a multiple of 3: padding comes at the end alone */
    uint32_t block[BLOCK];
    for (size_t at = 0, n; at < value->count; at += n) {
        n = value->count - at < BLOCK ? value->count - at : BLOCK;
        tm_f32_to_le(value->singles + at, block, n);
        tm_base64(out, block, n * sizeof *block);
    }
}

void tm_value_bare(tm_buffer *out, const tm_value *value)
{
    switch (value->kind) {
    case TM_VALUE_JSON:
        tm_buffer_puts(out, value->text);
        break;
    case TM_VALUE_BYTES:
        tm_base64(out, value->text, strlen(value->text));
        break;
    case TM_VALUE_INTEGER:
        tm_buffer_printf(out, "%lld", (long long)value->integer);
        break;
    case TM_VALUE_SINGLE:
        tm_json_f32(out, (float)value->number);
        break;
    case TM_VALUE_DOUBLE:
        tm_json_f64(out, value->number);
        break;
    case TM_VALUE_BOOLEAN:
        tm_buffer_puts(out, value->boolean ? "true" : "false");
        break;
    case TM_VALUE_INTEGERS:
        add_integers(out, value);
        break;
    case TM_VALUE_DOUBLES:
        add_doubles(out, value);
        break;
    case TM_VALUE_SINGLES:
        add_singles(out, value);
        break;
    case TM_VALUE_SINGLES_BASE64:
        add_base64(out, value);
        break;
    case TM_VALUE_ABSENT:
    case TM_VALUE_TEXT:
    case TM_VALUE_ERROR:
    case TM_VALUE_LIST:
        break;
    }
}

static void add_error(tm_buffer *out, const tm_error *error)
{
    tm_buffer_printf(out, "{\"code\":\"%s\",\"message\":", tm_status_name(error->status));
    tm_json_string(out, error->message);
    tm_buffer_putc(out, '}');
}

static void add_value(tm_buffer *out, const tm_value *value)
{
    switch (value->kind) {
    case TM_VALUE_ABSENT:
        tm_buffer_puts(out, "null");
        break;
    case TM_VALUE_TEXT:
        tm_json_string(out, value->text);
        break;
    case TM_VALUE_ERROR:
        add_error(out, value->error);
        break;
    case TM_VALUE_BYTES:
    case TM_VALUE_SINGLES_BASE64:
        tm_buffer_putc(out, '"');
        tm_value_bare(out, value);
        tm_buffer_putc(out, '"');
        break;
    default:
        tm_value_bare(out, value);
    }
}

static void add_items(tm_buffer *out, const tm_record *record, const tm_value *list)
{
    tm_buffer_putc(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        const tm_record item = tm_record_item(record, list, i);
        if (i)
            tm_buffer_putc(out, ',');
        tm_record_to_json(out, &item);
    }
    tm_buffer_putc(out, ']');
}

void tm_record_to_json(tm_buffer *out, const tm_record *record)
{
    const char *comma = "";
    tm_buffer_putc(out, '{');
    for (size_t i = 0; i < record->count; i++) {
        const tm_field *field = &record->fields[i];
        if (!tm_field_is_told(field, TM_IN_JSON))
            continue;
        tm_buffer_puts(out, comma);
        tm_json_string(out, field->name);
        tm_buffer_putc(out, ':');
        if (field->value.kind == TM_VALUE_LIST)
            add_items(out, record, &field->value);
        else
            add_value(out, &field->value);
        comma = ",";
    }
    tm_buffer_putc(out, '}');
}

static void write_json(tm_buffer *out, const tm_record_format *format, const tm_record *record,
                       bool terminal)
{
    (void)format;
    (void)terminal; /* strings are escaped in any case */
    tm_record_to_json(out, record);
}

const tm_record_format tm_record_jsonl = {
    .name = "jsonl", .numbers = true, .after = "\n", .write = write_json};
const tm_record_format tm_record_json = {.name = "json",
                                         .numbers = true,
                                         .begin = "[\n",
                                         .between = ",\n",
                                         .end = "\n]\n",
                                         .write = write_json};
