/* SPDX-License-Identifier: Apache-2.0 */
/* Where the Python tools keep downloaded models: ROOT/models--ORG--NAME/snapshots/REV/FILE. */
#ifndef TM_HUB_CACHE_H
#define TM_HUB_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#define TM_PATH_MAX 4096

/* The cache's root: cache_dir, or what HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME and HOME give when
 * it is NULL or "". False: none is set, or the path is too long. */
bool tm_hub_cache_root(const char *cache_dir, char root[static TM_PATH_MAX]);

/* Whether a snapshot under root holds a weights file of "org/name". */
bool tm_hub_cached(const char *root, const char *hf_hub_id);

/* The file of a revision's snapshot ("" is main) of "org/name"; false: it is not there. */
bool tm_hub_cache_find(const char *root, const char *hf_hub_id, const char *revision,
                       const char *file, char path[static TM_PATH_MAX]);

#endif
