/* SPDX-License-Identifier: Apache-2.0 */
#ifdef TM_HAVE_CURL

#include "hub/curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static tm_curl functions;
static bool opened;

/* A function pointer out of an object pointer, which ISO C does not convert. */
static bool find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

static void open_library(void)
{
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
    void *library = NULL;
    for (size_t i = 0; !library && i < sizeof names / sizeof *names; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    bool good = library != NULL;
#define FIND(name, type, parameters) good = good && find(library, #name, &functions.p_##name);
    TM_CURL_FUNCTIONS(FIND)
#undef FIND
    opened = good && functions.p_curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

const tm_curl *tm_curl_open(tm_error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_library);
    if (opened)
        return &functions;
    tm_fail(error, TM_UNSUPPORTED,
            "downloads need libcurl.so.4, which is not on this machine (Debian: libcurl4)");
    return NULL;
}

#else

/* ISO C wants a declaration in every file. */
typedef int tm_curl_is_absent;

#endif
