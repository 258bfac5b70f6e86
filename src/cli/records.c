/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/records.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/progress.h"

static const struct {
    const char *name;
    tm_records_kind kind;
    bool array;
    char separator;
} formats[] = {
    {"jsonl", TM_RECORDS_JSON, false, 0},    {"json", TM_RECORDS_JSON, true, 0},
    {"text", TM_RECORDS_TEXT, false, 0},     {"csv", TM_RECORDS_FIELDS, false, ','},
    {"tsv", TM_RECORDS_FIELDS, false, '\t'},
};

void tm_records_open(tm_records *records, const char *format, const char *columns)
{
    *records = (tm_records){.kind = TM_RECORDS_NONE};
    if (!format)
        format = tm_stdout_is_terminal() ? "text" : "jsonl";
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(format, formats[i].name) == 0)
            *records = (tm_records){.kind = formats[i].kind,
                                    .array = formats[i].array,
                                    .separator = formats[i].separator,
                                    .escaped = formats[i].separator == '\t' ||
                                               (formats[i].separator && tm_stdout_is_terminal())};
    if (records->array)
        fputs("[\n", stdout);
    for (const char *c = columns; records->separator && *c; c++)
        putchar(*c == ',' ? records->separator : *c);
    if (records->separator)
        putchar('\n');
}

static void add_quoted(tm_buffer *line, const char *text)
{
    tm_buffer_putc(line, '"');
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            tm_buffer_putc(line, '"');
        tm_buffer_putc(line, *c);
    }
    tm_buffer_putc(line, '"');
}

void tm_records_field(tm_records *records, const char *text)
{
    tm_buffer *line = &records->line, escaped = {0};
    if (records->begun)
        tm_buffer_putc(line, records->separator);
    records->begun = true;
    if (records->escaped) {
        tm_text_escaped(&escaped, text);
        text = escaped.data ? escaped.data : "";
    }
    if (records->separator == ',' && strpbrk(text, ",\"\r\n"))
        add_quoted(line, text);
    else
        tm_buffer_puts(line, text);
    line->failed |= escaped.failed;
    tm_buffer_free(&escaped);
}

void tm_records_end_row(tm_records *records)
{
    tm_buffer_putc(&records->line, '\n');
    records->begun = false;
}

static tm_status write_failed(tm_error *error)
{
    return tm_fail(error, TM_WRITE, "cannot write to the standard output: %s", strerror(errno));
}

/* Names within are escaped already, or should be. False: there is no memory for the lines. */
static bool write_lines(const char *text)
{
    tm_buffer shown = {0};
    tm_text_lines(&shown, text);
    bool good = !shown.failed;
    if (good)
        fwrite(shown.data, 1, shown.length, stdout);
    tm_buffer_free(&shown);
    return good;
}

static tm_status no_memory(tm_error *error)
{
    return tm_fail(error, TM_NO_MEMORY, "no memory for a record");
}

tm_status tm_records_write(tm_records *records, tm_error *error)
{
    tm_buffer *line = &records->line;
    if (line->failed)
        return no_memory(error);
    if (tm_stdout_is_terminal())
        tm_progress_end();
    if (records->array && records->count)
        fputs(",\n", stdout);
    if (line->length && records->kind == TM_RECORDS_TEXT && !write_lines(line->data))
        return no_memory(error);
    if (line->length && records->kind != TM_RECORDS_TEXT)
        fwrite(line->data, 1, line->length, stdout);
    if (records->kind == TM_RECORDS_JSON && !records->array)
        putchar('\n');
    records->count++;
    tm_buffer_clear(line);
    return fflush(stdout) == 0 ? TM_OK : write_failed(error);
}

tm_status tm_records_close(tm_records *records, tm_error *error)
{
    tm_buffer_free(&records->line);
    if (records->array)
        fputs("\n]\n", stdout);
    return fflush(stdout) == 0 ? TM_OK : write_failed(error);
}
