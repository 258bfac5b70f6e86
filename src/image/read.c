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

/* No picture within the decoder's limits is as long; an endless stream would take all memory. */
#define PICTURE_BYTES_MAX ((size_t)1 << 31)

static tm_status fail_errno(const char *file, tm_error *error)
{
    return tm_fail(error, errno == ENOENT ? TM_NOT_FOUND : TM_READ, "%.300s: %s", file,
                   strerror(errno));
}

/* Room for at least one more byte; a whole file's size is taken at once. */
static bool reserve(tm_buffer *bytes, size_t size)
{
    size_t need = bytes->length + 1, capacity = bytes->capacity;
    if (size > need)
        need = size;
    if (need <= capacity)
        return true;
    if (capacity && !tm_size_mul(capacity, 2, &capacity))
        return false;
    if (capacity < need)
        capacity = need < BLOCK_BYTES ? BLOCK_BYTES : need;
    char *grown = realloc(bytes->data, capacity);
    if (!grown)
        return false;
    bytes->data = grown;
    bytes->capacity = capacity;
    return true;
}

/* Stops at the end, or when it is clear that this is no picture. size: the bytes that are
 * expected, 0 where nobody knows. */
static tm_status read_all(int fd, const char *file, size_t size, tm_buffer *bytes, tm_error *error)
{
    for (;;) {
        if (!tm_image_may_be((const unsigned char *)bytes->data, bytes->length))
            return TM_OK;
        if (bytes->length && (bytes->length > PICTURE_BYTES_MAX || size > PICTURE_BYTES_MAX))
            return tm_fail(error, TM_TOO_LARGE, "%.300s: more than %zu bytes of a picture", file,
                           PICTURE_BYTES_MAX);
        if (!reserve(bytes, bytes->length ? size : 0))
            return tm_fail(error, TM_NO_MEMORY, "%.300s: no memory after %zu bytes of the picture",
                           file, bytes->length);
        ssize_t got = read(fd, bytes->data + bytes->length, bytes->capacity - bytes->length);
        if (got == 0)
            return TM_OK;
        if (got > 0)
            bytes->length += (size_t)got;
        else if (errno != EINTR)
            return fail_errno(file, error);
    }
}

/* A file's size and one byte more, whose absence shows the end. */
static size_t expected_size(const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_size > 0 ? (size_t)st->st_size + 1 : 0;
}

tm_status tm_image_decode_stream(int fd, const char *name, const tm_decode_options *options,
                                 tm_image *out, tm_error *error)
{
    struct stat st;
    tm_buffer bytes = {0};
    *out = (tm_image){0};
    tm_status status = fstat(fd, &st) != 0 ? fail_errno(name, error)
                                           : read_all(fd, name, expected_size(&st), &bytes, error);
    if (!status)
        status = tm_image_decode((const unsigned char *)bytes.data, bytes.length, name, options,
                                 out, error);
    tm_buffer_free(&bytes);
    return status;
}

tm_status tm_image_decode_file(const char *path, const tm_decode_options *options, tm_image *out,
                               tm_error *error)
{
    struct stat st;
    *out = (tm_image){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return fail_errno(path, error);
    tm_status status;
    if (fstat(fd, &st) != 0)
        status = fail_errno(path, error);
    else if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
        status = tm_fail(error, TM_READ, "%.300s: neither a regular file nor a pipe", path);
    else
        status = tm_image_decode_stream(fd, path, options, out, error);
    close(fd);
    return status;
}
