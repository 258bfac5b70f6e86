/* SPDX-License-Identifier: Apache-2.0 */
/* .npy: one array; rows go straight into the file and the header is written twice. */
#define _GNU_SOURCE /* memmem */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output/formats.h"

enum { ALIGNMENT = 64, PREFIX = 10 }; /* magic, version, header length */

/* The dict of the header; rows as text of up to 20 digits. */
static void add_dict(tm_dtype dtype, int rank, const int64_t *shape, const char *rows,
                     tm_buffer *out)
{
    tm_buffer_printf(out, "{'descr': '<f%zu', 'fortran_order': False, 'shape': (%s,",
                     tm_dtype_size(dtype), rows);
    for (int i = 1; i < rank; i++)
        tm_buffer_printf(out, i > 1 ? ", %lld" : " %lld", (long long)shape[i]);
    tm_buffer_puts(out, "), }");
}

void tm_npy_header(tm_dtype dtype, int rank, const int64_t *shape, tm_buffer *out)
{
    tm_buffer widest = {0}, dict = {0};
    char rows[24];
    snprintf(rows, sizeof rows, "%lld", (long long)shape[0]);
    add_dict(dtype, rank, shape, "18446744073709551615", &widest);
    add_dict(dtype, rank, shape, rows, &dict);
    size_t total = (PREFIX + widest.length + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    unsigned length = (unsigned)(total - PREFIX);
    while (!dict.failed && !widest.failed && dict.length < length - 1)
        tm_buffer_putc(&dict, ' ');
    tm_buffer_putc(&dict, '\n');
    const unsigned char prefix[PREFIX] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)length, (unsigned char)(length >> 8)};
    tm_buffer_add(out, prefix, sizeof prefix);
    tm_buffer_append(out, &dict);
    out->failed |= widest.failed;
    tm_buffer_free(&widest);
    tm_buffer_free(&dict);
}

static tm_status put_header(const tm_array *array, const char *path, tm_error *error)
{
    tm_buffer header = {0};
    tm_npy_header(array->dtype, array->rank, array->shape, &header);
    tm_status status = TM_OK;
    if (header.failed)
        status = tm_fail(error, TM_NO_MEMORY, "%s: no memory", path);
    else if (fwrite(header.data, 1, header.length, array->stream) != header.length)
        status = tm_writer_failed(path, error);
    tm_buffer_free(&header);
    return status;
}

/* The rows that the header of a file tells; -1: it is not the header of this array. */
static int64_t rows_told(const tm_array *array, const tm_buffer *header, const char *found)
{
    static const char before[] = "'shape': (";
    tm_array told = *array;
    tm_buffer same = {0};
    const char *at = memmem(found, header->length, before, sizeof before - 1);
    if (!at)
        return -1;
    told.shape[0] = strtoll(at + sizeof before - 1, NULL, 10);
    tm_npy_header(told.dtype, told.rank, told.shape, &same);
    bool good =
        !same.failed && same.length == header->length && memcmp(same.data, found, same.length) == 0;
    tm_buffer_free(&same);
    return good ? told.shape[0] : -1;
}

/* Rows are counted by the bytes that are there: the header may be older. */
static tm_status count_rows(tm_array *array, const tm_outfile *file, const tm_buffer *header,
                            uint64_t size, tm_error *error)
{
    char *found = calloc(1, header->length + 1);
    tm_status status = TM_OK;
    if (!found)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", file->path);
    if (pread(fileno(array->stream), found, header->length, 0) != (ssize_t)header->length)
        status = tm_writer_failed(file->path, error);
    else if (rows_told(array, header, found) < 0)
        status = tm_fail(error, TM_WRITE,
                         "%s: found another array than this run makes, which cannot go on with it",
                         file->path);
    else
        array->shape[0] =
            (int64_t)((size - header->length) /
                      (tm_array_row(array->rank, array->shape) * tm_dtype_size(array->dtype)));
    free(found);
    return status;
}

/* One whose header was not written whole has no rows, and starts anew. */
static tm_status go_on(tm_array *array, tm_outfile *file, tm_error *error)
{
    tm_buffer header = {0};
    struct stat st;
    tm_status status;
    tm_npy_header(array->dtype, array->rank, array->shape, &header);
    if (header.failed)
        status = tm_fail(error, TM_NO_MEMORY, "%s: no memory", file->path);
    else if (fstat(fileno(array->stream), &st) != 0)
        status = tm_writer_failed(file->path, error);
    else if ((uint64_t)st.st_size >= header.length)
        status = count_rows(array, file, &header, (uint64_t)st.st_size, error);
    else if ((status = tm_outfile_cut(file, 0, error)) == TM_OK)
        status = put_header(array, file->path, error);
    tm_buffer_free(&header);
    return status;
}

tm_status tm_npy_begin(tm_writer *writer, tm_array *array, tm_outfile *file, tm_error *error)
{
    array->stream = file->stream;
    if (writer->grows && writer->growth != TM_GROWTH_NEW)
        return go_on(array, file, error);
    if (writer->grows && tm_outfile_cut(file, 0, error))
        return error->status;
    return put_header(array, file->path, error);
}

tm_status tm_npy_complete(tm_array *array, const char *path, tm_error *error)
{
    if (fseeko(array->stream, 0, SEEK_SET) != 0)
        return tm_writer_failed(path, error);
    return put_header(array, path, error);
}

static tm_status begin(tm_writer *writer, tm_array *array, tm_error *error)
{
    if (writer->count > 0)
        return tm_fail(error, TM_USAGE,
                       "%s: found a second array %s beside %s, expected one; .npz holds several",
                       writer->path, array->key, writer->arrays[0].key);
    return tm_npy_begin(writer, array, &writer->out, error);
}

static tm_status finish(tm_writer *writer, tm_error *error)
{
    tm_status status = tm_npy_complete(&writer->arrays[0], writer->path, error);
    return status == TM_OK ? tm_outfile_commit(&writer->out, error) : status;
}

const tm_writer_format tm_write_npy = {
    .can_grow = true, .open = tm_target_open, .begin = begin, .finish = finish};
