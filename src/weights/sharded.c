/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/sharded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/shards.h"

tm_status tm_shard_maps_close(tm_shard_maps *maps, tm_status status, tm_error *error)
{
    for (size_t i = 0; i < maps->count; i++)
        status = tm_unmap(&maps->maps[i], status, error);
    free(maps->maps);
    *maps = (tm_shard_maps){0};
    return status;
}

static int compare_name(const void *name, const void *view)
{
    return strcmp(name, ((const tm_tensor_view *)view)->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const tm_tensor_view *)a)->name, ((const tm_tensor_view *)b)->name);
}

/* The tensors that the index says are in one file. */
static tm_status take_tensors(const char *path, const tm_tensor_index *shard,
                              const tm_shard_entry *entries, size_t count, tm_tensor_index *index,
                              tm_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const char *name = entries[i].tensor;
        const tm_tensor_view *view =
            shard->count ? bsearch(name, shard->tensors, shard->count, sizeof *view, compare_name)
                         : NULL;
        if (!view)
            return tm_fail(error, TM_WEIGHTS_INVALID,
                           "%s: safetensors header, offset 8: found no tensor %.100s, expected it, "
                           "as the index says",
                           path, name);
        index->tensors[index->count] = *view;
        index->tensors[index->count].name = tm_arena_strdup(&index->buffers, name);
        if (!index->tensors[index->count].name)
            return tm_fail(error, TM_NO_MEMORY, "%s: no memory for its names", path);
        index->count++;
    }
    return TM_OK;
}

static tm_status read_shard(const char *index_path, const tm_shard_entry *entries, size_t count,
                            tm_tensor_index *index, tm_shard_maps *maps, tm_error *error)
{
    const char *slash = strrchr(index_path, '/');
    tm_map *map = &maps->maps[maps->count];
    tm_tensor_index shard = {0};
    char *path =
        tm_arena_printf(&index->buffers, "%.*s%s", slash ? (int)(slash + 1 - index_path) : 0,
                        index_path, entries[0].file);
    if (!path)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", index_path);
    tm_status status = tm_map_file(path, map, error);
    if (status)
        return status;
    maps->count++;
    status = tm_safetensors_read(path, map->data, map->size, &shard, error);
    if (!status)
        status = take_tensors(path, &shard, entries, count, index, error);
    tm_tensor_index_free(&shard);
    return status;
}

tm_status tm_open_shards(const char *path, const unsigned char *data, size_t size,
                          tm_tensor_index *index, tm_shard_maps *maps, tm_error *error)
{
    tm_shards shards;
    tm_status status = tm_shards_parse(path, data, size, &shards, error);
    if (!status) {
        index->tensors = malloc(shards.count * sizeof *index->tensors);
        maps->maps = calloc(shards.count, sizeof *maps->maps);
        if (!index->tensors || !maps->maps)
            status = tm_fail(error, TM_NO_MEMORY, "%s: no memory for its tensors", path);
    }
    for (size_t i = 0, end; i < shards.count && !status; i = end) {
        for (end = i + 1; end < shards.count; end++)
            if (strcmp(shards.entries[end].file, shards.entries[i].file) != 0)
                break;
        status = read_shard(path, &shards.entries[i], end - i, index, maps, error);
    }
    if (!status)
        qsort(index->tensors, index->count, sizeof *index->tensors, by_name);
    tm_shards_free(&shards);
    return status;
}
