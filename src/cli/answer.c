/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/answer.h"

#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/text.h"
#include "output/json.h"
#include "output/text.h"

static void add_file(tm_buffer *out, const tm_answer *answer)
{
    tm_buffer_puts(out, "\"file\":");
    tm_json_string(out, answer->file);
    if (!tm_is_utf8(answer->file)) {
        tm_buffer_puts(out, ",\"file_b64\":\"");
        tm_base64(out, answer->file, strlen(answer->file));
        tm_buffer_putc(out, '"');
    }
    if (answer->index >= 0)
        tm_buffer_printf(out, ",\"index\":%d", answer->index);
}

static void head_json(tm_buffer *out, const tm_answer *answer)
{
    add_file(out, answer);
    if (answer->error) {
        tm_buffer_printf(out, ",\"ok\":false,\"error\":{\"code\":\"%s\",\"message\":",
                         tm_status_name(answer->error->status));
        tm_json_string(out, answer->error->message);
        tm_buffer_putc(out, '}');
        return;
    }
    tm_buffer_puts(out, ",\"ok\":true,\"model\":");
    tm_json_string(out, answer->model);
    if (answer->warnings)
        tm_buffer_printf(out, ",\"warnings\":%d", answer->warnings);
    if (answer->row >= 0)
        tm_buffer_printf(out, ",\"row\":%lld", (long long)answer->row);
}

void tm_answer_index(tm_buffer *out, const tm_answer *answer)
{
    tm_buffer_putc(out, '{');
    add_file(out, answer);
    if (answer->row >= 0)
        tm_buffer_printf(out, ",\"row\":%lld}\n", (long long)answer->row);
    else
        tm_buffer_puts(out, ",\"row\":null}\n");
}

static void head_text(tm_buffer *out, const tm_answer *answer)
{
    tm_text_escaped(out, answer->file);
    if (answer->index >= 0)
        tm_buffer_printf(out, " [%d]", answer->index);
    tm_buffer_putc(out, '\n');
    if (answer->error) {
        tm_buffer_puts(out, "  error: ");
        tm_buffer_puts(out, answer->error->message); /* safe by tm_fail */
        tm_buffer_putc(out, '\n');
    } else if (answer->warnings) {
        tm_buffer_printf(out, "  warning: faulty data (%d times), the picture may be damaged\n",
                         answer->warnings);
    }
}

static void number_field(tm_records *records, int64_t number)
{
    char text[24] = "";
    if (number >= 0)
        snprintf(text, sizeof text, "%lld", (long long)number);
    tm_records_field(records, text);
}

void tm_answer_fields(tm_records *records, const tm_answer *answer)
{
    tm_records_field(records, answer->file);
    number_field(records, answer->index);
    number_field(records, answer->row);
    number_field(records, answer->warnings);
}

void tm_answer_end_fields(tm_records *records, const tm_answer *answer)
{
    tm_records_field(records, answer->error ? answer->error->message : "");
    tm_records_end_row(records);
}

static void error_fields(tm_records *records, const tm_answer *answer, int columns)
{
    tm_answer_fields(records, answer);
    for (int i = 0; i < columns; i++)
        tm_records_field(records, "");
    tm_answer_end_fields(records, answer);
}

static void write_fields(tm_records *records, const tm_answer *answer, const tm_answer_body *body,
                         void *context)
{
    if (answer->error)
        error_fields(records, answer, body->columns);
    else
        body->fields(context, records, answer);
}

tm_status tm_answer_write(tm_records *records, const tm_answer *answer, const tm_answer_body *body,
                          void *context, tm_error *error)
{
    tm_buffer *out = &records->line;
    switch (records->kind) {
    case TM_RECORDS_JSON:
        tm_buffer_putc(out, '{');
        head_json(out, answer);
        if (!answer->error)
            body->json(context, out);
        tm_buffer_putc(out, '}');
        break;
    case TM_RECORDS_TEXT:
        head_text(out, answer);
        if (!answer->error)
            body->text(context, out);
        break;
    case TM_RECORDS_FIELDS:
        write_fields(records, answer, body, context);
        break;
    case TM_RECORDS_NONE:
        if (answer->error)
            tm_print_error("%s", answer->error->message);
        return TM_OK;
    }
    return tm_records_write(records, error);
}
