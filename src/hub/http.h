/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP request at a time, by libcurl. Only https is spoken, first and after redirects; the
 * endpoint that the user gave may be http, and then so may its own host and, where it is this
 * machine, this machine. The token goes to the endpoint alone, by scheme, host and port, and in
 * clear to no other machine.
 */
#ifndef TM_HUB_HTTP_H
#define TM_HUB_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define TM_URL_MAX 4096
#define TM_HEADER_MAX 256

typedef struct tm_http tm_http;

/* Headers of the last answer; "" and -1: it has none of that name. */
typedef struct tm_http_answer {
    long status; /* 0: there was none */
    char etag[TM_HEADER_MAX], linked_etag[TM_HEADER_MAX], commit[TM_HEADER_MAX];
    char error_code[TM_HEADER_MAX], content_type[TM_HEADER_MAX], content_range[TM_HEADER_MAX];
    char content_encoding[TM_HEADER_MAX];
    int64_t content_length, linked_size;
    int64_t retry_after;       /* seconds */
    char redirect[TM_URL_MAX]; /* not followed; "": none */
    bool again;                /* what went wrong may go well the next time */
    bool unreachable;          /* there was no connection */
} tm_http_answer;

typedef struct tm_http_request {
    const char *url;
    bool head;
    bool stay;            /* a redirect to a host that may not see the token is not followed */
    uint64_t from;        /* bytes before it are not wanted */
    const char *if_range; /* "": unconditionally */
    long seconds;         /* without a byte; of a HEAD: altogether */
    /* Called before the first byte of an answer 200 or 206, then for the bytes. What they return
     * other than TM_OK ends the request. */
    tm_status (*begin)(void *context, const tm_http_answer *answer, tm_error *error);
    tm_status (*write)(void *context, const void *bytes, size_t count, tm_error *error);
    void *context;
} tm_http_request;

/* endpoint: see above; token may be "". TM_UNSUPPORTED: built without libcurl, or it is not here.
 */
tm_status tm_http_open(const char *endpoint, const char *token, tm_http **http, tm_error *error);
void tm_http_close(tm_http *http); /* NULL is fine */

/* The token is sent to nobody, for the endpoint is http and another machine. */
bool tm_http_token_withheld(const tm_http *http);

/* Whether a request to the URL would carry the token. */
bool tm_http_shows_token(const tm_http *http, const char *url);

/* TM_OK: there is an answer, whatever its status; an answer 200 or 206 to a GET came whole.
 * TM_NETWORK: there is none, or it was cut; see `again`. Else what `begin` or `write` returned. */
tm_status tm_http_run(tm_http *http, const tm_http_request *request, tm_http_answer *answer,
                      tm_error *error);

/* The pauses before retries: start from zero; set `done` back to it after progress. */
typedef struct tm_retries {
    int done;
} tm_retries;

/* Waits and returns true, or returns false: it is not worth one, or `most` are done. */
bool tm_http_retry(tm_retries *retries, int most, const tm_http_answer *answer);

/* " and asks to wait 3600 seconds" of an answer with Retry-After, else "". */
#define TM_WAIT_TEXT_MAX 64
const char *tm_http_wait_text(const tm_http_answer *answer, char text[static TM_WAIT_TEXT_MAX]);

/* "host/path" of a URL, for messages: without its query, where signatures stand. */
#define TM_URL_SHORT_MAX 200
const char *tm_url_short(const char *url, char text[static TM_URL_SHORT_MAX]);

#endif
