/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/shards.h"
#include "base/text.h"
#include "hub/download.h"
#include "hub/settings.h"
#include "hub/store.h"

enum { HEAD_SECONDS = 10, ROUNDS = 2 };

/* What is wanted of the hub, and what its metadata say. */
typedef struct entry {
    const tm_hub_options *options;
    const char *repo, *revision, *file;
    char endpoint[TM_ENDPOINT_MAX];
    char folder[TM_PATH_MAX]; /* of the repository in the cache */
    char label[512];          /* "org/name/file" */
    char commit[TM_FILE_NAME_MAX], etag[TM_ETAG_MAX], validator[TM_HEADER_MAX];
    int64_t size;
} entry;

/* ---- checks before anything else ---- */

static tm_status check_names(const char *repo, const char *revision, const char *file,
                             tm_error *error)
{
    if (!tm_hub_repo_valid(repo))
        return tm_fail(error, TM_USAGE,
                       "\"%.200s\" is no repository of the hub: expected org/name of letters, "
                       "digits, '-', '_' and '.'",
                       repo);
    if (!tm_hub_path_valid(revision) || strlen(revision) >= TM_FILE_NAME_MAX)
        return tm_fail(error, TM_USAGE, "%s: \"%.200s\" is no revision", repo, revision);
    if (!tm_hub_path_valid(file))
        return tm_fail(error, TM_USAGE, "%s: \"%.200s\" is no file of a repository", repo, file);
    return TM_OK;
}

static tm_status refuse_offline(const char *what, tm_error *error)
{
    return tm_fail(error, TM_WEIGHTS_MISSING,
                   "%s is not in the cache, and offline nothing is downloaded", what);
}

static tm_status no_root(tm_error *error)
{
    return tm_fail(error, TM_USAGE,
                   "there is no folder to download to: none of HF_HUB_CACHE, "
                   "HF_HOME, XDG_CACHE_HOME and HOME is set");
}

/* ---- metadata ---- */

static void add_url(tm_buffer *url, const entry *e, const char *revision)
{
    tm_buffer_puts(url, e->endpoint);
    tm_buffer_putc(url, '/');
    tm_url_add(url, e->repo, true);
    tm_buffer_puts(url, "/resolve/");
    tm_url_add(url, revision, false);
    tm_buffer_putc(url, '/');
    tm_url_add(url, e->file, true);
}

/* 404 and its kin, by the hub's own code where there is one. */
static tm_status refused(const entry *e, const tm_http_answer *answer, tm_error *error)
{
    const char *code = answer->error_code;
    if (strcmp(code, "RevisionNotFound") == 0)
        return tm_fail(error, TM_WEIGHTS_MISSING, "%s has no revision \"%s\"", e->repo,
                       e->revision);
    if (strcmp(code, "GatedRepo") == 0)
        return tm_fail(error, TM_NETWORK,
                       "%s is gated: accept its terms at %s/%s, then give a token (HF_TOKEN)",
                       e->repo, e->endpoint, e->repo);
    if (strcmp(code, "EntryNotFound") == 0 || (answer->status == 404 && answer->commit[0]))
        return tm_fail(error, TM_NOT_FOUND, "%s has no file %s", e->repo, e->file);
    if (strcmp(code, "RepoNotFound") == 0 || answer->status == 404)
        return tm_fail(error, TM_WEIGHTS_MISSING,
                       "%s: the hub has no such repository, or shows it only with a token "
                       "(HF_TOKEN)",
                       e->repo);
    if (answer->status == 401 || answer->status == 403)
        return tm_fail(error, TM_NETWORK, "%s: %s answers HTTP %ld; is the token right (HF_TOKEN)?",
                       e->label, e->endpoint, answer->status);
    char wait[TM_WAIT_TEXT_MAX];
    return tm_fail(error, TM_NETWORK, "%s: %s answers HTTP %ld%s", e->label, e->endpoint,
                   answer->status, tm_http_wait_text(answer, wait));
}

static tm_status read_metadata(entry *e, const tm_http_answer *answer, tm_error *error)
{
    bool linked = answer->linked_etag[0] != '\0';
    if (answer->status >= 400)
        return refused(e, answer, error);
    if (!tm_hub_commit_valid(answer->commit))
        return tm_fail(error, TM_NETWORK,
                       "%s: what answers at %s is no hub: HTTP %ld%s%.200s%s%s, no X-Repo-Commit",
                       e->label, e->endpoint, answer->status, answer->redirect[0] ? " to " : "",
                       answer->redirect, answer->content_type[0] ? ", " : "", answer->content_type);
    strcpy(e->commit, answer->commit);
    tm_etag_normalize(linked ? answer->linked_etag : answer->etag, e->etag);
    if (!e->etag[0])
        return tm_fail(error, TM_NETWORK, "%s: the hub's answer has no ETag", e->label);
    e->validator[0] = '\0';
    if (!linked && !answer->redirect[0] && answer->etag[0] == '"')
        strcpy(e->validator, answer->etag);
    e->size = answer->linked_size >= 0 ? answer->linked_size
              : answer->redirect[0]    ? -1
                                       : answer->content_length;
    return TM_OK;
}

