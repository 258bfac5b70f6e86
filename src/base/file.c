/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/map_guard.h"

struct tm_mapped_file {
    int fd;
    struct stat before; /* the map was made */
    tm_guard *guard;    /* NULL: of an empty file */
    char path[];        /* for messages */
};

static tm_status fail_errno(tm_status status, const char *path, const char *what, tm_error *error)
{
    return tm_fail(error, status, "%s: %s%s", path, what, strerror(errno));
}

/* The clock of files ticks some hundred times a second: a file that was written in this very tick
 * could be written again without another time on it. */
static void let_tick_pass(int fd)
{
    enum { TICK = 20000000 };
    struct stat st;
    struct timespec now;
    if (fstat(fd, &st) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0)
        return;
    if (now.tv_sec != st.st_mtim.tv_sec && now.tv_sec - 1 != st.st_mtim.tv_sec)
        return;
    long age = (now.tv_sec != st.st_mtim.tv_sec) * 1000000000L + now.tv_nsec - st.st_mtim.tv_nsec;
    struct timespec rest = {0, TICK - age};
    if (age >= 0 && age < TICK)
        nanosleep(&rest, NULL);
}

static tm_status map_bytes(struct tm_mapped_file *file, tm_map *map, tm_error *error)
{
    let_tick_pass(file->fd);
    if (fstat(file->fd, &file->before) != 0)
        return fail_errno(tm_errno_status(TM_READ), file->path, "", error);
    if (!S_ISREG(file->before.st_mode))
        return tm_fail(error, TM_READ, "%s: not a regular file", file->path);
    size_t size = (size_t)file->before.st_size;
    if (size == 0)
        return TM_OK;
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file->fd, 0);
    if (data == MAP_FAILED)
        return fail_errno(tm_errno_status(TM_READ), file->path, "cannot map: ", error);
    file->guard = tm_guard_add(data, size);
    if (!file->guard) {
        munmap(data, size);
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory to map it", file->path);
    }
    map->data = data;
    map->size = size;
    return TM_OK;
}

tm_status tm_map_file(const char *path, tm_map *map, tm_error *error)
{
    *map = (tm_map){0};
    size_t length = strlen(path) + 1;
    struct tm_mapped_file *file = calloc(1, sizeof *file + length);
    if (!file)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory to map it", path);
    memcpy(file->path, path, length);
    file->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0) {
        free(file);
        return fail_errno(errno == ENOENT ? TM_NOT_FOUND : tm_errno_status(TM_READ), path, "",
                          error);
    }
    tm_status status = map_bytes(file, map, error);
    if (status) {
        close(file->fd);
        free(file);
        return status;
    }
    map->file = file;
    return TM_OK;
}

const char *tm_map_path(const tm_map *map)
{
    return map->file->path;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* The inode also changes when the file gets or loses a name, as when another takes its place. */
static bool was_written(const struct stat *before, const struct stat *now)
{
    return now->st_size != before->st_size || !same_time(&now->st_mtim, &before->st_mtim) ||
           (!same_time(&now->st_ctim, &before->st_ctim) && now->st_nlink == before->st_nlink);
}

tm_status tm_map_check(const tm_map *map, tm_error *error)
{
    const struct tm_mapped_file *file = map->file;
    struct stat now;
    if (!file)
        return TM_OK;
    if (fstat(file->fd, &now) != 0)
        return fail_errno(tm_errno_status(TM_READ), file->path, "", error);
    if (now.st_size < file->before.st_size || (file->guard && tm_guard_was_cut(file->guard)))
        return tm_fail(error, TM_READ, "%s: was cut while it was read, expected %zu bytes",
                       file->path, map->size);
    if (was_written(&file->before, &now))
        return tm_fail(error, TM_READ, "%s: was written to while it was read, expected it to rest",
                       file->path);
    return TM_OK;
}

tm_status tm_unmap(tm_map *map, tm_status status, tm_error *error)
{
    struct tm_mapped_file *file = map->file;
    if (!status)
        status = tm_map_check(map, error);
    if (file && file->guard) {
        tm_guard_remove(file->guard);
        munmap((void *)map->data, map->size);
    }
    if (file)
        close(file->fd);
    free(file);
    *map = (tm_map){0};
    return status;
}

FILE *tm_open_in(const char *folder, const char *file)
{
    char path[8192];
    int length = snprintf(path, sizeof path, "%s/%s", folder, file);
    return length > 0 && (size_t)length < sizeof path ? fopen(path, "re") : NULL;
}

void tm_read_stream(FILE *stream, size_t most, tm_buffer *bytes)
{
    char block[4096];
    for (size_t n; bytes->length <= most && (n = fread(block, 1, sizeof block, stream)) > 0;)
        tm_buffer_add(bytes, block, n);
}
