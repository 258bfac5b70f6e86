/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/answer.h"

#include "base/text.h"

static void tell_file(tm_record *record, const tm_answer *answer)
{
    TM_TELL(record, "file", tm_value_text(answer->file));
    if (!tm_is_utf8(answer->file))
        TM_TELL(record, "file_b64", {TM_VALUE_BYTES, .text = answer->file}, .only = TM_IN_JSON);
    TM_TELL(record, "index", tm_value_count(answer->index), .column = "picture");
}

void tm_answer_head(tm_buffer *out, const tm_answer *answer)
{
    static const tm_record_type type = {0};
    tm_record record = {.type = &type};
    tell_file(&record, answer);
    tm_record_to_json(out, &record);
    if (!out->failed)
        out->data[out->length - 1] = ',';
}

void tm_answer_index(tm_buffer *out, const tm_answer *answer)
{
    static const tm_record_type type = {0};
    tm_record record = {.type = &type};
    tell_file(&record, answer);
    TM_TELL(&record, "row", tm_value_count(answer->row), .null = true);
    tm_record_to_json(out, &record);
    tm_buffer_putc(out, '\n');
}

tm_status tm_answer_write(tm_records *records, const tm_answer *answer, const tm_record_type *type,
                          const char *name, tm_value found, tm_error *error)
{
    tm_record record = {.type = type};
    if (!records->format) {
        if (answer->error)
            tm_print_error("%s", answer->error->message);
        return TM_OK;
    }
    tell_file(&record, answer);
    TM_TELL(&record, "ok", tm_value_boolean(!answer->error), .only = TM_IN_JSON);
    TM_TELL(&record, "error", tm_value_error(answer->error));
    if (!answer->error)
        TM_TELL(&record, "model", tm_value_text(answer->model), .only = TM_IN_JSON);
    if (answer->size[0])
        TM_TELL(&record, "size", tm_value_integers(answer->size, 2),
                .only = TM_IN_JSON | TM_IN_TEXT);
    if (answer->siblings)
        TM_TELL(&record, "siblings", {TM_VALUE_JSON, .text = answer->siblings}, .only = TM_IN_JSON);
    TM_TELL(&record, "warnings", tm_value_integer(answer->warnings), .sparse = true);
    TM_TELL(&record, "row", tm_value_count(answer->row));
    if (!answer->error)
        TM_TELL(&record, name, found);
    return tm_records_write(records, &record, error);
}
