/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/cache.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool set_path(char path[static TM_PATH_MAX], const char *base, const char *rest)
{
    int length = snprintf(path, TM_PATH_MAX, "%s%s", base, rest);
    return length > 0 && length < TM_PATH_MAX;
}

bool tm_hub_cache_root(const char *cache_dir, char root[static TM_PATH_MAX])
{
    static const struct {
        const char *variable, *rest;
    } places[] = {
        {"HF_HUB_CACHE", ""},
        {"HF_HOME", "/hub"},
        {"XDG_CACHE_HOME", "/huggingface/hub"},
        {"HOME", "/.cache/huggingface/hub"},
    };
    if (cache_dir && *cache_dir)
        return set_path(root, cache_dir, "");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *value = getenv(places[i].variable);
        if (value && *value)
            return set_path(root, value, places[i].rest);
    }
    return false;
}

static bool is_weights_name(const char *name)
{
    static const char *const endings[] = {".safetensors", ".bin", ".pth", ".pt", ".npz"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && strcmp(name + length - ending, endings[i]) == 0)
            return true;
    }
    return false;
}

/* Snapshot files are links into blobs/; a link whose blob was deleted does not count. */
static bool snapshot_has_weights(const char *folder)
{
    DIR *dir = opendir(folder);
    bool found = false;
    for (const struct dirent *entry; dir && !found && (entry = readdir(dir));) {
        char path[TM_PATH_MAX];
        struct stat status;
        int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        found = is_weights_name(entry->d_name) && length > 0 && (size_t)length < sizeof path &&
                stat(path, &status) == 0 && S_ISREG(status.st_mode);
    }
    if (dir)
        closedir(dir);
    return found;
}

/* "ROOT/models--org--name/snapshots": every '/' of the id becomes "--". */
static bool snapshots_path(const char *root, const char *hf_hub_id, char path[static TM_PATH_MAX])
{
    char name[256];
    size_t used = 0;
    for (const char *p = hf_hub_id; *p; p++) {
        if (used + 3 > sizeof name)
            return false;
        if (*p == '/')
            name[used++] = '-';
        name[used++] = *p == '/' ? '-' : *p;
    }
    name[used] = '\0';
    int length = snprintf(path, TM_PATH_MAX, "%s/models--%s/snapshots", root, name);
    return length > 0 && length < TM_PATH_MAX;
}

bool tm_hub_cached(const char *root, const char *hf_hub_id)
{
    char snapshots[TM_PATH_MAX], path[TM_PATH_MAX];
    if (!*hf_hub_id || !snapshots_path(root, hf_hub_id, snapshots))
        return false;
    DIR *dir = opendir(snapshots);
    bool found = false;
    for (const struct dirent *entry; dir && !found && (entry = readdir(dir));) {
        int length = snprintf(path, sizeof path, "%s/%s", snapshots, entry->d_name);
        found = entry->d_name[0] != '.' && length > 0 && (size_t)length < sizeof path &&
                snapshot_has_weights(path);
    }
    if (dir)
        closedir(dir);
    return found;
}

/* The commit that refs/REVISION names; the revision itself where there is no such file. */
static void read_ref(const char *snapshots, const char *revision, char commit[static 128])
{
    char path[TM_PATH_MAX];
    int base = (int)(strlen(snapshots) - strlen("snapshots"));
    int length = snprintf(path, sizeof path, "%.*srefs/%s", base, snapshots, revision);
    snprintf(commit, 128, "%s", revision);
    FILE *f = length > 0 && (size_t)length < sizeof path ? fopen(path, "re") : NULL;
    char line[128];
    if (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\r\n")] = '\0';
        snprintf(commit, 128, "%s", line);
    }
    if (f)
        fclose(f);
}

bool tm_hub_cache_find(const char *root, const char *hf_hub_id, const char *revision,
                       const char *file, char path[static TM_PATH_MAX])
{
    char snapshots[TM_PATH_MAX], commit[128];
    struct stat status;
    if (!snapshots_path(root, hf_hub_id, snapshots))
        return false;
    read_ref(snapshots, revision[0] ? revision : "main", commit);
    if (strchr(commit, '/') || strcmp(commit, "..") == 0)
        return false;
    int length = snprintf(path, TM_PATH_MAX, "%s/%s/%s", snapshots, commit, file);
    return length > 0 && length < TM_PATH_MAX && stat(path, &status) == 0 &&
           S_ISREG(status.st_mode);
}
