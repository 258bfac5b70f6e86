/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"

enum { META_BYTES_MAX = 1 << 20 };

/* ---- the meta ---- */

static tm_status no_memory(const char *path, tm_error *error)
{
    return tm_fail(error, TM_NO_MEMORY, "%s: no memory", path);
}

tm_status tm_journal_write_meta(const char *path, const tm_buffer *text, tm_error *error)
{
    tm_outfile out;
    if (text->failed)
        return no_memory(path, error);
    tm_status status = tm_outfile_open(&out, path, true, error);
    if (status)
        return status;
    if (fwrite(text->data, 1, text->length, out.stream) == text->length)
        return tm_outfile_commit(&out, error);
    tm_fail(error, TM_WRITE, "%s: cannot write: %s", path, strerror(errno));
    tm_outfile_abandon(&out);
    return TM_WRITE;
}

static tm_status write_meta_part(const tm_journal *journal, tm_error *error)
{
    tm_buffer text = {0};
    tm_buffer_printf(&text, "%s,\"complete\":false}\n", journal->made_by);
    tm_status status = tm_journal_write_meta(journal->meta_part, &text, error);
    tm_buffer_free(&text);
    return status;
}

tm_status tm_journal_read_meta(const char *path, char **text, size_t *size, tm_error *error)
{
    FILE *file = fopen(path, "re");
    *text = file ? malloc(META_BYTES_MAX) : NULL;
    *size = *text ? fread(*text, 1, META_BYTES_MAX - 1, file) : 0;
    tm_status status = TM_OK;
    if (*text)
        (*text)[*size] = '\0';
    else
        status = tm_fail(error, file ? TM_NO_MEMORY : TM_WRITE, "%s: cannot read: %s", path,
                         strerror(errno));
    if (file)
        fclose(file);
    return status;
}

static tm_status tell_member(const cJSON *found, const cJSON *wanted, const char *path,
                             tm_error *error)
{
    const cJSON *member = found ? found : wanted;
    char *was = found ? cJSON_PrintUnformatted(found) : NULL;
    char *is = wanted ? cJSON_PrintUnformatted(wanted) : NULL;
    tm_fail(error, TM_WRITE, "%.300s: cannot go on: %s was %.200s, and is %.200s", path,
            member->string, was ? was : "not told", is ? is : "not told");
    cJSON_free(was);
    cJSON_free(is);
    return TM_WRITE;
}

/* The first member that differs. */
static tm_status tell_difference(const char *path, const cJSON *found, const cJSON *wanted,
                                 tm_error *error)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, wanted)
    {
        const cJSON *was = cJSON_GetObjectItemCaseSensitive(found, member->string);
        if (!was || !cJSON_Compare(was, member, true))
            return tell_member(was, member, path, error);
    }
    return tm_fail(error, TM_WRITE, "%.300s: cannot go on: made by another kind of run", path);
}

static tm_status compare_meta(const tm_journal *journal, const char *path, tm_error *error)
{
    size_t size, length = strlen(journal->made_by), offset;
    bool lost;
    char *text;
    tm_status status = tm_journal_read_meta(path, &text, &size, error);
    if (status)
        return status;
    if (size <= length || memcmp(text, journal->made_by, length) != 0 || text[length] != ',') {
        tm_buffer wanted = {0};
        tm_buffer_printf(&wanted, "%s}", journal->made_by);
        cJSON *was = tm_json_parse(text, size, true, &offset, &lost);
        cJSON *is =
            wanted.failed ? NULL : tm_json_parse(wanted.data, wanted.length, true, &offset, &lost);
        status = was && is
                     ? tell_difference(path, was, is, error)
                     : tm_fail(error, TM_WRITE, "%s: no JSON, expected what made the rows", path);
        cJSON_Delete(was);
        cJSON_Delete(is);
        tm_buffer_free(&wanted);
    }
    free(text);
    return status;
}

/* ---- names ---- */

/* "x.npy" -> "x.NAME"; a folder "x" or "x/" -> "x/NAME" */
static void add_beside(tm_buffer *path, const char *output, const char *name)
{
    static const char ending[] = ".npy";
    bool npy = tm_ends_with(output, ending);
    size_t length = strlen(output) - (npy ? sizeof ending - 1 : 0);
    while (!npy && length > 1 && output[length - 1] == '/')
        length--;
    tm_buffer_add(path, output, length);
    tm_buffer_puts(path, npy ? "." : "/");
    tm_buffer_puts(path, name);
}

