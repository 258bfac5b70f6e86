/* SPDX-License-Identifier: Apache-2.0 */
#include "api/resolve.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"

tm_hub_options tm_hub_options_of(const tm_open_options *options)
{
    return (tm_hub_options){.cache_dir = options->cache_dir,
                            .offline = options->offline,
                            .progress = options->progress,
                            .progress_context = options->progress_context};
}

static tm_status read_config(const char *path, tm_arena *arena, tm_model_config *config,
                             tm_error *error)
{
    tm_map map;
    tm_error unmap = {0};
    tm_status status = tm_map_file(path, &map, error);
    if (!status)
        status = tm_config_parse(path, map.data, map.size, arena, config, error);
    if (tm_unmap(&map, status, &unmap) && !status)
        status = tm_fail(error, TM_WEIGHTS_INVALID, "%s", unmap.message);
    return status;
}

static tm_status find_local(const char *folder, tm_arena *arena, tm_source *source, tm_error *error)
{
    char path[TM_PATH_MAX];
    tm_error cause = {0};
    if (!*folder)
        return tm_fail(error, TM_USAGE,
                       "local-dir: names no folder: expected local-dir:FOLDER, which holds "
                       "config.json and weights");
    int length = snprintf(path, sizeof path, "%s/config.json", folder);
    if (length < 0 || (size_t)length >= sizeof path)
        return tm_fail(error, TM_USAGE, "local-dir:%.60s...: too long for a path", folder);
    source->folder = tm_arena_strdup(arena, folder);
    if (!source->folder)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", folder);
    tm_status status = read_config(path, arena, &source->config, &cause);
    if (status == TM_NOT_FOUND)
        return tm_fail(error, TM_WEIGHTS_MISSING,
                       "%s: not found; without it nobody knows which model the weights in the "
                       "folder are of: give --model and --weights instead",
                       path);
    return status ? tm_fail(error, status, "%s", cause.message) : TM_OK;
}

static tm_status find_remote(const char *name, const tm_open_options *options, tm_arena *arena,
                             tm_source *source, tm_error *error)
{
    const char *id = tm_hub_name(name);
    size_t length = strcspn(id, "@");
    char path[TM_PATH_MAX];
    tm_hub_options hub = tm_hub_options_of(options);
    tm_error cause = {0};
    const char *repo = tm_arena_printf(arena, "%.*s", (int)length, id);
    const char *revision = tm_arena_strdup(arena, id[length] ? id + length + 1 : "");
    if (!repo || !revision)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", name);
    tm_status status = tm_hub_fetch(&hub, repo, revision, "config.json", path, &cause);
    if (status == TM_NOT_FOUND)
        return tm_fail(error, TM_UNKNOWN_MODEL,
                       "%s: the repository has no config.json, which timm's models have", name);
    if (!status)
        status = read_config(path, arena, &source->config, &cause);
    if (status)
        return tm_fail(error, status, "%s", cause.message);
    source->config.resolved.config.hf_hub_id = repo;
    source->config.resolved.revision = revision;
    return TM_OK;
}

tm_status tm_source_find(const char *name, const tm_open_options *options, tm_arena *arena,
                         tm_source *source, tm_error *error)
{
    *source = (tm_source){.config.num_classes = -1};
    if (tm_local_name(name))
        return find_local(tm_local_name(name), arena, source, error);
    if (tm_hub_name(name) &&
        (strchr(name, '@') || tm_model_resolve(name, &source->config.resolved, NULL) != TM_OK))
        return find_remote(name, options, arena, source, error);
    return tm_model_resolve(name, &source->config.resolved, error);
}
