/* SPDX-License-Identifier: Apache-2.0 */
/* .safetensors: a JSON header whose length is a multiple of 8, then the arrays in byte order of
 * their names. */
#include <stdlib.h>
#include <string.h>

#include "base/little_endian.h"
#include "output/formats.h"
#include "output/json.h"

static int by_key(const void *a, const void *b)
{
    return strcmp(((const tm_array *)a)->key, ((const tm_array *)b)->key);
}

static void add_tensor(const tm_array *array, uint64_t begin, tm_buffer *out)
{
    tm_json_string(out, array->key);
    tm_buffer_printf(out, ":{\"dtype\":\"%s\",\"shape\":[", tm_dtype_name(array->dtype));
    for (int i = 0; i < array->rank; i++)
        tm_buffer_printf(out, i ? ",%lld" : "%lld", (long long)array->shape[i]);
    tm_buffer_printf(out, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)begin,
                     (unsigned long long)(begin + tm_array_bytes(array)));
}

static void add_header(const tm_writer *writer, tm_buffer *out)
{
    uint64_t at = 0;
    tm_buffer_putc(out, '{');
    if (writer->metadata.length) {
        tm_buffer_puts(out, "\"__metadata__\":{");
        tm_buffer_append(out, &writer->metadata);
        tm_buffer_puts(out, "},");
    }
    for (size_t i = 0; i < writer->count; i++) {
        if (i)
            tm_buffer_putc(out, ',');
        add_tensor(&writer->arrays[i], at, out);
        at += tm_array_bytes(&writer->arrays[i]);
    }
    tm_buffer_putc(out, '}');
    while (!out->failed && out->length % 8)
        tm_buffer_putc(out, ' ');
}

static tm_status finish(tm_writer *writer, tm_error *error)
{
    qsort(writer->arrays, writer->count, sizeof *writer->arrays, by_key);
    tm_buffer header = {0};
    add_header(writer, &header);
    tm_status status = TM_OK;
    if (header.failed)
        status = tm_fail(error, TM_NO_MEMORY, "%s: no memory", writer->path);
    else if (!tm_write_le64(writer->out.stream, header.length) ||
             fwrite(header.data, 1, header.length, writer->out.stream) != header.length)
        status = tm_writer_failed(writer->path, error);
    tm_buffer_free(&header);
    for (size_t i = 0; status == TM_OK && i < writer->count; i++)
        status = tm_spool_copy(writer, &writer->arrays[i], NULL, NULL, error);
    return status == TM_OK ? tm_outfile_commit(&writer->out, error) : status;
}

const tm_writer_format tm_write_safetensors = {
    .open = tm_target_open, .begin = tm_spool_begin, .finish = finish};
