/* SPDX-License-Identifier: Apache-2.0 */
/* What a download adds to the cache (hub/cache.h). Nothing that is there is overwritten or removed,
 * but for the ref of a branch that moved and links that lead nowhere. */
#ifndef TM_HUB_STORE_H
#define TM_HUB_STORE_H

#include "base/error.h"
#include "hub/cache.h"

/* Creates the folders above a file. TM_WRITE. */
tm_status tm_make_folders(const char *path, tm_error *error);

/* folder, in all of these: of tm_hub_repo_folder. */

/* FOLDER/blobs/ETAG */
bool tm_store_blob_path(const char *folder, const char *etag, char path[static TM_PATH_MAX]);

/* Writes refs/REVISION, unless the revision is the commit itself. */
tm_status tm_store_ref(const char *folder, const char *revision, const char *commit,
                       tm_error *error);

/* Makes snapshots/COMMIT/FILE a relative link to the blob; where links cannot be, the blob itself
 * moves there if it is new, else a copy. path: the snapshot's file. */
tm_status tm_store_pointer(const char *folder, const char *commit, const char *file,
                           const char *etag, bool new_blob, char path[static TM_PATH_MAX],
                           tm_error *error);

/* Notes in .no_exist that the commit lacks the file; that this fails costs a request later. */
void tm_store_absent(const char *folder, const char *commit, const char *file);

#endif
