/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/download.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "hub/partial.h"
#include "hub/settings.h"

/* Progress of at least this many bytes makes earlier failures count no more. */
enum { PROGRESS_BYTES = 1 << 20, SECONDS = 10 };

typedef struct transfer {
    const tm_download *file;
    const tm_hub_options *options;
    tm_partial partial;
    tm_digest digest;
    uint64_t done;  /* bytes in the partial file, and in the digest */
    int64_t size;   /* -1: not known yet */
    bool inherited; /* some of the bytes are an earlier process's */
    bool misplaced; /* the last answer did not continue where the file ends */
    char validator[TM_HEADER_MAX];
} transfer;

void tm_hub_warn(const tm_hub_options *options, const char *format, ...)
{
    char text[2 * TM_PATH_MAX];
    va_list args;
    if (!options->warn)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    options->warn(options->warn_context, text);
}

static void report(const transfer *t)
{
    if (t->options->progress)
        t->options->progress(t->options->progress_context, t->file->label, t->done,
                             t->size > 0 ? (uint64_t)t->size : 0);
}

/* Better told before an hour of transfer than after it. */
static tm_status check_space(const transfer *t, tm_error *error)
{
    struct statvfs disk;
    if (t->size < 0 || fstatvfs(t->partial.fd, &disk) != 0)
        return TM_OK;
    double need = (double)t->size - (double)t->done;
    double room = (double)disk.f_bavail * (double)disk.f_frsize;
    if (need <= room)
        return TM_OK;
    return tm_fail(error, TM_WRITE, "%s: needs %.1f MB more, %.1f MB are free in %s",
                   t->file->label, need / 1e6, room / 1e6, t->file->path);
}

static tm_status restart(transfer *t, tm_error *error)
{
    t->done = 0;
    t->inherited = false;
    tm_digest_start(&t->digest);
    return tm_partial_restart(&t->partial, error);
}

/* ---- what the answer says before its bytes ---- */

static bool is_page(const tm_http_answer *answer)
{
    return strncasecmp(answer->content_type, "text/html", 9) == 0;
}

/* An answer 206 must continue exactly where the file ends. */
static tm_status check_range(transfer *t, const tm_http_answer *answer, tm_error *error)
{
    uint64_t first, last, total;
    if (tm_content_range_parse(answer->content_range, &first, &last, &total) && first == t->done &&
        last + 1 == total && (t->size < 0 || total == (uint64_t)t->size))
        return TM_OK;
    t->misplaced = true;
    return tm_fail(
        error, TM_INTEGRITY, "%s: asked for the bytes from %llu of %lld, got Content-Range \"%s\"",
        t->file->label, (unsigned long long)t->done, (long long)t->size, answer->content_range);
}

static tm_status check_length(transfer *t, const tm_http_answer *answer, tm_error *error)
{
    if (answer->content_length < 0)
        return TM_OK;
    if (t->size < 0)
        t->size = answer->content_length;
    if (t->size == answer->content_length)
        return TM_OK;
    return tm_fail(error, TM_INTEGRITY, "%s: the server sends %lld bytes, %lld were announced",
                   t->file->label, (long long)answer->content_length, (long long)t->size);
}

static tm_status begin(void *context, const tm_http_answer *answer, tm_error *error)
{
    transfer *t = context;
    tm_status status = TM_OK;
    if (is_page(answer))
        return tm_fail(error, TM_NETWORK,
                       "%s: got a web page (%s) instead; does the network want a login first?",
                       t->file->label, answer->content_type);
    if (answer->content_encoding[0] && strcasecmp(answer->content_encoding, "identity") != 0)
        return tm_fail(error, TM_INTEGRITY, "%s: the server sends it encoded as %s", t->file->label,
                       answer->content_encoding);
    if (answer->status == 206)
        status = check_range(t, answer, error);
    else if (t->done > 0)
        status = restart(t, error);
    if (!status && answer->status == 200)
        status = check_length(t, answer, error);
    if (!status && answer->etag[0] == '"')
        strcpy(t->validator, answer->etag);
    if (!status)
        status = check_space(t, error);
    return status;
}

