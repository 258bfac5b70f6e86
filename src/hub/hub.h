/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weights and configs from the Hugging Face hub and from release URLs, by the caches that the
 * Python tools keep: what is there is answered without a request, what is not is downloaded into
 * the same layout.
 */
#ifndef TM_HUB_HUB_H
#define TM_HUB_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "hub/cache.h"

#define TM_HUB_RETRIES 5
#define TM_UNTOLD_MOST ((uint64_t)16 << 30)

typedef struct tm_hub_options {
    const char *cache_dir; /* NULL: where the environment says. Hub repositories stand in it as in
                              HF_HUB_CACHE, files of URLs directly, as timm has it */
    bool offline;          /* no request; HF_HUB_OFFLINE says the same */
    int attempts;          /* of each request that a retry may help; 0: 1 + TM_HUB_RETRIES */
    tm_progress progress;  /* may be NULL */
    void *progress_context;
    /* What went well and should be known all the same; may be NULL. */
    void (*warn)(void *context, const char *text);
    void *warn_context;
    uint64_t most_untold; /* bytes of a file whose length no server tells; 0: TM_UNTOLD_MOST */
} tm_hub_options;

/* The file of a repository: cached, else downloaded; path is then its name in the cache.
 * revision: a branch, tag or commit; NULL or "": main. TM_NOT_FOUND: the repository has no such
 * file. TM_WEIGHTS_MISSING: no such repository or revision, or not cached and offline. TM_USAGE: a
 * name that is none. TM_NETWORK, TM_INTEGRITY, TM_WRITE, TM_UNSUPPORTED (no libcurl). */
tm_status tm_hub_fetch(const tm_hub_options *options, const char *repo, const char *revision,
                       const char *file, char path[static TM_PATH_MAX], tm_error *error);

/* The same of the file that a URL ends with, in torch.hub's cache. */
tm_status tm_hub_fetch_url(const tm_hub_options *options, const char *url,
                           char path[static TM_PATH_MAX], tm_error *error);

/* The weights as timm chooses them: the repository's model.safetensors, else its pytorch_model.bin,
 * else the index of either in shards, with the shards beside it; where repo is "", the file of the
 * URL. With TIMM_USE_OLD_CACHE a sound file of the URL goes before the repository. */
tm_status tm_hub_fetch_weights(const tm_hub_options *options, const char *repo,
                               const char *revision, const char *url, char path[static TM_PATH_MAX],
                               tm_error *error);

/* Calls act for each file that an index of shards names, until one fails; for the path of other
 * weights never. */
typedef tm_status tm_shard_fn(void *context, const char *file, tm_error *error);
tm_status tm_hub_each_shard(const char *weights, tm_shard_fn *act, void *context, tm_error *error);

/* Whether the above would answer without a request. */
bool tm_hub_find_weights(const char *cache_dir, const char *repo, const char *revision,
                         const char *url, char path[static TM_PATH_MAX]);

#endif