tm_status tm_journal_names(const char *output, tm_buffer *log, tm_buffer *meta, tm_error *error)
{
    if (tm_ends_with(output, ".jsonl")) {
        tm_buffer_puts(log, output);
        tm_buffer_printf(meta, "%s.meta.json", output);
    } else {
        add_beside(log, output, "index.jsonl");
        add_beside(meta, output, "meta.json");
    }
    return log->failed || meta->failed
               ? tm_fail(error, TM_NO_MEMORY, "no memory for the names of %s", output)
               : TM_OK;
}

/* ---- opening ---- */

static tm_status refuse_part(const char *part, tm_error *error)
{
    return tm_fail(error, TM_WRITE,
                   "%s: an unfinished run has left it, or one goes on; --resume goes on with what "
                   "it did, --force does it again",
                   part);
}

tm_status tm_journal_find(tm_journal *journal, const char *meta_path, const char *made_by,
                          bool resume, bool force, tm_error *error)
{
    *journal = (tm_journal){.meta_path = meta_path, .made_by = made_by};
    const char *part = journal->meta_part = tm_outfile_part(meta_path);
    if (!part)
        return no_memory(meta_path, error);
    bool unfinished = access(part, F_OK) == 0, finished = access(meta_path, F_OK) == 0;
    journal->growth = TM_GROWTH_NEW;
    if (!resume && unfinished && !force)
        return refuse_part(part, error);
    if (!resume || (!unfinished && !finished))
        return TM_OK;
    journal->growth = unfinished ? TM_GROWTH_PART : TM_GROWTH_WHOLE;
    return compare_meta(journal, unfinished ? part : meta_path, error);
}

tm_status tm_journal_open(tm_journal *journal, const char *path, bool force, tm_error *error)
{
    tm_status status = tm_outfile_grow(&journal->log, path, force, journal->growth, error);
    if (!status && journal->growth == TM_GROWTH_NEW) {
        unlink(journal->meta_part); /* of a run that is done again: its files are another's now */
        status = tm_outfile_cut(&journal->log, 0, error);
    }
    return status;
}

/* ---- lines ---- */

/* No name can hold these: in JSON's strings a quotation mark has a backslash before it. */
tm_outcome tm_journal_outcome(const char *line, int64_t row)
{
    char with_row[40];
    snprintf(with_row, sizeof with_row, ",\"row\":%lld}\n", (long long)row);
    if (strstr(line, ",\"row\":null}\n") || strstr(line, ",\"ok\":false,"))
        return TM_OUTCOME_FAILED;
    return strstr(line, with_row) || strstr(line, ",\"ok\":true,") ? TM_OUTCOME_DONE
                                                                   : TM_OUTCOME_NONE;
}

static void count(tm_journal *journal, bool failed)
{
    journal->inputs++;
    journal->failed += failed;
    journal->rows += !failed;
}

/* A last line that is not whole, and lines whose rows did not reach the disk, are done again. */
static tm_status count_lines(tm_journal *journal, int64_t rows, uint64_t *whole, tm_error *error)
{
    FILE *log = journal->log.stream;
    ssize_t got;
    for (*whole = 0; (got = getline(&journal->line, &journal->capacity, log)) > 0;
         *whole += (uint64_t)got) {
        if (journal->line[got - 1] != '\n')
            break;
        tm_outcome o = tm_journal_outcome(journal->line, journal->rows);
        if (o == TM_OUTCOME_NONE)
            return tm_fail(error, TM_WRITE, "%s: line %lld is none of this run's",
                           journal->log.path, (long long)journal->inputs + 1);
        if (o == TM_OUTCOME_DONE && journal->rows == rows)
            break;
        count(journal, o == TM_OUTCOME_FAILED);
    }
    return ferror(log)
               ? tm_fail(error, TM_WRITE, "%s: cannot read: %s", journal->log.path, strerror(errno))
               : TM_OK;
}

static tm_status go_on(tm_journal *journal, int64_t rows, tm_error *error)
{
    const tm_outfile *log = &journal->log;
    uint64_t whole;
    tm_status status = count_lines(journal, rows, &whole, error);
    if (!status)
        status = tm_outfile_cut(&journal->log, whole, error);
    journal->past_inputs = journal->inputs;
    if (!status && journal->inputs) {
        journal->past = fopen(log->named ? log->temporary : log->path, "re");
        if (!journal->past)
            status = tm_fail(error, TM_WRITE, "%s: cannot read: %s", log->path, strerror(errno));
    }
    return status;
}

tm_status tm_journal_start(tm_journal *journal, int64_t rows, tm_error *error)
{
    return journal->growth == TM_GROWTH_NEW ? write_meta_part(journal, error)
                                            : go_on(journal, rows, error);
}