static tm_status ask_once(const entry *e, tm_http *http, tm_http_answer *answer, tm_error *error)
{
    tm_buffer url = {0};
    add_url(&url, e, e->revision);
    const tm_http_request request = {
        .url = url.data,
        .head = true,
        .stay = true,
        .if_range = "",
        .seconds = tm_hub_seconds("HF_HUB_ETAG_TIMEOUT", HEAD_SECONDS),
    };
    tm_status status = url.failed ? tm_fail(error, TM_NO_MEMORY, "no memory for a URL")
                                  : tm_http_run(http, &request, answer, error);
    tm_buffer_free(&url);
    return status;
}

static tm_status ask(entry *e, tm_http *http, tm_error *error)
{
    tm_retries retries = {0};
    int most = e->options->attempts ? e->options->attempts - 1 : TM_HUB_RETRIES;
    for (;;) {
        tm_http_answer answer = {0};
        tm_error failure = {0};
        tm_status status = ask_once(e, http, &answer, &failure);
        if (answer.again && tm_http_retry(&retries, most, &answer))
            continue;
        if (status)
            return tm_fail(error, status, "%s: %s", e->label, failure.message);
        status = read_metadata(e, &answer, error);
        if (status == TM_NOT_FOUND && tm_hub_commit_valid(answer.commit)) {
            tm_store_absent(e->folder, answer.commit, e->file);
            tm_store_ref(e->folder, e->revision, answer.commit, NULL);
        }
        return status;
    }
}

/* ---- the blob ---- */

/* The URL names the commit, so that what is got is what the metadata told of. */
static tm_status download_blob(const entry *e, tm_http *http, const char *blob, tm_error *error)
{
    tm_buffer url = {0};
    tm_status status = tm_make_folders(blob, error);
    if (status)
        return status;
    add_url(&url, e, e->commit);
    const tm_download download = {
        .url = url.data,
        .path = blob,
        .stem = blob,
        .label = e->label,
        .size = e->size,
        .kind = tm_etag_digest(e->etag),
        .digest = e->etag,
        .validator = e->validator,
    };
    status = url.failed ? tm_fail(error, TM_NO_MEMORY, "no memory for a URL")
                        : tm_download_run(http, &download, e->options, error);
    tm_buffer_free(&url);
    return status;
}

/* A blob that others put there is theirs to repair, but not to be used when it is cut. */
static tm_status check_blob(const entry *e, const struct stat *st, const char *blob,
                            tm_error *error)
{
    if (!S_ISREG(st->st_mode))
        return tm_fail(error, TM_INTEGRITY,
                       "%s is no file, the hub's %s is: remove it, then try again", blob, e->label);
    if (e->size < 0 || st->st_size == e->size)
        return TM_OK;
    return tm_fail(error, TM_INTEGRITY,
                   "%s has %lld bytes, the hub's %s has %lld: remove it, then try again", blob,
                   (long long)st->st_size, e->label, (long long)e->size);
}

static tm_status fetch_blob(entry *e, tm_http *http, bool *new_blob, tm_error *error)
{
    char blob[TM_PATH_MAX];
    struct stat st;
    if (!tm_store_blob_path(e->folder, e->etag, blob))
        return tm_fail(error, TM_WRITE, "%.200s...: the path is too long", e->folder);
    *new_blob = stat(blob, &st) != 0;
    if (!*new_blob)
        return check_blob(e, &st, blob, error);
    return download_blob(e, http, blob, error);
}

/* A second round where the file changed while it was on its way. */
static tm_status fetch_entry(entry *e, tm_http *http, char path[static TM_PATH_MAX],
                             tm_error *error)
{
    bool new_blob = false;
    tm_status status = ask(e, http, error);
    for (int round = 1; !status; round++) {
        char before[TM_ETAG_MAX];
        tm_error failure = {0};
        status = fetch_blob(e, http, &new_blob, &failure);
        if (!status)
            break;
        strcpy(before, e->etag);
        if (status != TM_INTEGRITY || round == ROUNDS || ask(e, http, NULL) ||
            strcmp(before, e->etag) == 0)
            return tm_fail(error, status, "%s", failure.message);
        status = TM_OK;
    }
    if (!status)
        status = tm_store_pointer(e->folder, e->commit, e->file, e->etag, new_blob, path, error);
    if (!status)
        status = tm_store_ref(e->folder, e->revision, e->commit, error);
    return status;
}

