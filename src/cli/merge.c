/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes of --shard I/N made, as one process would have made it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/journal.h"
#include "output/writer.h"
#include "weights/npy.h"

/* clang-format off */
#define MERGE(kind, member) TM_OPTION_VALUE(kind, tm_output_options, member)
static const tm_option options[] = {
    {'o', "output-file", "FILE", "what they are merged into, of the same kind",
        MERGE(TEXT, output), 0, 0},
    TM_FORCE_OPTION(MERGE(FLAG, force)),
};
/* clang-format on */

static const tm_option_group options_group = TM_OPTION_GROUP("Options", options);
static const tm_command command = {
    .name = "merge",
    .operands = "-o FILE PART...",
    .description =
        "Merges what the N runs of --shard 1/N to N/N wrote with -o: .npy files, folders of them, "
        "or records in .jsonl, in any order. All must be there and whole, made by the same model "
        "in the same way. The result is what one run without --shard writes, to the byte.",
    .examples = {"merge -o all.npy part-1.npy part-2.npy", "merge -o all.jsonl part-*.jsonl"},
};

typedef struct part {
    const char *path;
    tm_buffer log_path, meta_path;
    char *meta;
    cJSON *told;
    size_t made_by; /* bytes of the meta that every part has */
    tm_shard shard;
    FILE *log;
    char *line;
    size_t capacity;
    int64_t inputs, rows; /* so far */
    tm_npy *arrays;       /* of each name */
} part;

typedef struct merger {
    const tm_output_options *options;
    part *parts; /* by the index of their shard, once they are read */
    size_t count;
    const char **names; /* of the arrays */
    size_t array_count;
    bool records;
    tm_writer *writer;
    tm_outfile log;
    tm_buffer log_path, meta_path;
    int64_t inputs, rows;
    float *row;
    size_t row_floats; /* that it has room for */
} merger;

/* ---- the parts' metas ---- */

static tm_status refuse(const part *p, const char *what, tm_error *error)
{
    return tm_fail(error, TM_WRITE, "%.300s: %s", p->meta_path.data, what);
}

/* ,"shard":[2,8],"complete":true,... is the end of the text. */
static tm_status find_shard(part *p, tm_error *error)
{
    const cJSON *shard = cJSON_GetObjectItemCaseSensitive(p->told, "shard");
    const char *at = strstr(p->meta, ",\"shard\":[");
    if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(p->told, "complete")))
        return refuse(p, "an unfinished run, expected a whole one", error);
    if (!at || cJSON_GetArraySize(shard) != 2)
        return refuse(p, "made without --shard, expected one of several parts", error);
    double index = cJSON_GetArrayItem(shard, 0)->valuedouble;
    double count = cJSON_GetArrayItem(shard, 1)->valuedouble;
    if (!(index >= 1 && index <= count && count <= 1e9))
        return refuse(p, "no shard I/N", error);
    p->made_by = (size_t)(at - p->meta);
    p->shard = (tm_shard){(size_t)index - 1, (size_t)count};
    return TM_OK;
}

static tm_status read_part(part *p, tm_error *error)
{
    size_t size, offset;
    bool lost = false;
    tm_status status = tm_journal_names(p->path, &p->log_path, &p->meta_path, error);
    if (!status)
        status = tm_journal_read_meta(p->meta_path.data, &p->meta, &size, error);
    if (status)
        return status;
    p->told = tm_json_parse(p->meta, size, true, &offset, &lost);
    if (!p->told)
        return refuse(p, "no JSON, expected what made the rows", error);
    if (find_shard(p, error))
        return error->status;
    p->log = fopen(p->log_path.data, "re");
    return p->log ? TM_OK
                  : tm_fail(error, TM_WRITE, "%.300s: cannot read: %s", p->log_path.data,
                            strerror(errno));
}

static int by_shard(const void *a, const void *b)
{
    const part *x = a, *y = b;
    return (x->shard.index > y->shard.index) - (x->shard.index < y->shard.index);
}

