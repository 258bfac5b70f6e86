/* SPDX-License-Identifier: Apache-2.0 */
#ifdef TM_HAVE_CURL

#include "hub/curl.h"

#include <errno.h>
#include <pthread.h>

#include "base/library.h"

static tm_curl functions;
static bool opened;
static int why_not; /* errno */

static void open_library(void)
{
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
    void *library = tm_library_open(names, sizeof names / sizeof *names);
    bool good = library != NULL;
    why_not = errno;
#define FIND(name, type, parameters)                                                               \
    good = good && tm_library_find(library, #name, &functions.p_##name);
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
    tm_library_fail(why_not, "libcurl4", error, "downloads need libcurl.so.4");
    return NULL;
}

#else

/* ISO C wants a declaration in every file. */
typedef int tm_curl_is_absent;

#endif
