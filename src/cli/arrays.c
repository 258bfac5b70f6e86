/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arrays.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define RECORD_FORMAT(name) "|" #name
const char tm_answer_format_names[] =
#include "output/record_formats.def"
    "|npy|raw";
#undef RECORD_FORMAT

static tm_status one_array(const char *path, const char *format, size_t count, tm_error *error)
{
    return count == 1
               ? TM_OK
               : tm_fail(error, TM_USAGE, "%s: %s holds one array, not %zu: choose one output%s",
                         path, format, count,
                         strcmp(path, "-") == 0 ? "" : ", or use .npz or .safetensors");
}

static tm_status open_stdout(tm_arrays *arrays, const char *format, size_t count, tm_error *error)
{
    arrays->on_stdout = true;
    tm_status status = one_array("-", format, count, error);
    if (!status && tm_stdout_is_terminal())
        status = tm_fail(error, TM_USAGE,
                         "-f %s writes numbers that no terminal shows: send them to a file or a "
                         "program",
                         format);
    return status ? status
                  : tm_stream_open(stdout, strcmp(format, "npy") == 0, &arrays->stream, error);
}

/* A device or a pipe; *is_stdout: the one that stdout is. */
static bool is_device(const char *path, bool *is_stdout)
{
    struct stat st, out;
    *is_stdout = false;
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
        return false;
    *is_stdout =
        fstat(STDOUT_FILENO, &out) == 0 && st.st_dev == out.st_dev && st.st_ino == out.st_ino;
    return true;
}

static tm_status open_device(tm_arrays *arrays, const char *path, size_t count, tm_error *error)
{
    tm_status status = one_array(path, "a device or pipe", count, error);
    if (!status)
        status = tm_outfile_open(&arrays->device, path, false, error);
    return status ? status : tm_stream_open(arrays->device.stream, true, &arrays->stream, error);
}

/* ---- files that can be gone on with ---- */

static tm_dtype dtype_of(const tm_output_options *o)
{
    return o->dtype && strcmp(o->dtype, "f16") == 0 ? TM_DTYPE_F16 : TM_DTYPE_F32;
}

static tm_status declare(tm_arrays *arrays, const tm_array_kind *kinds, size_t count,
                         tm_error *error)
{
    tm_status status = TM_OK;
    for (size_t i = 0; i < count && arrays->writer && !status; i++)
        if (kinds[i].rank)
            status = tm_writer_declare(arrays->writer, kinds[i].key, kinds[i].rank, kinds[i].shape,
                                       error);
    return status;
}

/* Of the rows and the lines of the index only those are kept that both have. */
static tm_status start(tm_arrays *arrays, tm_error *error)
{
    tm_journal *journal = &arrays->journal;
    tm_status status =
        tm_journal_start(journal, arrays->writer ? tm_writer_rows(arrays->writer) : -1, error);
    if (!status && arrays->writer)
        status = tm_writer_cut(arrays->writer, journal->rows, error);
    arrays->rows = journal->rows;
    arrays->shown = tm_seconds();
    return status;
}

static tm_status open_growing(tm_arrays *arrays, tm_session *session, const tm_meta *meta,
                              const tm_array_kind *kinds, size_t count, tm_error *error)
{
    const tm_output_options *o = &session->options->output;
    tm_journal *journal = &arrays->journal;
    tm_status status = tm_journal_names(o->output, &arrays->log_path, &arrays->meta_path, error);
    if (!status)
        status = tm_meta_make(meta, kinds, count, &arrays->made_by, error);
    if (!status)
        status = tm_journal_find(journal, arrays->meta_path.data, arrays->made_by.data, o->resume,
                                 o->force, error);
    if (!status && !arrays->records)
        status = tm_writer_grow(o->output, o->force, journal->growth, &arrays->writer, error);
    if (arrays->writer)
        tm_writer_store(arrays->writer, dtype_of(o));
    if (!status)
        status = tm_journal_open(journal, arrays->log_path.data, o->force, error);
    if (!status)
        status = declare(arrays, kinds, count, error);
    if (!status)
        status = start(arrays, error);
    session->journal = journal;
    return status;
}

