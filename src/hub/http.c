/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/http.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

const char *tm_url_short(const char *url, char text[static TM_URL_SHORT_MAX])
{
    snprintf(text, TM_URL_SHORT_MAX, "%.*s", (int)strcspn(url, "?#"), url);
    return text;
}

/* ---- retries ---- */

enum { RETRY_AFTER_MOST = 60, UNREACHABLE_RETRIES = 1 };

static void pause_for(double seconds)
{
    struct timespec rest = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
    while (nanosleep(&rest, &rest) != 0)
        ;
}

/* 0.5 s, doubled up to 8 s, of which half is left to chance: many processes that were refused
 * together shall not come back together. */
static double backoff(int done)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double chance = (double)(now.tv_nsec / 1000 % 1000) / 1000.0;
    double seconds = done < 4 ? 0.5 * (double)(1 << done) : 8.0;
    return seconds * (0.5 + 0.5 * chance);
}

bool tm_http_retry(tm_retries *retries, int most, const tm_http_answer *answer)
{
    if (answer->unreachable && most > UNREACHABLE_RETRIES)
        most = UNREACHABLE_RETRIES;
    if (!answer->again || retries->done >= most || answer->retry_after > RETRY_AFTER_MOST)
        return false;
    pause_for(answer->retry_after >= 0 ? (double)answer->retry_after : backoff(retries->done));
    retries->done++;
    return true;
}

const char *tm_http_wait_text(const tm_http_answer *answer, char text[static TM_WAIT_TEXT_MAX])
{
    text[0] = '\0';
    if (answer->retry_after > 0)
        snprintf(text, TM_WAIT_TEXT_MAX, " and asks to wait %lld seconds",
                 (long long)answer->retry_after);
    return text;
}

#ifdef TM_HAVE_CURL

#include "hub/curl.h"
#include "hub/settings.h"

/* A transfer ends after request->seconds without a byte, and when it crawls. */
enum { CONNECT_SECONDS = 10, REDIRECTS_MOST = 5, CRAWL_BYTES = 100, CRAWL_SECONDS = 60 };

typedef struct origin {
    char scheme[16], host[256], port[8];
} origin;

struct tm_http {
    const tm_curl *curl;
    CURL *handle;
    origin endpoint;
    char *authorization; /* a header, NULL: no token */
    bool token_withheld;
};

/* ---- where requests may go ---- */

static bool url_part(const tm_curl *curl, CURLU *url, CURLUPart part, char *text, size_t size)
{
    char *value = NULL;
    bool good = curl->p_curl_url_get(url, part, &value, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                strlen(value) < size;
    if (good)
        memcpy(text, value, strlen(value) + 1);
    if (value)
        curl->p_curl_free(value);
    return good;
}

/* By curl's own parser: what is checked is what is connected to. */
static bool url_origin(const tm_curl *curl, const char *text, origin *out)
{
    CURLU *url = curl->p_curl_url();
    bool good = url && curl->p_curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
                url_part(curl, url, CURLUPART_SCHEME, out->scheme, sizeof out->scheme) &&
                url_part(curl, url, CURLUPART_HOST, out->host, sizeof out->host) &&
                url_part(curl, url, CURLUPART_PORT, out->port, sizeof out->port);
    if (url)
        curl->p_curl_url_cleanup(url);
    return good;
}

static bool is_loopback(const origin *o)
{
    return strcasecmp(o->host, "localhost") == 0 || strcmp(o->host, "[::1]") == 0 ||
           (strncmp(o->host, "127.", 4) == 0 && strspn(o->host, "0123456789.") == strlen(o->host));
}

static bool may_connect(const tm_http *http, const origin *to)
{
    const origin *own = &http->endpoint;
    if (strcmp(to->scheme, "https") == 0)
        return true;
    return strcmp(to->scheme, "http") == 0 && strcmp(own->scheme, "http") == 0 &&
           (strcasecmp(to->host, own->host) == 0 || (is_loopback(to) && is_loopback(own)));
}

static bool is_endpoint(const tm_http *http, const origin *to)
{
    const origin *own = &http->endpoint;
    return strcmp(to->scheme, own->scheme) == 0 && strcasecmp(to->host, own->host) == 0 &&
           strcmp(to->port, own->port) == 0;
}

/* What goes to this machine nobody on the way reads. */
static bool is_private(const origin *to)
{
    return strcmp(to->scheme, "https") == 0 || is_loopback(to);
}

/* ---- one exchange ---- */

typedef struct exchange {
    tm_http *http;
    const tm_http_request *request;
    tm_http_answer *answer;
    tm_error *error;
    tm_status stopped; /* by begin or write */
    bool begun, silent;
    curl_off_t received;
    time_t heard; /* when the last byte came */
} exchange;

static time_t seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void clear_headers(tm_http_answer *answer)
{
    answer->etag[0] = answer->linked_etag[0] = answer->commit[0] = answer->error_code[0] = '\0';
    answer->content_type[0] = answer->content_range[0] = answer->content_encoding[0] = '\0';
    answer->redirect[0] = '\0';
    answer->content_length = answer->linked_size = answer->retry_after = -1;
}

static int64_t header_number(const char *text)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    return isdigit((unsigned char)text[0]) && *end == '\0' ? value : -1;
}