static tm_status fetch_online(entry *e, char path[static TM_PATH_MAX], tm_error *error)
{
    char token[TM_TOKEN_MAX];
    tm_http *http;
    if (!tm_hub_endpoint(e->endpoint))
        return tm_fail(error, TM_USAGE, "HF_ENDPOINT is too long");
    tm_hub_token(token);
    tm_status status = tm_http_open(e->endpoint, token, &http, error);
    if (!status && tm_http_token_withheld(http))
        tm_hub_warn(e->options, "HF_ENDPOINT %s is http: the token is not sent there in clear",
                    e->endpoint);
    if (!status)
        status = fetch_entry(e, http, path, error);
    tm_http_close(http);
    return status;
}

tm_status tm_hub_fetch(const tm_hub_options *options, const char *repo, const char *revision,
                       const char *file, char path[static TM_PATH_MAX], tm_error *error)
{
    entry e = {.options = options, .repo = repo, .file = file, .size = -1};
    char root[TM_PATH_MAX];
    e.revision = revision && *revision ? revision : "main";
    tm_status status = check_names(repo, e.revision, file, error);
    if (status)
        return status;
    if (!tm_hub_cache_root(options->cache_dir, root) || !tm_hub_repo_folder(root, repo, e.folder))
        return no_root(error);
    snprintf(e.label, sizeof e.label, "%s/%s", repo, file);
    if (tm_hub_cache_find(root, repo, e.revision, file, path))
        return TM_OK;
    if (tm_hub_cache_absent(root, repo, e.revision, file))
        return tm_fail(error, TM_NOT_FOUND, "%s has no file %s", repo, file);
    if (options->offline || tm_hub_offline())
        return refuse_offline(e.label, error);
    return fetch_online(&e, path, error);
}

/* ---- release URLs ---- */

/* Unfinished files are known by the URL too: its last part may be another's as well. */
static bool url_stem(const char *path, const char *url, char stem[static TM_PATH_MAX])
{
    char digits[TM_DIGEST_TEXT_MAX];
    tm_digest_of_text(url, digits);
    int length = snprintf(stem, TM_PATH_MAX, "%s.%.16s", path, digits);
    return length > 0 && length < TM_PATH_MAX;
}

static tm_status download_url(const tm_hub_options *options, const char *url, const char *path,
                              tm_error *error)
{
    char stem[TM_PATH_MAX], endpoint[TM_ENDPOINT_MAX], digits[65];
    tm_http *http;
    if (!url_stem(path, url, stem) || !tm_hub_endpoint(endpoint))
        return tm_fail(error, TM_WRITE, "%.200s...: the path is too long", path);
    const char *name = strrchr(path, '/') + 1;
    tm_name_digest(name, digits);
    const tm_download download = {
        .url = url,
        .path = path,
        .stem = stem,
        .label = name,
        .size = -1,
        .kind = digits[0] ? TM_DIGEST_SHA256 : TM_DIGEST_NONE,
        .digest = digits,
        .validator = "",
    };
    tm_status status = tm_make_folders(path, error);
    if (!status)
        status = tm_http_open(endpoint, "", &http, error);
    if (status)
        return status;
    status = tm_download_run(http, &download, options, error);
    tm_http_close(http);
    return status;
}

tm_status tm_hub_fetch_url(const tm_hub_options *options, const char *url,
                           char path[static TM_PATH_MAX], tm_error *error)
{
    if (tm_url_cache_find(options->cache_dir, url, path))
        return TM_OK;
    if (!path[0])
        return tm_fail(error, TM_USAGE, "%.300s: not the URL of a file, or no folder for it", url);
    if (options->offline || tm_hub_offline())
        return refuse_offline(url, error);
    return download_url(options, url, path, error);
}

/* ---- weights ---- */

static const char *const weights_names[] = {"model.safetensors", "pytorch_model.bin",
                                            TM_SHARDS_INDEX, TM_SHARDS_INDEX_TORCH};
enum { WEIGHTS_NAMES = sizeof weights_names / sizeof *weights_names };

static bool is_index(const char *path)
{
    return tm_ends_with(path, TM_SHARDS_INDEX) || tm_ends_with(path, TM_SHARDS_INDEX_TORCH);
}