static tm_status open_file(tm_arrays *arrays, tm_session *session, const tm_meta *meta,
                           const char *format, const tm_array_kind *kinds, size_t count,
                           tm_error *error)
{
    const tm_output_options *o = &session->options->output;
    arrays->records = tm_ends_with(o->output, ".jsonl");
    if (arrays->records && format && strcmp(format, "jsonl") != 0)
        return tm_fail(error, TM_USAGE, "%s: its ending says jsonl, not -f %s", o->output, format);
    bool grows = arrays->records || tm_writer_can_grow(o->output);
    tm_status status =
        tm_ends_with(o->output, ".npy") ? one_array(o->output, "a .npy file", count, error) : TM_OK;
    if (status)
        return status;
    if (grows)
        return open_growing(arrays, session, meta, kinds, count, error);
    if (o->resume)
        return tm_fail(error, TM_USAGE,
                       "%s: --resume goes on with .npy files, folders of them and records in "
                       ".jsonl: no other format grows",
                       o->output);
    status = tm_meta_make(meta, kinds, count, &arrays->made_by, error);
    if (!status)
        status = tm_writer_open(o->output, o->force, &arrays->writer, error);
    if (!status)
        tm_writer_store(arrays->writer, dtype_of(o));
    return status;
}

/* ---- what is asked for ---- */

bool tm_is_stream_format(const char *format)
{
    return format && (strcmp(format, "npy") == 0 || strcmp(format, "raw") == 0);
}

/* Siblings are told in JSON alone. */
static tm_status check_siblings(tm_arrays *arrays, const tm_session *session, const char *format,
                                tm_error *error)
{
    arrays->json = session->options->input.siblings;
    return arrays->json && !tm_records_take_json(format)
               ? tm_fail(error, TM_USAGE, "--siblings go into records of JSON: not with -f %s",
                         format)
               : TM_OK;
}

tm_status tm_arrays_open(tm_arrays *arrays, tm_session *session, const tm_meta *meta,
                         const char *format, const tm_array_kind *kinds, size_t count,
                         tm_error *error)
{
    const tm_output_options *o = &session->options->output;
    *arrays = (tm_arrays){0};
    bool streams = tm_is_stream_format(format);
    bool to_stdout = false, device = o->output && is_device(o->output, &to_stdout);
    to_stdout |= o->output && strcmp(o->output, "-") == 0;
    if (streams && o->output && !to_stdout)
        return tm_fail(
            error, TM_USAGE,
            "-f %s writes to the standard output: give no -o, or \"-o -\"; the ending of "
            "-o FILE says its format",
            format);
    if (to_stdout && format && !streams)
        return tm_fail(error, TM_USAGE,
                       "\"-o -\" writes an array where the records of -f %s go: give -f npy or -f "
                       "raw, or the name of a file",
                       format);
    if (o->dtype &&
        (streams || to_stdout || device || !o->output || tm_ends_with(o->output, ".jsonl")))
        return tm_fail(error, TM_USAGE, "--dtype is of the arrays of -o FILE");
    if (o->resume && (streams || to_stdout || device || !o->output))
        return tm_fail(error, TM_USAGE,
                       "--resume goes on with a file: give -o FILE.npy, FOLDER or FILE.jsonl");
    if (check_siblings(arrays, session, format, error))
        return error->status;
    if (streams || to_stdout)
        return open_stdout(arrays, streams ? format : "npy", count, error);
    if (device)
        return open_device(arrays, o->output, count, error);
    return o->output ? open_file(arrays, session, meta, format, kinds, count, error) : TM_OK;
}

void tm_arrays_open_records(tm_arrays *arrays, const char *format, const tm_record_type *type,
                            tm_records *records)
{
    if (arrays->records)
        tm_records_open_file(records, arrays->journal.log.stream, arrays->log_path.data);
    else
        tm_records_open(records,
                        arrays->on_stdout         ? "none"
                        : arrays->json && !format ? "jsonl"
                                                  : format,
                        type);
}

/* ---- rows ---- */

void tm_arrays_number(const tm_arrays *arrays, tm_answer *answer)
{
    bool has_row = arrays->stream || (arrays->writer && !answer->error);
    answer->row = has_row ? arrays->rows : -1;
}

tm_status tm_arrays_add(tm_arrays *arrays, const char *key, int rank, const int64_t *shape,
                        const float *values, tm_error *error)
{
    if (arrays->stream)
        return tm_stream_add(arrays->stream, rank, shape, values, error);
    return arrays->writer && values ? tm_writer_add(arrays->writer, key, rank, shape, values, error)
                                    : TM_OK;
}

/* No more than so many seconds of work are lost to whoever kills the process. */
#define SHOWN_EVERY 0.05

static tm_status show(tm_arrays *arrays, tm_error *error)
{
    double now = tm_seconds();
    if (now - arrays->shown < SHOWN_EVERY)
        return TM_OK;
    arrays->shown = now;
    tm_status status = arrays->writer ? tm_writer_show(arrays->writer, error) : TM_OK;
    return status ? status : tm_journal_show(&arrays->journal, error);
}

