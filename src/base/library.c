/* SPDX-License-Identifier: Apache-2.0 */
#include "base/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void *tm_library_open(const char *const *names, size_t count)
{
    void *library = NULL;
    errno = 0;
    for (size_t i = 0; !library && i < count; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    return library;
}

bool tm_library_is_missing(int why)
{
    return why == 0 || why == ENOENT;
}

tm_status tm_library_fail(int why, const char *package, tm_error *error, const char *format, ...)
{
    char needs[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(needs, sizeof needs, format, arguments);
    va_end(arguments);
    if (tm_library_is_missing(why))
        return tm_fail(error, TM_UNSUPPORTED, "%s, which is not on this machine (Debian: %s)",
                       needs, package);
    return tm_fail(error, why == ENOMEM ? TM_NO_MEMORY : TM_UNSUPPORTED,
                   "%s, which cannot be opened: %s", needs, strerror(why));
}

/* ISO C does not convert a pointer to an object into one to a function. */
bool tm_library_find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}
