/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures from files and pipes: read, not mapped, so that what is cut meanwhile is short and any
 * number can be read at once. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "image/codec.h"

enum { BLOCK_BYTES = 64 * 1024 };

static tm_status fail_errno(const char *file, tm_error *error)
{
    return tm_fail(error, errno == ENOENT ? TM_NOT_FOUND : TM_READ, "%.300s: %s", file,
                   strerror(errno));
}

/* A file while it is read. */
typedef struct reader {
    int fd;
    const char *name;
    size_t size; /* the bytes that are expected and one more, whose absence shows the end; 0: nobody
                    knows */
    size_t most;
    tm_buffer bytes;
    tm_share share;
    const tm_decode_options *options;
} reader;

static tm_status too_long(const reader *r, tm_error *error)
{
    return tm_fail(error, TM_TOO_LARGE,
                   "%.300s: more than %zu bytes, which is the limit for the file of a picture (a "
                   "quarter of --max-memory, at most %zu)",
                   r->name, r->most, TM_IMAGE_FILE_MAX);
}

/* The first block is free: it tells whether this may be a picture. A whole file's size is taken
 * then; of a pipe, or a file that grows, what there is. */
static tm_status take_share(reader *r, size_t capacity, tm_error *error)
{
    if (r->share.bytes || capacity != r->size) {
        tm_share_resize(&r->share, capacity);
        return TM_OK;
    }
    const tm_decode_options *o = r->options;
    if (o && o->turn)
        o->turn(o->turn_context, false);
    bool taken = tm_share_take(&r->share, capacity - 1);
    if (o && o->turn)
        o->turn(o->turn_context, true);
    return taken ? TM_OK : too_long(r, error);
}

/* Room for at least one more byte. */
static tm_status reserve(reader *r, tm_error *error)
{
    tm_buffer *bytes = &r->bytes;
    size_t capacity = bytes->capacity;
    if (bytes->length < capacity)
        return TM_OK;
    if (!capacity)
        capacity = BLOCK_BYTES;
    else if (capacity < r->size)
        capacity = r->size;
    else if (capacity > r->most)
        return too_long(r, error);
    else
        capacity = capacity > r->most / 2 ? r->most + 1 : 2 * capacity;
    tm_status status = bytes->capacity ? take_share(r, capacity, error) : TM_OK;
    if (status)
        return status;
    char *grown = realloc(bytes->data, capacity);
    if (!grown)
        return tm_fail(error, TM_NO_MEMORY, "%.300s: no memory after %zu bytes of the picture",
                       r->name, bytes->length);
    bytes->data = grown;
    bytes->capacity = capacity;
    return TM_OK;
}

/* Stops at the end, or when it is clear that this is no picture. */
static tm_status read_all(reader *r, tm_error *error)
{
    tm_buffer *bytes = &r->bytes;
    for (;;) {
        if (!tm_image_may_be((const unsigned char *)bytes->data, bytes->length))
            return TM_OK;
        if (bytes->length && (bytes->length > r->most || r->size > r->most + 1))
            return too_long(r, error);
        tm_status status = reserve(r, error);
        if (status)
            return status;
        ssize_t got = read(r->fd, bytes->data + bytes->length, bytes->capacity - bytes->length);
        if (got == 0)
            return TM_OK;
        if (got > 0)
            bytes->length += (size_t)got;
        else if (errno != EINTR)
            return fail_errno(r->name, error);
    }
}

static reader start(int fd, const char *name, const struct stat *st,
                    const tm_decode_options *options)
{
    reader r = {.fd = fd, .name = name, .most = TM_IMAGE_FILE_MAX, .options = options};
    if (S_ISREG(st->st_mode) && st->st_size > 0)
        r.size = (size_t)st->st_size + 1;
    if (options && options->memory) {
        r.share.budget = &options->memory->files;
        if (r.share.budget->total < r.most)
            r.most = r.share.budget->total;
    }
    return r;
}

void tm_image_bytes_free(tm_image_bytes *bytes)
{
    free(bytes->data);
    tm_share_return(&bytes->share);
    *bytes = (tm_image_bytes){0};
}

tm_status tm_image_read_stream(int fd, const char *name, const tm_decode_options *options,
                               tm_image_bytes *bytes, tm_error *error)
{
    struct stat st;
    *bytes = (tm_image_bytes){0};
    if (fstat(fd, &st) != 0)
        return fail_errno(name, error);
    reader r = start(fd, name, &st, options);
    tm_status status = read_all(&r, error);
    *bytes = (tm_image_bytes){(unsigned char *)r.bytes.data, r.bytes.length, r.share};
    if (status)
        tm_image_bytes_free(bytes);
    return status;
}

tm_status tm_image_read_file(const char *path, const tm_decode_options *options,
                             tm_image_bytes *bytes, tm_error *error)
{
    struct stat st;
    *bytes = (tm_image_bytes){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return fail_errno(path, error);
    tm_status status;
    if (fstat(fd, &st) != 0)
        status = fail_errno(path, error);
    else if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
        status = tm_fail(error, TM_READ, "%.300s: neither a regular file nor a pipe", path);
    else
        status = tm_image_read_stream(fd, path, options, bytes, error);
    close(fd);
    return status;
}

/* Decodes what was read, if it was. */
static tm_status decode_bytes(tm_status read, tm_image_bytes *bytes, const char *name,
                              const tm_decode_options *options, tm_image *out, tm_error *error)
{
    tm_status status = read;
    if (!status)
        status = tm_image_decode(bytes->data, bytes->size, name, options, out, error);
    tm_image_bytes_free(bytes);
    return status;
}

tm_status tm_image_decode_stream(int fd, const char *name, const tm_decode_options *options,
                                 tm_image *out, tm_error *error)
{
    tm_image_bytes bytes;
    *out = (tm_image){0};
    tm_status read = tm_image_read_stream(fd, name, options, &bytes, error);
    return decode_bytes(read, &bytes, name, options, out, error);
}

tm_status tm_image_decode_file(const char *path, const tm_decode_options *options, tm_image *out,
                               tm_error *error)
{
    tm_image_bytes bytes;
    *out = (tm_image){0};
    tm_status read = tm_image_read_file(path, options, &bytes, error);
    return decode_bytes(read, &bytes, path, options, out, error);
}
