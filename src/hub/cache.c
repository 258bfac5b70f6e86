/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/cache.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hub/names.h"

static bool join(char path[static TM_PATH_MAX], const char *folder, const char *name)
{
    int length = snprintf(path, TM_PATH_MAX, "%s/%s", folder, name);
    return length > 0 && length < TM_PATH_MAX;
}

static bool is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* Every '/' of the id becomes "--". */
bool tm_hub_repo_folder(const char *root, const char *hf_hub_id, char path[static TM_PATH_MAX])
{
    char name[256];
    size_t used = 0;
    if (!tm_hub_repo_valid(hf_hub_id))
        return false;
    for (const char *p = hf_hub_id; *p; p++) {
        if (used + 3 > sizeof name)
            return false;
        if (*p == '/')
            name[used++] = '-';
        name[used++] = *p == '/' ? '-' : *p;
    }
    name[used] = '\0';
    int length = snprintf(path, TM_PATH_MAX, "%s/models--%s", root, name);
    return length > 0 && length < TM_PATH_MAX;
}

/* The commit that refs/REVISION names; the revision itself where there is no such file. */
static bool read_commit(const char *folder, const char *revision,
                        char commit[static TM_FILE_NAME_MAX])
{
    char path[TM_PATH_MAX], line[TM_FILE_NAME_MAX];
    if (!tm_hub_path_valid(revision) || strlen(revision) >= TM_FILE_NAME_MAX)
        return false;
    strcpy(commit, revision);
    int length = snprintf(path, sizeof path, "%s/refs/%s", folder, revision);
    FILE *f = (size_t)length < sizeof path ? fopen(path, "re") : NULL;
    if (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\r\n")] = '\0';
        strcpy(commit, line);
    }
    if (f)
        fclose(f);
    return tm_hub_part_valid(commit);
}

/* FOLDER/KIND/COMMIT/FILE of a revision; false: it is no file. */
static bool find_entry(const char *root, const char *hf_hub_id, const char *revision,
                       const char *kind, const char *file, char path[static TM_PATH_MAX])
{
    char folder[TM_PATH_MAX], commit[TM_FILE_NAME_MAX];
    if (!tm_hub_path_valid(file) || !tm_hub_repo_folder(root, hf_hub_id, folder) ||
        !read_commit(folder, revision[0] ? revision : "main", commit))
        return false;
    int length = snprintf(path, TM_PATH_MAX, "%s/%s/%s/%s", folder, kind, commit, file);
    return length > 0 && length < TM_PATH_MAX && is_file(path);
}

bool tm_hub_cache_find(const char *root, const char *hf_hub_id, const char *revision,
                       const char *file, char path[static TM_PATH_MAX])
{
    return find_entry(root, hf_hub_id, revision, "snapshots", file, path);
}

bool tm_hub_cache_absent(const char *root, const char *hf_hub_id, const char *revision,
                         const char *file)
{
    char path[TM_PATH_MAX];
    return find_entry(root, hf_hub_id, revision, ".no_exist", file, path);
}

bool tm_url_cache_find(const char *cache_dir, const char *url, char path[static TM_PATH_MAX])
{
    char root[TM_PATH_MAX], name[TM_FILE_NAME_MAX];
    if (tm_url_file_name(url, name) && tm_url_cache_root(cache_dir, root) && join(path, root, name))
        return is_file(path);
    path[0] = '\0';
    return false;
}
