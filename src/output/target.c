/* SPDX-License-Identifier: Apache-2.0 */
/* The file that a format writes, and the spools of arrays that go into it. */
#define _GNU_SOURCE /* fallocate */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output/formats.h"

enum { COPY_BLOCK = 1 << 18 };

static tm_status no_memory(const char *path, tm_error *error)
{
    return tm_fail(error, TM_NO_MEMORY, "%s: no memory", path);
}

void tm_writer_release(tm_writer *writer)
{
    for (size_t i = 0; i < writer->count; i++) {
        tm_array *array = &writer->arrays[i];
        if (array->spooled && array->stream)
            fclose(array->stream);
        if (array->file.stream)
            tm_outfile_abandon(&array->file);
        free(array->key);
    }
    if (writer->out.stream)
        tm_outfile_abandon(&writer->out);
    free(writer->arrays);
    free(writer->path);
    tm_buffer_free(&writer->metadata);
    free(writer);
}

tm_status tm_writer_failed(const char *path, tm_error *error)
{
    return tm_fail(error, tm_errno_status(TM_WRITE), "%s: cannot write: %s", path, strerror(errno));
}

size_t tm_array_row(int rank, const int64_t *shape)
{
    size_t elements = 1;
    for (int i = 1; i < rank; i++)
        TM_ASSERT(shape[i] >= 0 && tm_size_mul(elements, (size_t)shape[i], &elements));
    return elements;
}

uint64_t tm_array_bytes(const tm_array *array)
{
    return (uint64_t)array->shape[0] * tm_array_row(array->rank, array->shape) *
           tm_dtype_size(array->dtype);
}

tm_status tm_target_begin(const tm_writer *writer, const char *path, tm_outfile *file,
                          tm_error *error)
{
    if (writer->grows)
        return tm_outfile_grow(file, path, writer->force, writer->growth, error);
    return tm_outfile_open(file, path, writer->force, error);
}

tm_outfile *tm_array_file(tm_writer *writer, tm_array *array)
{
    return array->file.stream ? &array->file : &writer->out;
}

tm_status tm_target_open(tm_writer *writer, tm_error *error)
{
    return tm_target_begin(writer, writer->path, &writer->out, error);
}

tm_status tm_spool_begin(tm_writer *writer, tm_array *array, tm_error *error)
{
    tm_buffer name = {0};
    tm_buffer_printf(&name, "%s.spool.XXXXXX", writer->path);
    if (name.failed)
        return no_memory(writer->path, error);
    int fd = mkstemp(name.data);
    array->stream = fd >= 0 ? fdopen(fd, "w+b") : NULL;
    array->spooled = true;
    tm_status status = array->stream ? TM_OK : tm_writer_failed(name.data, error);
    if (fd >= 0)
        unlink(name.data);
    if (fd >= 0 && !array->stream)
        close(fd);
    tm_buffer_free(&name);
    return status;
}

/* Gives back what is copied, where the file system can: the disk holds the numbers once. */
static void punch_hole(FILE *spool, uint64_t begin, size_t count)
{
    (void)!fallocate(fileno(spool), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)begin,
                     (off_t)count);
}

tm_status tm_spool_copy(tm_writer *writer, tm_array *array, tm_block_fn *seen, void *context,
                        tm_error *error)
{
    unsigned char *block = malloc(COPY_BLOCK);
    if (!block)
        return no_memory(writer->path, error);
    uint64_t bytes = tm_array_bytes(array), at = 0;
    bool good = fseeko(array->stream, 0, SEEK_SET) == 0; /* flushes what was added */
    while (good && at < bytes) {
        size_t count = bytes - at < COPY_BLOCK ? (size_t)(bytes - at) : COPY_BLOCK;
        good = fread(block, 1, count, array->stream) == count &&
               fwrite(block, 1, count, writer->out.stream) == count;
        if (good && seen)
            seen(block, count, context);
        punch_hole(array->stream, at, count);
        at += count;
    }
    free(block);
    return good ? TM_OK : tm_writer_failed(writer->path, error);
}