bool tm_journal_is_behind(const tm_journal *journal)
{
    return journal->compared < journal->past_inputs;
}

tm_status tm_journal_compare(tm_journal *journal, const char *file, int index, tm_error *error)
{
    tm_buffer head = {0};
    tm_answer_head(&head, &(tm_answer){.file = file, .index = index});
    ssize_t got = getline(&journal->line, &journal->capacity, journal->past);
    tm_status status = TM_OK;
    journal->compared++;
    if (head.failed)
        status = no_memory(journal->log.path, error);
    else if (got < (ssize_t)head.length || memcmp(journal->line, head.data, head.length) != 0)
        status = tm_fail(error, TM_WRITE,
                         "%.300s: line %lld is not of %.300s: expected the inputs of the run that "
                         "wrote it, in their order",
                         journal->log.path, (long long)journal->compared, file);
    tm_buffer_free(&head);
    return status;
}

tm_status tm_journal_check_end(const tm_journal *journal, tm_error *error)
{
    if (!tm_journal_is_behind(journal))
        return TM_OK;
    return tm_fail(error, TM_WRITE,
                   "%s: it has %lld inputs, and now there are only %lld: expected those of the run "
                   "that wrote it, or more",
                   journal->log.path, (long long)journal->past_inputs,
                   (long long)journal->compared);
}

/* ---- growing ---- */

tm_status tm_journal_take_back(tm_journal *journal, tm_error *error)
{
    tm_status status = TM_OK;
    if (journal->growth == TM_GROWTH_WHOLE)
        status = write_meta_part(journal, error);
    if (!status && journal->growth == TM_GROWTH_WHOLE && unlink(journal->meta_path) != 0)
        status =
            tm_fail(error, TM_WRITE, "%s: cannot remove: %s", journal->meta_path, strerror(errno));
    if (!status)
        status = tm_outfile_take_back(&journal->log, error);
    journal->growth = TM_GROWTH_PART;
    return status;
}

tm_status tm_journal_add(tm_journal *journal, const tm_answer *answer, bool line, tm_error *error)
{
    tm_buffer text = {0};
    tm_status status = TM_OK;
    count(journal, answer->error);
    if (!line)
        return TM_OK;
    tm_answer_index(&text, answer);
    if (text.failed)
        status = no_memory(journal->log.path, error);
    else if (fwrite(text.data, 1, text.length, journal->log.stream) != text.length)
        status =
            tm_fail(error, TM_WRITE, "%s: cannot write: %s", journal->log.path, strerror(errno));
    tm_buffer_free(&text);
    return status;
}

tm_status tm_journal_show(tm_journal *journal, tm_error *error)
{
    return fflush(journal->log.stream) == 0 ? TM_OK
                                            : tm_fail(error, TM_WRITE, "%s: cannot write: %s",
                                                      journal->log.path, strerror(errno));
}

/* ---- the end ---- */

static void release(tm_journal *journal)
{
    if (journal->past)
        fclose(journal->past);
    free(journal->line);
    free(journal->meta_part);
    *journal = (tm_journal){0};
}

void tm_journal_tell_counts(tm_buffer *meta, size_t inputs, size_t rows, size_t failed, int threads)
{
    tm_buffer_printf(meta,
                     ",\"complete\":true,\"inputs\":%zu,\"rows\":%zu,\"failed\":%zu,"
                     "\"threads\":%d}",
                     inputs, rows, failed, threads);
}

tm_status tm_journal_commit(tm_journal *journal, int threads, tm_error *error)
{
    tm_buffer text = {0};
    tm_buffer_puts(&text, journal->made_by);
    tm_journal_tell_counts(&text, (size_t)journal->inputs, (size_t)journal->rows,
                           (size_t)journal->failed, threads);
    tm_buffer_putc(&text, '\n');
    tm_status status = tm_outfile_commit(&journal->log, error);
    if (!status)
        status = tm_journal_write_meta(journal->meta_path, &text, error);
    if (!status)
        unlink(journal->meta_part);
    tm_buffer_free(&text);
    release(journal);
    return status;
}

tm_status tm_journal_leave(tm_journal *journal, tm_error *error)
{
    tm_status status = tm_outfile_leave(&journal->log, error);
    release(journal);
    return status;
}

void tm_journal_discard(tm_journal *journal)
{
    if (journal->log.stream) { /* else it may be another's */
        unlink(journal->meta_part);
        tm_outfile_abandon(&journal->log);
    }
    release(journal);
}