static void keep_header(tm_http_answer *answer, const char *name, const char *value)
{
    const struct {
        const char *name;
        char *text;
        int64_t *number;
    } wanted[] = {
        {"etag", answer->etag, NULL},
        {"x-linked-etag", answer->linked_etag, NULL},
        {"x-repo-commit", answer->commit, NULL},
        {"x-error-code", answer->error_code, NULL},
        {"content-type", answer->content_type, NULL},
        {"content-range", answer->content_range, NULL},
        {"content-encoding", answer->content_encoding, NULL},
        {"content-length", NULL, &answer->content_length},
        {"x-linked-size", NULL, &answer->linked_size},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (strcasecmp(name, wanted[i].name) != 0)
            continue;
        if (wanted[i].number)
            *wanted[i].number = header_number(value);
        else if (strlen(value) < TM_HEADER_MAX)
            strcpy(wanted[i].text, value);
    }
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
    exchange *e = context;
    char line[2 * TM_HEADER_MAX];
    size_t length = size * count;
    if (length >= sizeof line)
        return length;
    memcpy(line, bytes, length);
    line[length] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    if (strncmp(line, "HTTP/", 5) == 0)
        clear_headers(e->answer);
    char *colon = strchr(line, ':');
    if (colon) {
        *colon++ = '\0';
        size_t end = strlen(colon);
        while (end > 0 && isspace((unsigned char)colon[end - 1]))
            colon[--end] = '\0';
        keep_header(e->answer, line, colon + strspn(colon, " \t"));
    }
    return length;
}

static bool carries_file(const exchange *e)
{
    return !e->request->head && (e->answer->status == 200 || e->answer->status == 206);
}

static tm_status begin_body(exchange *e)
{
    if (e->begun)
        return TM_OK;
    e->begun = true;
    return e->request->begin(e->request->context, e->answer, e->error);
}

/* The body of any other answer is not worth its transfer. */
static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    exchange *e = context;
    const tm_curl *curl = e->http->curl;
    curl->p_curl_easy_getinfo(e->http->handle, CURLINFO_RESPONSE_CODE, &e->answer->status);
    if (!carries_file(e))
        return 0;
    e->stopped = begin_body(e);
    if (!e->stopped)
        e->stopped = e->request->write(e->request->context, bytes, size * count, e->error);
    return e->stopped ? 0 : size * count;
}

/* curl's own measure of silence is an average that is slow to fall. */
static int on_progress(void *context, curl_off_t total, curl_off_t received, curl_off_t to_send,
                       curl_off_t sent)
{
    exchange *e = context;
    (void)total;
    (void)to_send;
    (void)sent;
    time_t now = seconds_now();
    if (received != e->received || e->heard == 0) {
        e->received = received;
        e->heard = now;
    }
    e->silent = now - e->heard > CONNECT_SECONDS + e->request->seconds ||
                (received > 0 && now - e->heard > e->request->seconds);
    return e->silent;
}

static struct curl_slist *request_headers(const exchange *e, bool token)
{
    const tm_curl *curl = e->http->curl;
    const tm_http_request *request = e->request;
    char line[TM_HEADER_MAX + 16];
    struct curl_slist *list = curl->p_curl_slist_append(NULL, "Accept-Encoding: identity");
    if (list && token && e->http->authorization)
        list = curl->p_curl_slist_append(list, e->http->authorization);
    if (list && request->from > 0) {
        snprintf(line, sizeof line, "Range: bytes=%llu-", (unsigned long long)request->from);
        list = curl->p_curl_slist_append(list, line);
    }
    if (list && request->from > 0 && request->if_range[0]) {
        snprintf(line, sizeof line, "If-Range: %s", request->if_range);
        list = curl->p_curl_slist_append(list, line);
    }
    return list;
}