/* Each of N once, and made alike. */
static tm_status check_parts(const merger *m, tm_error *error)
{
    const part *first = &m->parts[0];
    for (size_t i = 0; i < m->count; i++) {
        const part *p = &m->parts[i];
        if (p->shard.count != m->count)
            return tm_fail(error, TM_WRITE, "%.300s: one of %zu parts, and there are %zu", p->path,
                           p->shard.count, m->count);
        if (p->shard.index != i)
            return tm_fail(error, TM_WRITE, "%.300s: part %zu/%zu, expected %zu/%zu: each once",
                           p->path, p->shard.index + 1, m->count, i + 1, m->count);
        if (p->made_by != first->made_by || memcmp(p->meta, first->meta, p->made_by) != 0)
            return tm_fail(error, TM_WRITE,
                           "%.300s: made by another model or in another way than %.300s",
                           p->meta_path.data, first->meta_path.data);
    }
    return TM_OK;
}

/* ---- arrays ---- */

static tm_status name_arrays(merger *m, tm_error *error)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(m->parts[0].told, "arrays"), *item;
    m->names = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *m->names);
    if (!m->names)
        return tm_fail(error, TM_NO_MEMORY, "no memory for the names of arrays");
    cJSON_ArrayForEach(item, list)
    {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "name"));
        if (!name || strchr(name, '/'))
            return refuse(&m->parts[0], "names no arrays", error);
        m->names[m->array_count++] = name;
    }
    return m->array_count ? TM_OK : refuse(&m->parts[0], "names no arrays", error);
}

static bool is_stored(tm_dtype dtype)
{
    return dtype == TM_DTYPE_F32 || dtype == TM_DTYPE_F16;
}

static tm_status open_array(part *p, const char *name, tm_npy *npy, tm_error *error)
{
    tm_buffer path = {0};
    tm_buffer_puts(&path, p->path);
    if (!tm_ends_with(p->path, ".npy"))
        tm_buffer_printf(&path, "/%s.npy", name);
    tm_error cause = {0};
    tm_status status = TM_OK;
    if (path.failed)
        status = tm_fail(error, TM_NO_MEMORY, "no memory for a name");
    else if (tm_npy_open(path.data, npy, &cause))
        status = tm_fail(error, TM_WRITE, "%s", cause.message);
    else if (npy->rank < 1 || !is_stored(npy->dtype))
        status = tm_fail(error, TM_WRITE, "%.300s: no rows of f32 or f16", path.data);
    tm_buffer_free(&path);
    return status;
}

static tm_status open_arrays(merger *m, tm_error *error)
{
    tm_status status = name_arrays(m, error);
    for (size_t i = 0; i < m->count && !status; i++) {
        part *p = &m->parts[i];
        p->arrays = calloc(m->array_count, sizeof *p->arrays);
        if (!p->arrays)
            return tm_fail(error, TM_NO_MEMORY, "no memory for %zu arrays", m->array_count);
        for (size_t k = 0; k < m->array_count && !status; k++)
            status = open_array(p, m->names[k], &p->arrays[k], error);
    }
    return status;
}

static bool take_room(merger *m, size_t floats)
{
    if (floats <= m->row_floats)
        return true;
    float *row = realloc(m->row, floats * sizeof *row);
    if (row) {
        m->row = row;
        m->row_floats = floats;
    }
    return row;
}

static tm_status copy_row(merger *m, const part *p, size_t k, tm_error *error)
{
    const tm_npy *npy = &p->arrays[k];
    if (p->rows >= npy->shape[0])
        return tm_fail(error, TM_WRITE, "%.300s: %lld rows of %s, and its index has more", p->path,
                       (long long)npy->shape[0], m->names[k]);
    size_t floats = npy->elements / (size_t)npy->shape[0];
    int64_t shape[TM_TENSOR_RANK_MAX];
    memcpy(shape, npy->shape, sizeof shape);
    shape[0] = 1;
    if (!take_room(m, floats))
        return tm_fail(error, TM_NO_MEMORY, "no memory for a row of %zu numbers", floats);
    if (tm_npy_read_f32(npy, (size_t)p->rows * floats, floats, m->row, error))
        return error->status;
    return tm_writer_add(m->writer, m->names[k], npy->rank, shape, m->row, error);
}

