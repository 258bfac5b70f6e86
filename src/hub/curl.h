/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's functions, opened at first use: a program that downloads nothing does not load it. */
#ifndef TM_HUB_CURL_H
#define TM_HUB_CURL_H

#include <curl/curl.h>

#include "base/error.h"

/* name, return type, parameters */
#define TM_CURL_FUNCTIONS(X)                                                                       \
    X(curl_global_init, CURLcode, (long))                                                          \
    X(curl_easy_init, CURL *, (void))                                                              \
    X(curl_easy_reset, void, (CURL *))                                                             \
    X(curl_easy_cleanup, void, (CURL *))                                                           \
    X(curl_easy_setopt, CURLcode, (CURL *, CURLoption, ...))                                       \
    X(curl_easy_getinfo, CURLcode, (CURL *, CURLINFO, ...))                                        \
    X(curl_easy_perform, CURLcode, (CURL *))                                                       \
    X(curl_easy_strerror, const char *, (CURLcode))                                                \
    X(curl_slist_append, struct curl_slist *, (struct curl_slist *, const char *))                 \
    X(curl_slist_free_all, void, (struct curl_slist *))                                            \
    X(curl_url, CURLU *, (void))                                                                   \
    X(curl_url_cleanup, void, (CURLU *))                                                           \
    X(curl_url_set, CURLUcode, (CURLU *, CURLUPart, const char *, unsigned int))                   \
    X(curl_url_get, CURLUcode, (CURLU *, CURLUPart, char **, unsigned int))                        \
    X(curl_free, void, (void *))

/* Members have a prefix, for curl.h has macros of some of these names. */
typedef struct tm_curl {
#define TM_CURL_MEMBER(name, type, parameters) type(*p_##name) parameters;
    TM_CURL_FUNCTIONS(TM_CURL_MEMBER)
#undef TM_CURL_MEMBER
} tm_curl;

/* The table, static; NULL with TM_UNSUPPORTED: the library is not on this machine. */
const tm_curl *tm_curl_open(tm_error *error);

#endif