/* Of a proxy that speaks https the same. */
static void set_certificates(CURLcode (*set)(CURL *, CURLoption, ...), CURL *handle)
{
    tm_certificates own = tm_hub_certificates();
    if (own.file) {
        set(handle, CURLOPT_CAINFO, own.file);
        set(handle, CURLOPT_PROXY_CAINFO, own.file);
    }
    if (own.folder) {
        set(handle, CURLOPT_CAPATH, own.folder);
        set(handle, CURLOPT_PROXY_CAPATH, own.folder);
    }
}

static void set_options(exchange *e, const char *url, struct curl_slist *headers)
{
    CURL *handle = e->http->handle;
    const tm_http_request *request = e->request;
    CURLcode (*set)(CURL *, CURLoption, ...) = e->http->curl->p_curl_easy_setopt;
    e->http->curl->p_curl_easy_reset(handle);
    set(handle, CURLOPT_URL, url);
    set(handle, CURLOPT_HTTPHEADER, headers);
    set(handle, CURLOPT_USERAGENT, "timmc/" TIMMC_VERSION);
    set(handle, CURLOPT_FOLLOWLOCATION, 0L);
    set(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set_certificates(set, handle);
    set(handle, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    set(handle, CURLOPT_LOW_SPEED_LIMIT, (long)CRAWL_BYTES);
    set(handle, CURLOPT_LOW_SPEED_TIME, (long)CRAWL_SECONDS);
    set(handle, CURLOPT_NOPROGRESS, 0L);
    set(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
    set(handle, CURLOPT_XFERINFODATA, e);
    if (request->head) {
        set(handle, CURLOPT_NOBODY, 1L);
        set(handle, CURLOPT_TIMEOUT, CONNECT_SECONDS + request->seconds);
    }
    set(handle, CURLOPT_HEADERFUNCTION, on_header);
    set(handle, CURLOPT_HEADERDATA, e);
    set(handle, CURLOPT_WRITEFUNCTION, on_body);
    set(handle, CURLOPT_WRITEDATA, e);
}

static bool code_distrusts(CURLcode code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE;
}

/* " (certificates by SSL_CERT_FILE)" where the caller chose them, else "". */
static const char *certificates_text(CURLcode code, char text[static 64])
{
    tm_certificates own = tm_hub_certificates();
    text[0] = '\0';
    if (code_distrusts(code) && (own.file || own.folder))
        snprintf(text, 64, " (certificates by %s)", own.variable);
    return text;
}

static bool code_unreachable(CURLcode code)
{
    return code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_RESOLVE_HOST ||
           code == CURLE_COULDNT_CONNECT;
}

static bool code_passes(CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return code_unreachable(code);
    }
}

static bool status_passes(long status)
{
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
           status == 504;
}

static void read_info(exchange *e)
{
    const tm_curl *curl = e->http->curl;
    tm_http_answer *answer = e->answer;
    curl_off_t wait = 0;
    char *target = NULL;
    curl->p_curl_easy_getinfo(e->http->handle, CURLINFO_RESPONSE_CODE, &answer->status);
    if (status_passes(answer->status) &&
        curl->p_curl_easy_getinfo(e->http->handle, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK)
        answer->retry_after = (int64_t)wait;
    curl->p_curl_easy_getinfo(e->http->handle, CURLINFO_REDIRECT_URL, &target);
    if (target && strlen(target) < TM_URL_MAX)
        strcpy(answer->redirect, target);
}

static tm_status run_once(exchange *e, const char *url, bool token)
{
    const tm_curl *curl = e->http->curl;
    char text[TM_URL_SHORT_MAX], chosen[64];
    struct curl_slist *headers = request_headers(e, token);
    if (!headers)
        return tm_fail(e->error, TM_NO_MEMORY, "no memory for a request");
    clear_headers(e->answer);
    e->answer->status = 0;
    e->answer->again = e->answer->unreachable = e->silent = false;
    e->received = e->heard = 0;
    set_options(e, url, headers);
    CURLcode code = curl->p_curl_easy_perform(e->http->handle);
    read_info(e);
    /* The handle keeps the list's address until it is reset. */
    curl->p_curl_easy_reset(e->http->handle);
    curl->p_curl_slist_free_all(headers);
    if (e->stopped)
        return e->stopped;
    bool refused = e->answer->status != 0 && !carries_file(e);
    if (code == CURLE_OK || refused) {
        e->answer->again = status_passes(e->answer->status);
        return carries_file(e) ? begin_body(e) : TM_OK;
    }
    e->answer->again = e->silent || code_passes(code);
    e->answer->unreachable = code_unreachable(code);
    if (e->silent)
        return tm_fail(e->error, TM_NETWORK, "%s: no byte came for %ld seconds",
                       tm_url_short(url, text), e->request->seconds);
    return tm_fail(e->error, TM_NETWORK, "%s: %s%s", tm_url_short(url, text),
                   curl->p_curl_easy_strerror(code), certificates_text(code, chosen));
}

static tm_status check_url(const tm_http *http, const char *url, origin *to, tm_error *error)
{
    char text[TM_URL_SHORT_MAX];
    if (!url_origin(http->curl, url, to))
        return tm_fail(error, TM_NETWORK, "%s: not a URL of https", tm_url_short(url, text));
    if (!may_connect(http, to))
        return tm_fail(error, TM_NETWORK, "%s: only https is spoken, not %s",
                       tm_url_short(url, text), to->scheme);
    return TM_OK;
}

tm_status tm_http_run(tm_http *http, const tm_http_request *request, tm_http_answer *answer,
                      tm_error *error)
{
    exchange e = {.http = http, .request = request, .answer = answer, .error = error};
    char url[TM_URL_MAX], text[TM_URL_SHORT_MAX];
    origin to;
    *answer = (tm_http_answer){0};
    clear_headers(answer);
    if (strlen(request->url) >= sizeof url)
        return tm_fail(error, TM_NETWORK, "%s: the URL is too long",
                       tm_url_short(request->url, text));
    strcpy(url, request->url);
    tm_status status = check_url(http, url, &to, error);
    for (int hop = 0; !status; hop++) {
        status = run_once(&e, url, is_endpoint(http, &to));
        if (status || !answer->redirect[0])
            break;
        if (hop == REDIRECTS_MOST)
            return tm_fail(error, TM_NETWORK, "%s: more than %d redirects",
                           tm_url_short(request->url, text), REDIRECTS_MOST);
        strcpy(url, answer->redirect);
        status = check_url(http, url, &to, error);
        if (request->stay && !status && !is_endpoint(http, &to))
            break;
    }
    return status;
}

tm_status tm_http_open(const char *endpoint, const char *token, tm_http **out, tm_error *error)
{
    const tm_curl *curl = tm_curl_open(error);
    *out = NULL;
    if (!curl)
        return TM_UNSUPPORTED;
    tm_http *http = calloc(1, sizeof *http);
    if (!http)
        return tm_fail(error, TM_NO_MEMORY, "no memory for a request");
    size_t size = strlen(token) + sizeof "Authorization: Bearer ";
    http->curl = curl;
    http->handle = curl->p_curl_easy_init();
    http->authorization = token[0] ? malloc(size) : NULL;
    if (!http->handle || (token[0] && !http->authorization)) {
        tm_http_close(http);
        return tm_fail(error, TM_NO_MEMORY, "no memory for a request");
    }
    if (token[0])
        snprintf(http->authorization, size, "Authorization: Bearer %s", token);
    if (!url_origin(curl, endpoint, &http->endpoint)) {
        tm_http_close(http);
        return tm_fail(error, TM_USAGE, "HF_ENDPOINT %.200s: not a URL", endpoint);
    }
    if (http->authorization && !is_private(&http->endpoint)) {
        free(http->authorization);
        http->authorization = NULL;
        http->token_withheld = true;
    }
    *out = http;
    return TM_OK;
}

bool tm_http_token_withheld(const tm_http *http)
{
    return http->token_withheld;
}

bool tm_http_shows_token(const tm_http *http, const char *url)
{
    origin to;
    return http->authorization && url_origin(http->curl, url, &to) && is_endpoint(http, &to);
}

void tm_http_close(tm_http *http)
{
    if (!http)
        return;
    if (http->handle)
        http->curl->p_curl_easy_cleanup(http->handle);
    free(http->authorization);
    free(http);
}

#else

tm_status tm_http_open(const char *endpoint, const char *token, tm_http **http, tm_error *error)
{
    (void)endpoint;
    (void)token;
    *http = NULL;
    return tm_fail(error, TM_UNSUPPORTED,
                   "this timmc was built without libcurl, it downloads "
                   "nothing");
}

void tm_http_close(tm_http *http)
{
    (void)http;
}

bool tm_http_token_withheld(const tm_http *http)
{
    (void)http;
    return false;
}

bool tm_http_shows_token(const tm_http *http, const char *url)
{
    (void)http;
    (void)url;
    return false;
}

tm_status tm_http_run(tm_http *http, const tm_http_request *request, tm_http_answer *answer,
                      tm_error *error)
{
    (void)http;
    (void)request;
    *answer = (tm_http_answer){0};
    return tm_fail(error, TM_INTERNAL, "a request without libcurl");
}

#endif
