/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/truth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"

typedef struct tm_truth_row {
    const char *file, *name;
} tm_truth_row;

enum { TABLE_BYTES = 1 << 30 };

/* ---- one line ---- */

/* One column that begins at *p, cut off and without its quotes; *p is behind it. Two quotes within
 * quotes are one. */
static char *take_column(char **p, char separator)
{
    char *begin = *p, *to = begin;
    bool quoted = *begin == '"';
    const char *from = begin + quoted;
    for (; *from && (quoted || *from != separator); from++) {
        if (quoted && *from == '"' && *++from != '"')
            quoted = false;
        if (!*from || (!quoted && *from == separator))
            break;
        *to++ = *from;
    }
    *p = (char *)from + (*from != '\0');
    *to = '\0';
    return begin;
}

static bool is_heading(const char *column)
{
    static const char *const headings[] = {"file", "filename", "path", "image", "name"};
    for (size_t i = 0; i < sizeof headings / sizeof *headings; i++)
        if (strcasecmp(column, headings[i]) == 0)
            return true;
    return false;
}

/* False: it has no two columns. */
static bool split(char *line, tm_truth_row *row)
{
    char separator = strchr(line, '\t') ? '\t' : ',';
    char *space = strrchr(line, ' ');
    if (!strchr(line, separator) && space)
        *space = separator;
    row->file = take_column(&line, separator);
    row->name = take_column(&line, separator);
    return *row->file && *row->name;
}

static const char *last_part(const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

/* ---- the table ---- */

static int by_file(const void *a, const void *b)
{
    return strcmp(((const tm_truth_row *)a)->file, ((const tm_truth_row *)b)->file);
}

static int by_last_part(const void *a, const void *b)
{
    return strcmp(last_part(((const tm_truth_row *)a)->file),
                  last_part(((const tm_truth_row *)b)->file));
}

static size_t count_lines(const char *text)
{
    size_t count = 1;
    for (; (text = strchr(text, '\n')); text++)
        count++;
    return count;
}

static tm_status parse(tm_truth *truth, char *text, tm_error *error)
{
    size_t number = 0;
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3; /* the byte order mark of some editors */
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        line[strcspn(line, "\r")] = '\0';
        tm_truth_row row;
        number++;
        if (!*line)
            continue;
        if (!split(line, &row))
            return tm_fail(error, TM_USAGE, "%.300s: line %zu: expected FILE,CLASS", truth->path,
                           number);
        if (number > 1 || !is_heading(row.file))
            truth->rows[truth->count++] = row;
    }
    return TM_OK;
}

/* Equal lines are one fact. */
static tm_status sort(tm_truth *truth, tm_error *error)
{
    qsort(truth->rows, truth->count, sizeof *truth->rows, by_file);
    for (size_t i = 1; i < truth->count; i++) {
        const tm_truth_row *one = &truth->rows[i - 1], *other = one + 1;
        if (by_file(one, other) == 0 && strcmp(one->name, other->name) != 0)
            return tm_fail(error, TM_USAGE, "%.300s: %.300s has two classes: %.100s and %.100s",
                           truth->path, one->file, one->name, other->name);
    }
    memcpy(truth->names, truth->rows, truth->count * sizeof *truth->rows);
    qsort(truth->names, truth->count, sizeof *truth->names, by_last_part);
    return TM_OK;
}

static tm_status read_table(tm_truth *truth, tm_error *error)
{
    FILE *f = fopen(truth->path, "re");
    if (!f)
        return tm_fail(error, tm_errno_status(TM_NOT_FOUND), "%.300s: cannot read the classes: %s",
                       truth->path, strerror(errno));
    tm_read_stream(f, TABLE_BYTES, &truth->text);
    tm_status status = TM_OK;
    if (ferror(f))
        status = tm_fail(error, tm_errno_status(TM_READ), "%.300s: cannot read the classes: %s",
                         truth->path, strerror(errno));
    else if (truth->text.length > TABLE_BYTES)
        status = tm_fail(error, TM_TOO_LARGE, "%.300s: more than %d bytes of classes", truth->path,
                         TABLE_BYTES);
    else if (truth->text.length && memchr(truth->text.data, '\0', truth->text.length))
        status = tm_fail(error, TM_USAGE, "%.300s: holds a NUL byte: expected lines FILE,CLASS",
                         truth->path);
    fclose(f);
    return status;
}

tm_status tm_truth_open(tm_truth *truth, const char *path, tm_error *error)
{
    *truth = (tm_truth){.path = path};
    tm_status status = read_table(truth, error);
    const char *text = status ? NULL : tm_buffer_text(&truth->text, error);
    if (!text)
        return error->status;
    size_t lines = count_lines(text);
    truth->rows = calloc(lines, sizeof *truth->rows);
    truth->names = calloc(lines, sizeof *truth->names);
    if (!truth->rows || !truth->names)
        return tm_fail(error, TM_NO_MEMORY, "%.300s: no memory for %zu lines", path, lines);
    status = parse(truth, truth->text.data, error);
    return status ? status : sort(truth, error);
}

void tm_truth_free(tm_truth *truth)
{
    free(truth->rows);
    free(truth->names);
    tm_buffer_free(&truth->text);
    tm_buffer_free(&truth->folder);
}

/* ---- finding ---- */

/* Rows of that name must agree. */
static tm_status find_by_name(const tm_truth *truth, const char *file, const char **name,
                              tm_error *error)
{
    const tm_truth_row key = {.file = file};
    const tm_truth_row *end = truth->names + truth->count;
    const tm_truth_row *first = bsearch(&key, truth->names, truth->count, sizeof key, by_last_part);
    if (!first)
        return tm_fail(error, TM_NOT_FOUND, "%.300s: not in %.300s", file, truth->path);
    while (first > truth->names && by_last_part(first - 1, &key) == 0)
        first--;
    *name = first->name;
    for (const tm_truth_row *other = first; other < end && by_last_part(other, &key) == 0; other++)
        if (strcmp(other->name, *name) != 0)
            return tm_fail(error, TM_NOT_FOUND,
                           "%.300s: %.300s has several files of that name, with several classes",
                           file, truth->path);
    return TM_OK;
}

static tm_status find_folder(tm_truth *truth, const char *file, const char **name, tm_error *error)
{
    const char *end = strrchr(file, '/'), *begin = end;
    while (begin && begin > file && begin[-1] != '/' && begin[-1] != ':')
        begin--;
    if (!end || begin == end)
        return tm_fail(error, TM_NOT_FOUND,
                       "%.300s: lies in no folder with the name of a class: give --truth FILE",
                       file);
    tm_buffer_clear(&truth->folder);
    tm_buffer_add(&truth->folder, begin, (size_t)(end - begin));
    *name = tm_buffer_text(&truth->folder, error);
    return error->status;
}

tm_status tm_truth_find(tm_truth *truth, const char *file, const char **name, tm_error *error)
{
    if (!truth->path)
        return find_folder(truth, file, name, error);
    const tm_truth_row key = {.file = file};
    const tm_truth_row *row = bsearch(&key, truth->rows, truth->count, sizeof key, by_file);
    if (!row)
        return find_by_name(truth, file, name, error);
    *name = row->name;
    return TM_OK;
}
