/* SPDX-License-Identifier: Apache-2.0 */
/* A folder: KEY.npy for each array. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "output/formats.h"

static tm_status open_folder(tm_writer *writer, tm_error *error)
{
    writer->made_folder = mkdir(writer->path, 0777) == 0;
    struct stat st;
    if (!writer->made_folder && errno == EEXIST && stat(writer->path, &st) == 0 &&
        !S_ISDIR(st.st_mode))
        return tm_fail(error, TM_WRITE, "%s: found a file, expected a folder", writer->path);
    return writer->made_folder || errno == EEXIST ? TM_OK : tm_writer_failed(writer->path, error);
}

static tm_status begin(tm_writer *writer, tm_array *array, tm_error *error)
{
    if (array->key[0] == '\0' || strchr(array->key, '/'))
        return tm_fail(error, TM_USAGE, "%s: found key '%s', expected one that can name a file",
                       writer->path, array->key);
    tm_buffer path = {0};
    size_t length = strlen(writer->path);
    tm_buffer_printf(&path, "%s%s%s.npy", writer->path,
                     length > 0 && writer->path[length - 1] == '/' ? "" : "/", array->key);
    tm_status status = path.failed ? tm_fail(error, TM_NO_MEMORY, "%s: no memory", writer->path)
                                   : tm_target_begin(writer, path.data, &array->file, error);
    tm_buffer_free(&path);
    if (status != TM_OK)
        return status;
    status = tm_npy_begin(writer, array, &array->file, error);
    if (status != TM_OK)
        tm_outfile_abandon(&array->file);
    return status;
}

static tm_status finish(tm_writer *writer, tm_error *error)
{
    tm_status status = TM_OK;
    for (size_t i = 0; status == TM_OK && i < writer->count; i++)
        status = tm_npy_complete(&writer->arrays[i], writer->arrays[i].file.path, error);
    for (size_t i = 0; status == TM_OK && i < writer->count; i++)
        status = tm_outfile_prepare(&writer->arrays[i].file, error);
    for (size_t i = 0; status == TM_OK && i < writer->count; i++)
        status = tm_outfile_commit(&writer->arrays[i].file, error);
    return status;
}

const tm_writer_format tm_write_folder = {
    .can_grow = true, .open = open_folder, .begin = begin, .finish = finish};
