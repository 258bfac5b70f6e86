/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the Python tools keep downloaded models, looked up without a request:
 *   ROOT/models--ORG--NAME/refs/REVISION            the commit that a branch or tag was last seen
 * at ROOT/models--ORG--NAME/snapshots/COMMIT/FILE    a link to ../../blobs/ETAG
 *   ROOT/models--ORG--NAME/.no_exist/COMMIT/FILE    empty: that commit has no such file
 * and torch.hub's checkpoints, which stand in one folder by the last part of their URL.
 */
#ifndef TM_HUB_CACHE_H
#define TM_HUB_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#define TM_PATH_MAX 4096

/* The cache's root: cache_dir, or what HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME and HOME give when
 * it is NULL or "". False: none is set, or the path is too long. */
bool tm_hub_cache_root(const char *cache_dir, char root[static TM_PATH_MAX]);

/* The same of URLs: cache_dir, or what TORCH_HOME, XDG_CACHE_HOME and HOME give. */
bool tm_url_cache_root(const char *cache_dir, char root[static TM_PATH_MAX]);

/* The file of a revision's snapshot ("" is main) of "org/name"; false: it is not there. */
bool tm_hub_cache_find(const char *root, const char *hf_hub_id, const char *revision,
                       const char *file, char path[static TM_PATH_MAX]);

/* Whether the cache knows that the revision has no such file. */
bool tm_hub_cache_absent(const char *root, const char *hf_hub_id, const char *revision,
                         const char *file);

/* The file of a URL under tm_url_cache_root(cache_dir); false: it is not there, and path is where
 * it would be ("" for a URL without a file's name). */
bool tm_url_cache_find(const char *cache_dir, const char *url, char path[static TM_PATH_MAX]);

/* ROOT/models--ORG--NAME; false: no name of a repository, or too long. */
bool tm_hub_repo_folder(const char *root, const char *hf_hub_id, char path[static TM_PATH_MAX]);

#endif
