/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays that others read while they grow, and that a later run goes on with. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "output/formats.h"

int64_t tm_writer_rows(const tm_writer *writer)
{
    int64_t rows = writer->count ? INT64_MAX : 0;
    for (size_t i = 0; i < writer->count; i++)
        if (writer->arrays[i].shape[0] < rows)
            rows = writer->arrays[i].shape[0];
    return rows;
}

static uint64_t bytes_of(const tm_array *array)
{
    tm_buffer header = {0};
    tm_npy_header(array->dtype, array->rank, array->shape, &header);
    uint64_t bytes = header.failed ? 0 : header.length + tm_array_bytes(array);
    tm_buffer_free(&header);
    return bytes;
}

tm_status tm_writer_cut(tm_writer *writer, int64_t rows, tm_error *error)
{
    tm_status status = TM_OK;
    for (size_t i = 0; i < writer->count && !status; i++) {
        tm_array *array = &writer->arrays[i];
        tm_outfile *file = tm_array_file(writer, array);
        TM_ASSERT(rows <= array->shape[0]);
        array->shape[0] = rows;
        uint64_t bytes = bytes_of(array);
        status = bytes ? tm_outfile_cut(file, bytes, error)
                       : tm_fail(error, TM_NO_MEMORY, "%s: no memory", file->path);
    }
    return status;
}

tm_status tm_writer_take_back(tm_writer *writer, tm_error *error)
{
    tm_status status = TM_OK;
    for (size_t i = 0; i < writer->count && !status; i++)
        status = tm_outfile_take_back(tm_array_file(writer, &writer->arrays[i]), error);
    return status;
}

/* The rows first: a header never tells one that is not there. */
static tm_status show(tm_array *array, const tm_outfile *file, tm_error *error)
{
    tm_buffer header = {0};
    tm_status status = TM_OK;
    if (file->in_place)
        return TM_OK;
    tm_npy_header(array->dtype, array->rank, array->shape, &header);
    if (header.failed)
        status = tm_fail(error, TM_NO_MEMORY, "%s: no memory", file->path);
    else if (fflush(array->stream) != 0 ||
             pwrite(fileno(array->stream), header.data, header.length, 0) != (ssize_t)header.length)
        status = tm_writer_failed(file->path, error);
    tm_buffer_free(&header);
    return status;
}

tm_status tm_writer_show(tm_writer *writer, tm_error *error)
{
    tm_status status = TM_OK;
    for (size_t i = 0; i < writer->count && !status; i++)
        status = show(&writer->arrays[i], tm_array_file(writer, &writer->arrays[i]), error);
    return status;
}

tm_status tm_writer_leave(tm_writer *writer, tm_error *error)
{
    tm_status status = TM_OK;
    for (size_t i = 0; i < writer->count; i++) {
        tm_outfile *file = tm_array_file(writer, &writer->arrays[i]);
        if (!file->stream)
            continue; /* it has its own name */
        tm_status shown = show(&writer->arrays[i], file, status ? NULL : error);
        tm_status closed = tm_outfile_leave(file, status || shown ? NULL : error);
        status = status ? status : shown ? shown : closed;
    }
    if (writer->out.stream)
        tm_outfile_leave(&writer->out, NULL);
    tm_writer_release(writer);
    return status;
}
