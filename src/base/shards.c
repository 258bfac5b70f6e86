/* SPDX-License-Identifier: Apache-2.0 */
#include "base/shards.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { INDEX_MAX = 16 << 20, TENSORS_MAX = 200000, FILE_NAME_MOST = 200 };

static const char map_key[] = "weight_map";

bool tm_shards_probe(const unsigned char *data, size_t size)
{
    size_t at = 0, length = sizeof map_key - 1;
    while (at < size && (data[at] == ' ' || (data[at] >= '\t' && data[at] <= '\r')))
        at++;
    if (at == size || data[at] != '{' || size > INDEX_MAX)
        return false;
    for (; at + length <= size; at++)
        if (memcmp(data + at, map_key, length) == 0)
            return true;
    return false;
}

void tm_shards_free(tm_shards *shards)
{
    free(shards->entries);
    tm_arena_free(&shards->arena);
    *shards = (tm_shards){0};
}

static tm_status refuse(const char *path, const char *found, const char *expected, tm_error *error)
{
    return tm_fail(error, TM_WEIGHTS_INVALID,
                   "%s: index of shards, offset 0: found %s, expected %s", path, found, expected);
}

/* The file is opened beside the index and nowhere else. */
static bool is_shard_name(const char *name)
{
    size_t length = strlen(name);
    bool plain = length <= FILE_NAME_MOST && name[0] != '.' && !strpbrk(name, "/\\") &&
                 (tm_has_ending(name, ".safetensors") || tm_has_ending(name, ".bin"));
    for (const char *p = name; *p && plain; p++)
        plain = (unsigned char)*p >= 0x20 && *p != 0x7F;
    return plain;
}

static int by_tensor(const void *a, const void *b)
{
    return strcmp(((const tm_shard_entry *)a)->tensor, ((const tm_shard_entry *)b)->tensor);
}

static int by_file(const void *a, const void *b)
{
    int order = strcmp(((const tm_shard_entry *)a)->file, ((const tm_shard_entry *)b)->file);
    return order ? order : by_tensor(a, b);
}

static tm_status add_entry(const char *path, tm_shards *shards, const cJSON *item, tm_error *error)
{
    if (!cJSON_IsString(item) || !is_shard_name(item->valuestring))
        return refuse(path, "a tensor that lies in no file beside it",
                      "names ending in .safetensors or .bin, without a folder", error);
    tm_shard_entry *entry = &shards->entries[shards->count];
    entry->tensor = tm_arena_strdup(&shards->arena, item->string);
    entry->file = tm_arena_strdup(&shards->arena, item->valuestring);
    if (!entry->tensor || !entry->file)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for its tensors", path);
    shards->count++;
    return TM_OK;
}

static tm_status read_map(const char *path, tm_shards *shards, const cJSON *map, tm_error *error)
{
    const cJSON *item;
    tm_status status = TM_OK;
    size_t count = cJSON_IsObject(map) ? (size_t)cJSON_GetArraySize(map) : 0;
    if (!count || count > TENSORS_MAX)
        return refuse(path, "no weight_map of 1 to 200000 tensors", "one", error);
    shards->entries = malloc(count * sizeof *shards->entries);
    if (!shards->entries)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for its tensors", path);
    cJSON_ArrayForEach(item, map)
    {
        status = add_entry(path, shards, item, error);
        if (status)
            return status;
    }
    qsort(shards->entries, count, sizeof *shards->entries, by_tensor);
    for (size_t i = 1; i < count; i++)
        if (by_tensor(&shards->entries[i - 1], &shards->entries[i]) == 0)
            return refuse(path, "a tensor twice", "each once", error);
    qsort(shards->entries, count, sizeof *shards->entries, by_file);
    return TM_OK;
}

tm_status tm_shards_parse(const char *path, const unsigned char *data, size_t size,
                          tm_shards *shards, tm_error *error)
{
    *shards = (tm_shards){0};
    if (size > INDEX_MAX)
        return refuse(path, "more than 16 MB", "a smaller one", error);
    size_t offset;
    bool no_memory = false;
    cJSON *json = size ? tm_json_parse((const char *)data, size, false, &offset, &no_memory) : NULL;
    if (no_memory)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for the index", path);
    tm_status status =
        json ? read_map(path, shards, cJSON_GetObjectItemCaseSensitive(json, map_key), error)
             : refuse(path, "no JSON", "a weight_map", error);
    cJSON_Delete(json);
    return status;
}
