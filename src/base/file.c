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
        return tm_fail(error, errno == ENOENT ? TM_NOT_FOUND : tm_errno_status(TM_READ), "%s: %s",
                       path, strerror(errno));
    struct stat st;
    tm_status status = TM_OK;
    if (fstat(fd, &st) != 0)
        status = tm_fail(error, tm_errno_status(TM_READ), "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        status = tm_fail(error, TM_READ, "%s: not a regular file", path);
    else if (st.st_size > 0) {
        void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            status = tm_fail(error, tm_errno_status(TM_READ), "%s: cannot map: %s", path,
                             strerror(errno));
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
