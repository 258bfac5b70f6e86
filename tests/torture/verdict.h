/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a run of which a call failed was honest. */
#ifndef TM_TORTURE_VERDICT_H
#define TM_TORTURE_VERDICT_H

#include <signal.h>

#include "tests/torture/files.h"

/* How calls fail. */
typedef struct fault {
    const char *call, *error; /* FAULT_CALL, FAULT_ERROR */
    bool on;                  /* and all that follow */
} fault;

static bool same(bytes a, bytes b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static size_t line_length(const char *p)
{
    size_t n = strcspn(p, "\n");
    return n + (p[n] == '\n');
}

/* A record of an error; in csv and tsv "error" is the last column, and else empty. */
static bool tells_error(const char *line, size_t n)
{
    bool fields = *line == '/' && (memchr(line, ',', n) || memchr(line, '\t', n));
    return memmem(line, n, "\"ok\":false", 10) || memmem(line, n, "  error: ", 9) ||
           (fields && n > 2 && !strchr(",\t", line[n - 2]));
}

/* The text without the numbers of rows: where one input fails, those behind it have others. */
static char *without_rows(const bytes *out)
{
    char *bare = malloc(out->size + 1), *to = bare;
    if (!bare)
        give_up("malloc");
    for (const char *p = out->data; *p;) {
        if (strncmp(p, "\"row\":", 6) == 0)
            p += 6 + strspn(p + 6, "0123456789");
        else
            *to++ = *p++;
    }
    *to = '\0';
    return bare;
}

static bool is_array(const bytes *out)
{
    return out->size && (unsigned char)*out->data == 0x93;
}

static bool is_nan(const char *row, size_t size)
{
    static const unsigned char nan[] = {0, 0, 0xC0, 0x7F};
    for (size_t i = 0; i < size; i += sizeof nan)
        if (memcmp(row + i, nan, sizeof nan) != 0)
            return false;
    return true;
}

/* A .npy file with some of the other's rows, in their order, and rows of NaN for what failed. */
static bool has_rows(const bytes *file, const bytes *good)
{
    enum { HEADER = 128 };
    const char *shape = strstr(good->data + 10, "'shape': (");
    size_t rows = shape ? strtoul(shape + 10, NULL, 10) : 0;
    size_t row = rows ? (good->size - HEADER) / rows : 0, at = HEADER;
    if (!row || file->size < HEADER || (file->size - HEADER) % row)
        return false;
    for (size_t p = HEADER; p < file->size; p += row) {
        size_t from = at;
        while (from < good->size && memcmp(file->data + p, good->data + from, row) != 0)
            from += row;
        if (from < good->size)
            at = from + row;
        else if (!is_nan(file->data + p, row))
            return false;
    }
    return true;
}

/* Lines of the good output, in its order, and records of errors; the last one may be cut. */
static bool are_lines_of(const char *out, const char *good, int *errors)
{
    const char *g = good;
    for (const char *p = out; *p;) {
        size_t n = line_length(p);
        bool error = tells_error(p, n) || strncmp(p + n, "  error: ", 9) == 0,
             cut = p[n - 1] != '\n';
        const char *rest = g;
        while (*rest && !(strncmp(rest, p, n) == 0 && (cut || line_length(rest) == n)))
            rest += line_length(rest);
        if (*rest)
            g = rest + line_length(rest);
        else if (error)
            ++*errors;
        else if (strcmp(p, "]\n") != 0 && strcmp(p, "\n]\n") != 0)
            return false;
        p += n;
    }
    return true;
}

static bool is_part(const bytes *out, const bytes *good, int *errors)
{
    if (is_array(good))
        return has_rows(out, good) ||
               (out->size < good->size && memcmp(out->data, good->data, out->size) == 0);
    char *bare = without_rows(out), *bare_good = without_rows(good);
    bool part = are_lines_of(bare, bare_good, errors);
    free(bare);
    free(bare_good);
    return part;
}

static const bytes *file_named(const outcome *o, const char *name)
{
    for (int i = 0; i < o->file_count; i++)
        if (strcmp(o->names[i], name) == 0)
            return &o->files[i];
    return NULL;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static size_t count_lines(const bytes *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->size; i++)
        n += b->data[i] == '\n';
    return n;
}

/* With the rows and lines of the inputs that succeeded. */
static bool is_file_of(const char *name, const bytes *file, const bytes *good, int exit_code,
                       size_t lines)
{
    if (same(*file, *good))
        return true;
    int errors = 0;
    if (exit_code == 0)
        return false;
    if (ends_with(name, "index.jsonl"))
        return count_lines(file) == lines || exit_code != 1;
    return ends_with(name, "meta.json") || (ends_with(name, ".npy") && has_rows(file, good)) ||
           (ends_with(name, ".jsonl") && is_part(file, good, &errors));
}

/* Records of errors in a file of records. */
static int count_told(const outcome *o, const outcome *good)
{
    int errors = 0;
    for (int i = 0; i < o->file_count; i++) {
        const char *name = o->names[i];
        bool records = ends_with(name, "records.jsonl") || ends_with(name, "records.jsonl.part");
        for (int k = 0; k < good->file_count && records; k++)
            if (ends_with(good->names[k], "records.jsonl"))
                (void)is_part(&o->files[i], &good->files[k], &errors);
    }
    return errors;
}

static bool is_unfinished(const outcome *o)
{
    for (int i = 0; i < o->file_count; i++)
        if (ends_with(o->names[i], ".part"))
            return true;
    return false;
}

/* NULL: the files are as they were, or absent, or have the rows of the inputs that succeeded; or
 * they are a run's that can be gone on with, which is tried. */
static const char *judge_files(const outcome *o, const outcome *good)
{
    for (int i = 0; i < o->file_count; i++) {
        const bytes *other = file_named(good, o->names[i]);
        if (ends_with(o->names[i], ".part"))
            continue;
        if (!other)
            return "a file is left behind";
        if (!is_file_of(o->names[i], &o->files[i], other, o->exit, count_lines(&o->out)))
            return "a file differs";
    }
    return NULL;
}

/* What --resume makes of an unfinished run. */
static const char *judge_resumed(const outcome *o, const outcome *good)
{
    if (o->exit == 6 && strstr(o->err.data, ": expected th") && strstr(o->err.data, " inputs "))
        return NULL; /* a folder that could not be read had other inputs than it has now */
    if (o->exit != 0 && o->exit != 1 && o->exit != 4)
        return "cannot be resumed";
    for (int i = 0; i < good->file_count; i++) {
        const bytes *file = file_named(o, good->names[i]);
        if (!file)
            return "resumed, a file is missing";
        if (!is_file_of(good->names[i], file, &good->files[i], o->exit,
                        count_lines(&good->files[i])))
            return "resumed, a file differs";
    }
    return o->file_count == good->file_count ? NULL : "resumed, a file is left behind";
}

static const char *judge(const outcome *o, const outcome *good, const fault *f)
{
    static char text[64];
    int errors = 0;
    bool mute = strcmp(f->call, "write") == 0; /* stderr is written to as well */
    if (o->exit < 0) {
        snprintf(text, sizeof text, o->signal == SIGALRM ? "hangs" : "signal %d", o->signal);
        return text;
    }
    if (o->exit == good->exit) {
        for (int i = 0; i < good->file_count; i++)
            if (!file_named(o, good->names[i]))
                return "a file is missing";
        bool told = mute || memmem(o->err.data, o->err.size, good->err.data, good->err.size);
        return !same(o->out, good->out) ? "output differs"
               : !told                  ? "a message is lost"
                                        : judge_files(o, good);
    }
    if (!is_part(&o->out, &good->out, &errors))
        return "output differs";
    errors += is_array(&good->out) && o->err.size; /* where no record has room */
    errors += count_told(o, good);
    if (o->err.size == 0 && errors == 0 && !(mute && f->on))
        return "nothing says why";
    if (o->exit == 1 && errors == 0)
        return "exit code 1 and no record of an error";
    if (o->exit < 1 || (o->exit > 6 && o->exit != 70))
        return "exit code";
    if (o->exit != 70 && errors == 0 && strcmp(f->call, "malloc") == 0)
        return "exit code is not 70";
    return judge_files(o, good);
}

#endif
