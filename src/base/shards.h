/* SPDX-License-Identifier: Apache-2.0 */
/* The index of several weights files: which of them holds which tensor. */
#ifndef TM_BASE_SHARDS_H
#define TM_BASE_SHARDS_H

#include "base/error.h"
#include "base/memory.h"

#define TM_SHARDS_INDEX "model.safetensors.index.json"
#define TM_SHARDS_INDEX_TORCH "pytorch_model.bin.index.json"

typedef struct tm_shard_entry {
    const char *file; /* a plain name that ends in .safetensors or .bin, without a folder */
    const char *tensor;
} tm_shard_entry;

typedef struct tm_shards {
    tm_arena arena;
    tm_shard_entry *entries; /* by file, then tensor; no tensor twice */
    size_t count;
} tm_shards;

/* Whether the bytes are JSON with a weight_map. */
bool tm_shards_probe(const unsigned char *data, size_t size);

/* TM_WEIGHTS_INVALID: no such index, or one that names other files than those beside it. Free the
 * shards in any case. */
tm_status tm_shards_parse(const char *path, const unsigned char *data, size_t size,
                          tm_shards *shards, tm_error *error);
void tm_shards_free(tm_shards *shards);

#endif
