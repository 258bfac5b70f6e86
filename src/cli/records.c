/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/records.h"

#include <errno.h>
#include <string.h>

#include "cli/progress.h"

static void add(tm_records *records, const char *text)
{
    if (text)
        tm_buffer_puts(&records->line, text);
}

/* Nothing follows what was not written: a hole could pass for an answer. */
static bool put(tm_records *records)
{
    tm_buffer *line = &records->line;
    bool good = !line->failed && !ferror(records->to) &&
                (!line->length || fwrite(line->data, 1, line->length, records->to) == line->length);
    tm_buffer_clear(line);
    return good;
}

bool tm_records_take_json(const char *format)
{
    const tm_record_format *records = format ? tm_record_format_find(format) : NULL;
    return !format || (records && records->numbers);
}

void tm_records_open(tm_records *records, const char *format, const tm_record_type *type)
{
    bool terminal = tm_stdout_is_terminal();
    if (!format)
        format = terminal ? "text" : "jsonl";
    *records =
        (tm_records){.format = tm_record_format_find(format), .to = stdout, .terminal = terminal};
    if (!records->format)
        return;
    add(records, records->format->begin);
    if (records->format->head)
        records->format->head(&records->line, records->format, type);
    put(records);
}

void tm_records_open_file(tm_records *records, FILE *to, const char *name)
{
    *records = (tm_records){.format = tm_record_format_find("jsonl"), .to = to, .name = name};
}

void tm_records_add(tm_records *records, const tm_record *record)
{
    add(records, records->count++ ? records->format->between : NULL);
    records->format->write(&records->line, records->format, record, records->terminal);
    add(records, records->format->after);
}

static tm_status flush(tm_records *records, tm_error *error)
{
    if (records->terminal)
        tm_progress_end();
    if (put(records) && fflush(records->to) == 0)
        return TM_OK;
    if (records->line.failed)
        return tm_fail(error, TM_NO_MEMORY, "no memory for a record");
    if (records->name)
        return tm_fail(error, TM_WRITE, "%s: cannot write: %s", records->name, strerror(errno));
    return tm_fail(error, TM_WRITE, "cannot write to the standard output: %s", strerror(errno));
}

tm_status tm_records_write(tm_records *records, const tm_record *record, tm_error *error)
{
    tm_records_add(records, record);
    return flush(records, error);
}

tm_status tm_records_close(tm_records *records, tm_error *error)
{
    add(records, records->format ? records->format->end : NULL);
    tm_status status = records->to ? flush(records, error) : TM_OK;
    tm_buffer_free(&records->line);
    return status;
}