tm_status tm_hub_each_shard(const char *index, tm_shard_fn *act, void *context, tm_error *error)
{
    tm_map map;
    tm_shards shards = {0};
    if (!is_index(index))
        return TM_OK;
    tm_status status = tm_map_file(index, &map, error);
    if (!status)
        status = tm_shards_parse(index, map.data, map.size, &shards, error);
    status = tm_unmap(&map, status, error);
    for (size_t i = 0; i < shards.count && !status; i++)
        if (i == 0 || strcmp(shards.entries[i].file, shards.entries[i - 1].file) != 0)
            status = act(context, shards.entries[i].file, error);
    tm_shards_free(&shards);
    return status;
}

typedef struct shard_place {
    const tm_hub_options *options;
    const char *root, *repo, *revision;
} shard_place;

static tm_status find_shard(void *context, const char *file, tm_error *error)
{
    const shard_place *at = context;
    char path[TM_PATH_MAX];
    return tm_hub_cache_find(at->root, at->repo, at->revision, file, path)
               ? TM_OK
               : tm_fail(error, TM_NOT_FOUND, "%s is not in the cache", file);
}

static tm_status fetch_shard(void *context, const char *file, tm_error *error)
{
    const shard_place *at = context;
    char path[TM_PATH_MAX];
    return tm_hub_fetch(at->options, at->repo, at->revision, file, path, error);
}

/* The index is the weights where every shard is there too. */
static bool find_in_repo(const char *root, const char *repo, const char *revision,
                         char path[static TM_PATH_MAX])
{
    shard_place at = {.root = root, .repo = repo, .revision = revision};
    for (int i = 0; i < WEIGHTS_NAMES; i++)
        if (tm_hub_cache_find(root, repo, revision, weights_names[i], path) &&
            tm_hub_each_shard(path, find_shard, &at, NULL) == TM_OK)
            return true;
    return false;
}

/* TIMM_USE_OLD_CACHE: what torch.hub kept goes before the hub's repository, if it is whole. */
static bool find_old(const char *cache_dir, const char *url, char path[static TM_PATH_MAX])
{
    const char *wanted = getenv("TIMM_USE_OLD_CACHE");
    char digits[65], found[TM_DIGEST_TEXT_MAX];
    tm_map map;
    if (!wanted || atoi(wanted) <= 0 || !url[0] || !tm_url_cache_find(cache_dir, url, path))
        return false;
    tm_name_digest(strrchr(path, '/') + 1, digits);
    if (!digits[0])
        return true;
    if (tm_map_file(path, &map, NULL))
        return false;
    tm_digest digest;
    tm_digest_start(&digest);
    tm_digest_add(&digest, map.data, map.size);
    tm_digest_text(&digest, found);
    return tm_unmap(&map, TM_OK, NULL) == TM_OK && strncmp(found, digits, strlen(digits)) == 0;
}

bool tm_hub_find_weights(const char *cache_dir, const char *repo, const char *revision,
                         const char *url, char path[static TM_PATH_MAX])
{
    char root[TM_PATH_MAX];
    revision = tm_or_empty(revision);
    if (!repo[0])
        return tm_url_cache_find(cache_dir, url, path);
    if (!revision[0] && find_old(cache_dir, url, path))
        return true;
    return tm_hub_cache_root(cache_dir, root) && find_in_repo(root, repo, revision, path);
}

static tm_status fetch_in_repo(const tm_hub_options *options, const char *repo,
                               const char *revision, char path[static TM_PATH_MAX], tm_error *error)
{
    shard_place at = {.options = options, .repo = repo, .revision = revision};
    tm_status status = TM_NOT_FOUND;
    for (int i = 0; i < WEIGHTS_NAMES && status == TM_NOT_FOUND; i++) {
        tm_error failure = {0};
        status = tm_hub_fetch(options, repo, revision, weights_names[i], path, &failure);
        if (!status)
            return tm_hub_each_shard(path, fetch_shard, &at, error);
        if (status != TM_NOT_FOUND)
            tm_fail(error, status, "%s", failure.message);
    }
    if (status != TM_NOT_FOUND)
        return status;
    return tm_fail(error, TM_WEIGHTS_MISSING,
                   "%s has neither %s nor %s, nor an index of such files in parts", repo,
                   weights_names[0], weights_names[1]);
}

tm_status tm_hub_fetch_weights(const tm_hub_options *options, const char *repo,
                               const char *revision, const char *url, char path[static TM_PATH_MAX],
                               tm_error *error)
{
    if (tm_hub_find_weights(options->cache_dir, repo, revision, url, path))
        return TM_OK;
    return repo[0] ? fetch_in_repo(options, repo, revision, path, error)
                   : tm_hub_fetch_url(options, url, path, error);
}
