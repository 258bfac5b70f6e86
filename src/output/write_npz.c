/* SPDX-License-Identifier: Apache-2.0 */
/* .npz: a zip of stored .npy members, KEY.npy for each array. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "output/formats.h"
#include "output/zip.h"

static void add_crc(const unsigned char *bytes, size_t count, void *context)
{
    uLong *crc = context;
    *crc = crc32(*crc, bytes, (uInt)count);
}

static bool put(FILE *stream, const tm_buffer *bytes)
{
    return !bytes->failed && fwrite(bytes->data, 1, bytes->length, stream) == bytes->length;
}

static bool put_local(FILE *stream, const tm_zip_member *member)
{
    tm_buffer local = {0};
    tm_zip_local(member, &local);
    bool good = put(stream, &local);
    tm_buffer_free(&local);
    return good;
}

/* Local header, .npy header, numbers; then the local header again, with the checksum. */
static tm_status put_member(tm_writer *writer, tm_array *array, tm_zip_member *member,
                            tm_error *error)
{
    FILE *stream = writer->out.stream;
    tm_buffer header = {0};
    tm_npy_header(array->rank, array->shape, &header);
    tm_buffer_printf(&member->name, "%s.npy", array->key);
    member->offset = (uint64_t)ftello(stream);
    member->size = header.length + tm_array_bytes(array);
    uLong crc = crc32(0, (const Bytef *)header.data, (uInt)header.length);
    bool good = put_local(stream, member) && put(stream, &header);
    tm_buffer_free(&header);
    tm_status status = good ? tm_spool_copy(writer, array, add_crc, &crc, error)
                            : tm_writer_failed(writer->path, error);
    if (status != TM_OK)
        return status;
    member->crc = (uint32_t)crc;
    good = fseeko(stream, (off_t)member->offset, SEEK_SET) == 0 && put_local(stream, member) &&
           fseeko(stream, 0, SEEK_END) == 0;
    return good ? TM_OK : tm_writer_failed(writer->path, error);
}

/* The file's metadata as a JSON object: numpy passes over the comment. */
static tm_status make_comment(const tm_writer *writer, tm_buffer *comment, tm_error *error)
{
    enum { COMMENT_MAX = 65535 };
    if (!writer->metadata.length)
        return TM_OK;
    tm_buffer_putc(comment, '{');
    tm_buffer_append(comment, &writer->metadata);
    tm_buffer_putc(comment, '}');
    if (comment->failed)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", writer->path);
    return comment->length <= COMMENT_MAX
               ? TM_OK
               : tm_fail(error, TM_WRITE, "%s: %zu bytes of metadata, and .npz has room for %d",
                         writer->path, comment->length, COMMENT_MAX);
}

static tm_status put_directory(tm_writer *writer, const tm_zip_member *members, tm_error *error)
{
    uint64_t offset = (uint64_t)ftello(writer->out.stream);
    tm_buffer directory = {0}, comment = {0};
    for (size_t i = 0; i < writer->count; i++)
        tm_zip_central(&members[i], &directory);
    tm_status status = make_comment(writer, &comment, error);
    tm_zip_end(writer->count, offset, directory.length, &comment, &directory);
    if (!status && !put(writer->out.stream, &directory))
        status = tm_writer_failed(writer->path, error);
    tm_buffer_free(&directory);
    tm_buffer_free(&comment);
    return status;
}

static tm_status finish(tm_writer *writer, tm_error *error)
{
    tm_zip_member *members = calloc(writer->count, sizeof *members);
    if (!members)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", writer->path);
    tm_status status = TM_OK;
    for (size_t i = 0; status == TM_OK && i < writer->count; i++)
        status = put_member(writer, &writer->arrays[i], &members[i], error);
    if (status == TM_OK)
        status = put_directory(writer, members, error);
    for (size_t i = 0; i < writer->count; i++)
        tm_buffer_free(&members[i].name);
    free(members);
    return status == TM_OK ? tm_outfile_commit(&writer->out, error) : status;
}

const tm_writer_format tm_write_npz = {
    .open = tm_target_open, .begin = tm_spool_begin, .finish = finish};
