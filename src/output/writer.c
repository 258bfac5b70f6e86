/* SPDX-License-Identifier: Apache-2.0 */
#include "output/writer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/floats.h"
#include "base/little_endian.h"
#include "output/formats.h"
#include "output/json.h"

static tm_status no_memory(const char *path, tm_error *error)
{
    return tm_fail(error, TM_NO_MEMORY, "%s: no memory", path);
}

static bool is_folder(const char *path)
{
    struct stat st;
    size_t length = strlen(path);
    return (length > 0 && path[length - 1] == '/') || (stat(path, &st) == 0 && S_ISDIR(st.st_mode));
}

static const tm_writer_format *format_of(const char *path, tm_error *error)
{
    static const struct {
        const char *suffix;
        const tm_writer_format *format;
    } formats[] = {
#define TM_WRITER(name, suffix) {suffix, &tm_write_##name},
#include "output/writers.def"
#undef TM_WRITER
    };
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    const char *suffix = is_folder(path) || !dot ? "" : dot;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(suffix, formats[i].suffix) == 0)
            return formats[i].format;
#define TM_WRITER(name, suffix) " " suffix
    tm_fail(error, TM_USAGE,
            "%s: found suffix %s, expected one of"
#include "output/writers.def"
            "or a folder",
            path, suffix);
#undef TM_WRITER
    return NULL;
}

void tm_writer_abandon(tm_writer *writer)
{
    if (!writer)
        return;
    char *folder = writer->made_folder ? writer->path : NULL;
    if (folder)
        writer->path = NULL;
    tm_writer_release(writer);
    if (folder)
        rmdir(folder); /* stays when something is in it */
    free(folder);
}

static tm_status open_writer(const char *path, const tm_writer *how, tm_writer **out,
                             tm_error *error)
{
    const tm_writer_format *format = format_of(path, error);
    if (!format)
        return TM_USAGE;
    tm_writer *writer = calloc(1, sizeof *writer);
    if (writer)
        writer->path = strdup(path);
    if (!writer || !writer->path) {
        free(writer);
        return no_memory(path, error);
    }
    writer->format = format;
    writer->force = how->force;
    writer->grows = how->grows;
    writer->growth = how->growth;
    writer->dtype = TM_DTYPE_F32;
    tm_status status = format->open(writer, error);
    if (status == TM_OK)
        *out = writer;
    else
        tm_writer_abandon(writer);
    return status;
}

tm_status tm_writer_open(const char *path, bool force, tm_writer **out, tm_error *error)
{
    return open_writer(path, &(tm_writer){.force = force}, out, error);
}

bool tm_writer_can_grow(const char *path)
{
    const tm_writer_format *format = format_of(path, NULL);
    return format && format->can_grow;
}

tm_status tm_writer_grow(const char *path, bool force, tm_growth growth, tm_writer **out,
                         tm_error *error)
{
    return open_writer(path, &(tm_writer){.force = force, .grows = true, .growth = growth}, out,
                       error);
}

void tm_writer_store(tm_writer *writer, tm_dtype dtype)
{
    TM_ASSERT(dtype == TM_DTYPE_F32 || dtype == TM_DTYPE_F16);
    writer->dtype = dtype;
}

static tm_array *find_array(tm_writer *writer, const char *key)
{
    for (size_t i = 0; i < writer->count; i++)
        if (strcmp(writer->arrays[i].key, key) == 0)
            return &writer->arrays[i];
    return NULL;
}

static tm_status new_array(tm_writer *writer, const char *key, int rank, const int64_t *shape,
                           tm_array **out, tm_error *error)
{
    if (writer->count == writer->capacity) {
        size_t capacity = writer->capacity ? 2 * writer->capacity : 16;
        tm_array *larger = realloc(writer->arrays, capacity * sizeof *larger);
        if (!larger)
            return no_memory(writer->path, error);
        writer->arrays = larger;
        writer->capacity = capacity;
    }
    tm_array *array = &writer->arrays[writer->count];
    *array = (tm_array){.key = strdup(key), .dtype = writer->dtype, .rank = rank};
    if (!array->key)
        return no_memory(writer->path, error);
    memcpy(array->shape, shape, (size_t)(rank ? rank : 1) * sizeof *shape);
    array->shape[0] = 0;
    tm_status status = writer->format->begin(writer, array, error);
    if (status != TM_OK) {
        free(array->key);
        return status;
    }
    writer->count++;
    *out = array;
    return TM_OK;
}

tm_status tm_writer_declare(tm_writer *writer, const char *key, int rank, const int64_t *shape,
                            tm_error *error)
{
    tm_array *array;
    return new_array(writer, key, rank, shape, &array, error);
}

static tm_status check_range(const tm_writer *writer, const char *key, const float *data,
                             size_t count, tm_error *error)
{
    for (size_t i = 0; i < count; i++)
        if ((tm_f16_of_f32(data[i]) & 0x7FFF) == 0x7C00 && isfinite(data[i]))
            return tm_fail(error, TM_UNSUPPORTED, "%s: array %s: found %g, beyond what f16 holds",
                           writer->path, key, (double)data[i]);
    return TM_OK;
}

tm_status tm_writer_add(tm_writer *writer, const char *key, int rank, const int64_t *shape,
                        const float *data, tm_error *error)
{
    TM_ASSERT(rank >= 0 && rank <= TM_WRITER_RANK_MAX && shape[0] >= 0);
    tm_array *array = find_array(writer, key);
    if (!array) {
        tm_status status = new_array(writer, key, rank, shape, &array, error);
        if (status != TM_OK)
            return status;
    }
    bool same = array->rank == rank;
    for (int i = 1; same && i < rank; i++)
        same = array->shape[i] == shape[i];
    if (!same)
        return tm_fail(error, TM_SHAPE,
                       "%s: array %s: found rows of another shape, expected all rows alike",
                       writer->path, key);
    size_t elements;
    TM_ASSERT(tm_size_mul(tm_array_row(rank, shape), (size_t)shape[0], &elements));
    bool half = array->dtype == TM_DTYPE_F16;
    if (half && check_range(writer, key, data, elements, error))
        return error->status;
    if (elements && !(half ? tm_write_f16_le : tm_write_f32_le)(array->stream, data, elements)) {
        writer->failed = true;
        return tm_writer_failed(writer->path, error);
    }
    array->shape[0] += shape[0];
    return TM_OK;
}

tm_status tm_writer_metadata(tm_writer *writer, const char *key, const char *value, tm_error *error)
{
    if (writer->metadata.length)
        tm_buffer_putc(&writer->metadata, ',');
    tm_json_string(&writer->metadata, key);
    tm_buffer_putc(&writer->metadata, ':');
    tm_json_string(&writer->metadata, value);
    return writer->metadata.failed ? no_memory(writer->path, error) : TM_OK;
}

tm_status tm_writer_commit(tm_writer *writer, tm_error *error)
{
    tm_status status;
    if (writer->failed)
        status = tm_fail(error, TM_WRITE, "%s: found rows cut by a failed write", writer->path);
    else if (writer->count == 0)
        status =
            tm_fail(error, TM_WRITE, "%s: found no array to write, expected one", writer->path);
    else
        status = writer->format->finish(writer, error);
    if (status == TM_OK)
        tm_writer_release(writer);
    else if (writer->grows)
        tm_writer_leave(writer, NULL);
    else
        tm_writer_abandon(writer);
    return status;
}
