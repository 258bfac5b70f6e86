/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map_guard.h"

tm_status tm_map_file(const char *path, tm_map *map, tm_error *error)
{
    *map = (tm_map){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tm_fail(error, errno == ENOENT ? TM_NOT_FOUND : TM_READ, "%s: %s", path,
                       strerror(errno));
    struct stat st;
    tm_status status = TM_OK;
    if (fstat(fd, &st) != 0)
        status = tm_fail(error, TM_READ, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        status = tm_fail(error, TM_READ, "%s: not a regular file", path);
    else if (st.st_size > 0) {
        void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            status = tm_fail(error, TM_READ, "%s: cannot map: %s", path, strerror(errno));
        else
            *map = (tm_map){.data = data,
                            .size = (size_t)st.st_size,
                            .guard = tm_guard_add(data, (size_t)st.st_size)};
    }
    close(fd);
    return status;
}

void tm_unmap(tm_map *map)
{
    if (map->data) {
        tm_guard_remove(map->guard);
        munmap((void *)map->data, map->size);
    }
    *map = (tm_map){0};
}

bool tm_map_was_cut(const tm_map *map)
{
    return map->data && tm_guard_was_cut(map->guard);
}

static void outfile_release(tm_outfile *out)
{
    free(out->path);
    free(out->temporary);
    *out = (tm_outfile){0};
}

tm_status tm_outfile_open(tm_outfile *out, const char *path, bool force, tm_error *error)
{
    *out = (tm_outfile){0};
    if (!force && access(path, F_OK) == 0)
        return tm_fail(error, TM_WRITE, "%s: exists already (use --force to replace it)", path);
    size_t size = strlen(path) + 32;
    out->path = strdup(path);
    out->temporary = malloc(size);
    if (!out->path || !out->temporary) {
        outfile_release(out);
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", path);
    }
    snprintf(out->temporary, size, "%s.tmp.%ld", path, (long)getpid());
    out->stream = fopen(out->temporary, "wbe");
    if (!out->stream) {
        tm_fail(error, TM_WRITE, "%s: %s", out->temporary, strerror(errno));
        outfile_release(out);
        return TM_WRITE;
    }
    return TM_OK;
}

tm_status tm_outfile_commit(tm_outfile *out, tm_error *error)
{
    bool good = fflush(out->stream) == 0 && !ferror(out->stream) && fsync(fileno(out->stream)) == 0;
    good = fclose(out->stream) == 0 && good;
    out->stream = NULL;
    if (!good || rename(out->temporary, out->path) != 0) {
        tm_status status =
            tm_fail(error, TM_WRITE, "%s: cannot write: %s", out->path, strerror(errno));
        tm_outfile_abandon(out);
        return status;
    }
    outfile_release(out);
    return TM_OK;
}

void tm_outfile_abandon(tm_outfile *out)
{
    if (out->stream)
        fclose(out->stream);
    if (out->temporary)
        unlink(out->temporary);
    outfile_release(out);
}