/* ---- lines ---- */

static tm_status put_line(merger *m, const char *line, size_t length, tm_error *error)
{
    return fwrite(line, 1, length, m->log.stream) == length
               ? TM_OK
               : tm_fail(error, TM_WRITE, "%s: cannot write: %s", m->log.path, strerror(errno));
}

/* The line with the row's number in the whole; a record as it is. */
static tm_status put_done(merger *m, const part *p, size_t length, tm_error *error)
{
    char row[40];
    if (m->records)
        return put_line(m, p->line, length, error);
    snprintf(row, sizeof row, ",\"row\":%lld}\n", (long long)p->rows);
    tm_status status = put_line(m, p->line, length - strlen(row), error);
    snprintf(row, sizeof row, ",\"row\":%lld}\n", (long long)m->rows);
    return status ? status : put_line(m, row, strlen(row), error);
}

static tm_status merge_line(merger *m, part *p, size_t length, tm_error *error)
{
    tm_outcome outcome =
        p->line[length - 1] == '\n' ? tm_journal_outcome(p->line, p->rows) : TM_OUTCOME_NONE;
    m->inputs++;
    p->inputs++;
    if (outcome == TM_OUTCOME_NONE)
        return tm_fail(error, TM_WRITE, "%.300s: line %lld is none of a run's", p->log_path.data,
                       (long long)p->inputs);
    if (outcome == TM_OUTCOME_FAILED)
        return put_line(m, p->line, length, error);
    tm_status status = put_done(m, p, length, error);
    for (size_t k = 0; k < m->array_count && !status; k++)
        status = copy_row(m, p, k, error);
    p->rows++;
    m->rows++;
    return status;
}

/* Input k is the next of part k mod N; behind the last input no part has any. */
static tm_status merge_all(merger *m, tm_error *error)
{
    bool ended = false;
    tm_status status = TM_OK;
    for (size_t turn = 0, idle = 0; idle < m->count && !status; turn++) {
        part *p = &m->parts[turn % m->count];
        ssize_t got = getline(&p->line, &p->capacity, p->log);
        idle = got < 0 ? idle + 1 : 0;
        if (ferror(p->log))
            status = tm_fail(error, TM_WRITE, "%.300s: cannot read: %s", p->log_path.data,
                             strerror(errno));
        else if (got >= 0 && ended)
            status = tm_fail(error, TM_WRITE,
                             "%.300s: more inputs than the parts before it have: "
                             "they are not parts of the same",
                             p->log_path.data);
        else if (got >= 0)
            status = merge_line(m, p, (size_t)got, error);
        ended |= got < 0;
    }
    return status;
}

/* ---- the result ---- */

static tm_status open_result(merger *m, tm_error *error)
{
    const tm_output_options *o = m->options;
    tm_status status = tm_journal_names(o->output, &m->log_path, &m->meta_path, error);
    if (!status && !m->records)
        status = tm_writer_open(o->output, o->force, &m->writer, error);
    if (m->writer) /* every part says the same */
        tm_writer_store(m->writer, m->parts[0].arrays[0].dtype);
    return status ? status : tm_outfile_open(&m->log, m->log_path.data, o->force, error);
}

