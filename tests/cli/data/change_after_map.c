/* SPDX-License-Identifier: Apache-2.0 */
/* For LD_PRELOAD: right after the file CHANGE_PATH was mapped somebody cuts CHANGE_CUT bytes off
 * its end, or writes a byte at CHANGE_AT. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void change(const char *path, off_t size)
{
    const char *cut = getenv("CHANGE_CUT"), *at = getenv("CHANGE_AT");
    int fd = open(path, O_WRONLY);
    if (fd < 0 || (cut && ftruncate(fd, size - atol(cut)) != 0) ||
        (at && pwrite(fd, "x", 1, atol(at)) != 1))
        abort();
    close(fd);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    void *(*next)(void *, size_t, int, int, int, off_t);
    *(void **)&next = dlsym(RTLD_NEXT, "mmap");
    void *result = next(address, size, protection, flags, fd, offset);
    const char *path = getenv("CHANGE_PATH");
    struct stat mapped, wanted;
    if (path && fd >= 0 && fstat(fd, &mapped) == 0 && stat(path, &wanted) == 0 &&
        mapped.st_ino == wanted.st_ino && mapped.st_dev == wanted.st_dev)
        change(path, wanted.st_size);
    return result;
}
