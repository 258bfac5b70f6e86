/* SPDX-License-Identifier: Apache-2.0 */
/* A shared object for LD_PRELOAD: opening a .jpg takes SLOW_OPEN_MS longer, as on a network file
 * system. glibc only. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void wait_for(const char *path)
{
    size_t length = strlen(path);
    const char *wanted = getenv("SLOW_OPEN_MS");
    long ms = wanted ? atol(wanted) : 0;
    if (length > 4 && strcmp(path + length - 4, ".jpg") == 0)
        nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static mode_t mode_of(int flags, va_list more)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        mode_t mode = mode_of(flags, more);                                                        \
        va_end(more);                                                                              \
        int (*next)(const char *, int, ...);                                                       \
        *(void **)&next = dlsym(RTLD_NEXT, #name);                                                 \
        wait_for(path);                                                                            \
        return next(path, flags, mode);                                                            \
    }

OPEN(open)
OPEN(open64)