/* ---- its bytes ---- */

/* A server that tells no length may send for ever. */
static tm_status check_untold(const transfer *t, size_t count, tm_error *error)
{
    uint64_t most = t->options->most_untold ? t->options->most_untold : TM_UNTOLD_MOST;
    if (t->size >= 0 || (t->done <= most && count <= most - t->done))
        return TM_OK;
    return tm_fail(error, TM_INTEGRITY,
                   "%s: the server tells no length and sends more than %llu bytes, which is the "
                   "limit for such a file",
                   t->file->label, (unsigned long long)most);
}

static tm_status append(void *context, const void *bytes, size_t count, tm_error *error)
{
    transfer *t = context;
    const char *rest = bytes;
    tm_status status = check_untold(t, count, error);
    if (status)
        return status;
    if (t->size >= 0 && count > (uint64_t)t->size - t->done)
        return tm_fail(error, TM_INTEGRITY, "%s: more than the %lld bytes that were announced",
                       t->file->label, (long long)t->size);
    for (size_t left = count; left > 0;) {
        ssize_t put = write(t->partial.fd, rest, left);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return tm_fail(error, TM_WRITE, "%s: cannot write to %s: %s", t->file->label,
                           t->partial.path, strerror(errno));
        tm_digest_add(&t->digest, rest, (size_t)put);
        t->done += (uint64_t)put;
        rest += put;
        left -= (size_t)put;
    }
    report(t);
    return TM_OK;
}

/* ---- requests until all is there ---- */

static tm_status refused(const transfer *t, const tm_http_answer *answer, tm_error *error)
{
    char text[TM_URL_SHORT_MAX];
    tm_status status = answer->status == 404 || answer->status == 410 ? TM_NOT_FOUND : TM_NETWORK;
    char wait[TM_WAIT_TEXT_MAX];
    const char *hint = tm_http_wait_text(answer, wait);
    if (answer->status == 401 || answer->status == 403)
        hint = "; a private or gated file needs a token (HF_TOKEN)";
    return tm_fail(error, status, "%s: %s answers HTTP %ld%s", t->file->label,
                   tm_url_short(t->file->url, text), answer->status, hint);
}

/* One request. TM_OK: the answer came whole, though not always with the bytes. */
static tm_status request_rest(transfer *t, tm_http *http, tm_http_answer *answer, tm_error *error)
{
    tm_status status = TM_OK;
    /* Without a digest or a validator nobody could tell that the rest is another file's. */
    if (t->done > 0 && (t->misplaced || (t->file->kind == TM_DIGEST_NONE && !t->validator[0])))
        status = restart(t, error);
    t->misplaced = false;
    const tm_http_request request = {
        .url = t->file->url,
        .from = t->done,
        .if_range = t->validator,
        .seconds = tm_hub_seconds("HF_HUB_DOWNLOAD_TIMEOUT", SECONDS),
        .begin = begin,
        .write = append,
        .context = t,
    };
    if (!status)
        status = tm_http_run(http, &request, answer, error);
    if (status)
        return status;
    if (answer->status == 200 || answer->status == 206) {
        if (t->size < 0)
            t->size = (int64_t)t->done;
        answer->again = t->done < (uint64_t)t->size;
        return answer->again
                   ? tm_fail(error, TM_NETWORK, "%s: %llu of %lld bytes came", t->file->label,
                             (unsigned long long)t->done, (long long)t->size)
                   : TM_OK;
    }
    /* 416: what is here reaches beyond the server's file, so it is none of it. */
    t->misplaced = answer->status == 416;
    return refused(t, answer, error);
}

