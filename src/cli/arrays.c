/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arrays.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* "x.npy" -> "x.index.jsonl" beside it: an array has no room for names */
static tm_status open_index(tm_arrays *arrays, const tm_output_options *o, tm_error *error)
{
    tm_buffer path = {0};
    tm_buffer_add(&path, o->output, strlen(o->output) - strlen(".npy"));
    tm_buffer_puts(&path, ".index.jsonl");
    tm_status status =
        path.failed ? tm_fail(error, TM_NO_MEMORY, "no memory for the index of %s", o->output)
                    : tm_outfile_open(&arrays->index, path.data, o->force, error);
    tm_buffer_free(&path);
    return status;
}

static tm_status open_file(tm_arrays *arrays, const tm_output_options *o, size_t count,
                           tm_error *error)
{
    bool npy = tm_ends_with(o->output, ".npy");
    tm_status status = npy ? one_array(o->output, "a .npy file", count, error) : TM_OK;
    if (!status)
        status = tm_writer_open(o->output, o->force, &arrays->writer, error);
    return status || !npy ? status : open_index(arrays, o, error);
}

bool tm_is_stream_format(const char *format)
{
    return format && (strcmp(format, "npy") == 0 || strcmp(format, "raw") == 0);
}

tm_status tm_arrays_open(tm_arrays *arrays, const tm_output_options *o, const char *format,
                         size_t count, tm_error *error)
{
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
    if (streams || to_stdout)
        return open_stdout(arrays, streams ? format : "npy", count, error);
    if (device)
        return open_device(arrays, o->output, count, error);
    return o->output ? open_file(arrays, o, count, error) : TM_OK;
}

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

tm_status tm_arrays_next(tm_arrays *arrays, const tm_answer *answer, tm_error *error)
{
    tm_buffer line = {0};
    tm_status status = TM_OK;
    arrays->rows += answer->row >= 0;
    if (!arrays->index.stream)
        return TM_OK;
    tm_answer_index(&line, answer);
    if (line.failed)
        status = tm_fail(error, TM_NO_MEMORY, "no memory for a line of the index");
    else if (fwrite(line.data, 1, line.length, arrays->index.stream) != line.length)
        status =
            tm_fail(error, TM_WRITE, "%s: cannot write: %s", arrays->index.path, strerror(errno));
    tm_buffer_free(&line);
    return status;
}

tm_status tm_arrays_close(tm_arrays *arrays, bool keep, tm_error *error)
{
    tm_status status = tm_stream_close(arrays->stream, keep, error);
    if (arrays->device.stream && keep && !status)
        status = tm_outfile_commit(&arrays->device, error);
    else if (arrays->device.stream)
        tm_outfile_abandon(&arrays->device);
    if (arrays->writer && keep)
        status = tm_writer_commit(arrays->writer, error);
    else
        tm_writer_abandon(arrays->writer);
    if (arrays->index.stream && keep && !status)
        status = tm_outfile_commit(&arrays->index, error);
    else if (arrays->index.stream)
        tm_outfile_abandon(&arrays->index);
    *arrays = (tm_arrays){0};
    return status;
}
