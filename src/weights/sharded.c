/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/sharded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/shards.h"

tm_status tm_shard_files_close(tm_shard_files *shards, tm_status status, tm_error *error)
{
    for (size_t i = 0; i < shards->count; i++) {
        tm_tensor_index_free(&shards->files[i].table);
        status = tm_unmap(&shards->files[i].map, status, error);
    }
    free(shards->files);
    *shards = (tm_shard_files){0};
    return status;
}

/* Nothing of a shard lies in a group. */
static int compare_name(const void *name, const void *view)
{
    const tm_tensor_view *v = view;
    return *v->group ? -1 : strcmp(name, v->name);
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
            return tm_fail(
                error, TM_WEIGHTS_INVALID,
                "%s: table of contents, offset 0: found no tensor %.100s, expected it, as "
                "the index says",
                path, name);
        index->tensors[index->count++] = *view;
    }
    return TM_OK;
}

static tm_status read_shard(const char *index_path, const tm_shard_entry *entries, size_t count,
                            tm_tensor_index *index, tm_shard_files *shards, tm_error *error)
{
    const char *slash = strrchr(index_path, '/');
    tm_shard_file *shard = &shards->files[shards->count];
    char *path =
        tm_arena_printf(&index->buffers, "%.*s%s", slash ? (int)(slash + 1 - index_path) : 0,
                        index_path, entries[0].file);
    if (!path)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", index_path);
    tm_status status = tm_map_file(path, &shard->map, error);
    if (status)
        return status;
    shards->count++;
    status = tm_read_tensor_index(path, shard->map.data, shard->map.size, &shard->table,
                                  &shards->format, error);
    return status ? status : take_tensors(path, &shard->table, entries, count, index, error);
}

tm_status tm_open_shards(const char *path, const unsigned char *data, size_t size,
                         tm_tensor_index *index, tm_shard_files *shards, tm_error *error)
{
    tm_shards named;
    tm_status status = tm_shards_parse(path, data, size, &named, error);
    if (!status) {
        index->tensors = malloc(named.count * sizeof *index->tensors);
        shards->files = calloc(named.count, sizeof *shards->files);
        if (!index->tensors || !shards->files)
            status = tm_fail(error, TM_NO_MEMORY, "%s: no memory for its tensors", path);
    }
    for (size_t i = 0, end; i < named.count && !status; i = end) {
        for (end = i + 1; end < named.count; end++)
            if (strcmp(named.entries[end].file, named.entries[i].file) != 0)
                break;
        status = read_shard(path, &named.entries[i], end - i, index, shards, error);
    }
    if (!status)
        qsort(index->tensors, index->count, sizeof *index->tensors, by_name);
    tm_shards_free(&named);
    return status;
}