static tm_status write_meta(const merger *m, tm_error *error)
{
    const part *first = &m->parts[0];
    const cJSON *threads = cJSON_GetObjectItemCaseSensitive(first->told, "threads");
    tm_buffer text = {0};
    tm_buffer_add(&text, first->meta, first->made_by);
    tm_journal_tell_counts(&text, (size_t)m->inputs, (size_t)m->rows, (size_t)(m->inputs - m->rows),
                           threads ? threads->valueint : 0);
    tm_buffer_putc(&text, '\n');
    tm_status status = tm_journal_write_meta(m->meta_path.data, &text, error);
    tm_buffer_free(&text);
    return status;
}

static tm_status commit(merger *m, tm_error *error)
{
    tm_status status = TM_OK;
    if (m->writer)
        status = tm_writer_commit(m->writer, error);
    m->writer = NULL;
    if (!status) {
        status = tm_outfile_commit(&m->log, error);
        m->log = (tm_outfile){0};
    }
    return status ? status : write_meta(m, error);
}

static void release(merger *m)
{
    tm_writer_abandon(m->writer);
    if (m->log.stream)
        tm_outfile_abandon(&m->log);
    for (size_t i = 0; i < m->count && m->parts; i++) {
        part *p = &m->parts[i];
        for (size_t k = 0; k < m->array_count && p->arrays; k++)
            tm_npy_close(&p->arrays[k]);
        free(p->arrays);
        cJSON_Delete(p->told);
        free(p->meta);
        free(p->line);
        if (p->log)
            fclose(p->log);
        tm_buffer_free(&p->log_path);
        tm_buffer_free(&p->meta_path);
    }
    free(m->parts);
    free(m->names);
    free(m->row);
    tm_buffer_free(&m->log_path);
    tm_buffer_free(&m->meta_path);
}

/* What a part and the result hold. */
static const char *kind_of(const char *path)
{
    return tm_ends_with(path, ".jsonl") ? ".jsonl"
           : tm_ends_with(path, ".npy") ? ".npy"
                                        : "a folder";
}

static tm_status read_parts(merger *m, char **paths, tm_error *error)
{
    m->parts = calloc(m->count, sizeof *m->parts);
    if (!m->parts)
        return tm_fail(error, TM_NO_MEMORY, "no memory for %zu parts", m->count);
    tm_status status = TM_OK;
    for (size_t i = 0; i < m->count && !status; i++) {
        m->parts[i].path = paths[i];
        if (strcmp(kind_of(paths[i]), kind_of(m->options->output)) != 0)
            return tm_fail(error, TM_USAGE, "%.300s: %s, and -o is %s: expected the same", paths[i],
                           kind_of(paths[i]), kind_of(m->options->output));
        status = read_part(&m->parts[i], error);
    }
    if (status)
        return status;
    qsort(m->parts, m->count, sizeof *m->parts, by_shard);
    return check_parts(m, error);
}

static tm_status merge(merger *m, char **paths, tm_error *error)
{
    tm_status status = read_parts(m, paths, error);
    m->records = tm_ends_with(m->options->output, ".jsonl");
    if (!status && !m->records)
        status = open_arrays(m, error);
    if (!status)
        status = open_result(m, error);
    if (!status)
        status = merge_all(m, error);
    return status ? status : commit(m, error);
}

int tm_cmd_merge(int argc, char **argv)
{
    tm_output_options set = TM_OUTPUT_OPTIONS_DEFAULT;
    const tm_option_target targets[] = {TM_OPTION_TARGET(options_group, tm_output_options, &set),
                                        {0}};
    tm_arguments arguments;
    tm_error error = {0};
    int exit_code;
    if (!tm_parse_arguments(&command, targets, argc, argv, &arguments, &exit_code))
        return exit_code;
    if (!set.output || !arguments.operand_count) {
        tm_arguments_free(&arguments);
        return tm_usage_error(command.name, "give -o FILE and the parts to merge");
    }
    merger m = {.options = &set, .count = arguments.operand_count};
    exit_code = merge(&m, arguments.operands, &error) ? tm_report(&error) : TM_EXIT_OK;
    release(&m);
    tm_arguments_free(&arguments);
    return exit_code;
}