tm_status tm_arrays_begin_row(tm_arrays *arrays, tm_error *error)
{
    if (!arrays->journal.log.stream || arrays->grows)
        return TM_OK;
    arrays->grows = true;
    tm_status status = tm_journal_take_back(&arrays->journal, error);
    return status || !arrays->writer ? status : tm_writer_take_back(arrays->writer, error);
}

tm_status tm_arrays_next(tm_arrays *arrays, const tm_answer *answer, tm_error *error)
{
    arrays->rows += answer->row >= 0;
    if (!arrays->journal.log.stream)
        return TM_OK;
    tm_status status = tm_journal_add(&arrays->journal, answer, !arrays->records, error);
    return status ? status : show(arrays, error);
}

/* ---- the end ---- */

typedef enum ending { DISCARD, LEAVE, COMMIT } ending;

/* An array without rows is none, unless it is a part of others; records of failed inputs are
 * answers. */
static ending ending_of(const tm_arrays *arrays, const tm_session *session, int exit_code)
{
    const tm_journal *journal = &arrays->journal;
    bool ended =
        exit_code == TM_EXIT_OK || exit_code == TM_EXIT_SOME_FAILED || exit_code == TM_EXIT_INPUT;
    bool part = journal->log.stream && session->options->input.shard.count;
    bool any = part || session->done || (arrays->records && session->failed);
    if (journal->growth == TM_GROWTH_WHOLE)
        return LEAVE; /* there has been nothing to add */
    if (ended && !session->stopped && !session->broken)
        return any ? COMMIT : DISCARD;
    bool kept = journal->log.stream && (any || journal->growth == TM_GROWTH_PART);
    return kept ? LEAVE : DISCARD;
}

static tm_status end_stream(tm_arrays *arrays, bool keep, tm_error *error)
{
    tm_status status = tm_stream_close(arrays->stream, keep, error);
    if (arrays->device.stream && keep && !status)
        status = tm_outfile_commit(&arrays->device, error);
    else if (arrays->device.stream)
        tm_outfile_abandon(&arrays->device);
    return status;
}

/* Formats that do not grow have the meta inside, where they have room for it. */
static tm_status add_meta(tm_arrays *arrays, const tm_session *session, tm_error *error)
{
    if (arrays->journal.log.stream)
        return TM_OK;
    tm_journal_tell_counts(&arrays->made_by, session->done + session->failed, session->done,
                           session->failed, session->threads);
    return arrays->made_by.failed
               ? tm_fail(error, TM_NO_MEMORY, "no memory for what made the numbers")
               : tm_writer_metadata(arrays->writer, "timmc", arrays->made_by.data, error);
}

static tm_status end_writer(tm_arrays *arrays, const tm_session *session, ending how,
                            tm_error *error)
{
    tm_status status = TM_OK;
    if (!arrays->writer)
        return TM_OK;
    if (how == COMMIT)
        status = add_meta(arrays, session, error);
    if (how == COMMIT && !status)
        return tm_writer_commit(arrays->writer, error);
    if (how == LEAVE)
        return tm_writer_leave(arrays->writer, error);
    tm_writer_abandon(arrays->writer);
    return status;
}

/* The log is whole before the numbers have their name: whoever finds that finds all. */
static tm_status end_journal(tm_arrays *arrays, const tm_session *session, ending how,
                             tm_error *error)
{
    tm_journal *journal = &arrays->journal;
    if (journal->log.stream && how == COMMIT)
        return tm_journal_commit(journal, session->threads, error);
    if (journal->log.stream && how == LEAVE)
        return tm_journal_leave(journal, error);
    tm_journal_discard(journal);
    return TM_OK;
}

int tm_arrays_end(tm_arrays *arrays, const tm_session *session, int exit_code)
{
    tm_error error = {0};
    ending how = ending_of(arrays, session, exit_code);
    tm_status status = end_stream(arrays, how == COMMIT || session->stopped, &error);
    if (how == DISCARD)
        tm_journal_discard(&arrays->journal);
    if (!status)
        status = end_writer(arrays, session, how, &error);
    else
        tm_writer_abandon(arrays->writer);
    if (status && how == COMMIT)
        how = LEAVE;
    tm_status ended = end_journal(arrays, session, how, status ? NULL : &error);
    tm_buffer_free(&arrays->log_path);
    tm_buffer_free(&arrays->meta_path);
    tm_buffer_free(&arrays->made_by);
    *arrays = (tm_arrays){0};
    /* what ended the run has been told */
    return (status || ended) && !session->broken ? tm_report(&error) : exit_code;
}