static tm_status receive(transfer *t, tm_http *http, tm_error *error)
{
    tm_retries retries = {0};
    int most = t->options->attempts ? t->options->attempts - 1 : TM_HUB_RETRIES;
    for (;;) {
        tm_http_answer answer = {0};
        tm_error failure = {0};
        uint64_t before = t->done;
        if (t->size >= 0 && t->done == (uint64_t)t->size && t->done > 0)
            return TM_OK;
        tm_status status = request_rest(t, http, &answer, &failure);
        if (!status)
            return TM_OK;
        if (t->done >= before + PROGRESS_BYTES)
            retries.done = 0;
        answer.again = answer.again || t->misplaced;
        if (!tm_http_retry(&retries, most, &answer))
            return tm_fail(error, status, "%s", failure.message);
    }
}

/* ---- verifying ---- */

static tm_status verify(transfer *t, tm_error *error)
{
    char found[TM_DIGEST_TEXT_MAX] = "";
    const char *wanted = t->file->digest;
    if (t->file->kind == TM_DIGEST_NONE)
        return TM_OK;
    if (t->file->kind == TM_DIGEST_SHA256) {
        tm_digest_text(&t->digest, found);
    } else {
        tm_status status = tm_digest_git_file(t->partial.fd, t->done, found, error);
        if (status)
            return status;
    }
    if (strncmp(found, wanted, strlen(wanted)) == 0)
        return TM_OK;
    return tm_fail(error, TM_INTEGRITY, "%s: wrong bytes: %s %s, expected %s", t->file->label,
                   t->file->kind == TM_DIGEST_SHA256 ? "sha256" : "git sha1", found, wanted);
}

/* What an earlier process left counts as far as its digest can tell in the end. */
static tm_status inherit(transfer *t, tm_error *error)
{
    t->done = t->partial.size;
    t->inherited = t->done > 0;
    if (!t->inherited)
        return TM_OK;
    if ((t->size >= 0 && t->done > (uint64_t)t->size) ||
        tm_digest_add_file(&t->digest, t->partial.fd, t->done, NULL))
        return restart(t, error);
    return TM_OK;
}

static tm_status receive_verified(transfer *t, tm_http *http, tm_error *error)
{
    tm_error failure = {0};
    tm_status status = receive(t, http, &failure);
    if (!status)
        status = verify(t, &failure);
    if (status != TM_INTEGRITY || !t->inherited)
        return status ? tm_fail(error, status, "%s", failure.message) : TM_OK;
    status = restart(t, error);
    if (!status)
        status = receive(t, http, error);
    return status ? status : verify(t, error);
}

/* Without a digest the name under which it is stored promises nothing. */
static tm_status commit(transfer *t, tm_error *error)
{
    tm_status status = tm_partial_commit(&t->partial, t->file->path, error);
    if (!status && t->file->kind == TM_DIGEST_NONE)
        tm_hub_warn(t->options,
                    "%s: neither its name nor the server tells a digest: %llu bytes are stored "
                    "unverified in %s",
                    t->file->label, (unsigned long long)t->done, t->file->path);
    return status;
}

tm_status tm_download_run(tm_http *http, const tm_download *download, const tm_hub_options *options,
                          tm_error *error)
{
    transfer t = {.file = download, .options = options, .size = download->size};
    snprintf(t.validator, sizeof t.validator, "%s", download->validator);
    tm_digest_start(&t.digest);
    tm_status status =
        tm_partial_open(download->stem, download->kind != TM_DIGEST_NONE, &t.partial, error);
    if (status)
        return status;
    status = inherit(&t, error);
    if (!status)
        status = check_space(&t, error);
    if (!status)
        status = receive_verified(&t, http, error);
    if (!status)
        return commit(&t, error);
    if (status == TM_INTEGRITY || status == TM_NOT_FOUND || download->kind == TM_DIGEST_NONE)
        tm_partial_discard(&t.partial);
    else
        tm_partial_leave(&t.partial);
    return status;
}
