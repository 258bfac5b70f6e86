/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TM_WEIGHTS_SHARDED_H
#define TM_WEIGHTS_SHARDED_H

#include "base/file.h"
#include "weights/formats.h"

typedef struct tm_shard_file {
    tm_map map;
    tm_tensor_index table;
} tm_shard_file;

/* The files of a sharded model, as long as its tensors. */
typedef struct tm_shard_files {
    tm_shard_file *files;
    size_t count;
    const char *format; /* of the last */
} tm_shard_files;

/* Reads the shards that the index (base/shards.h) names, beside its path, as one table of contents.
 * TM_WEIGHTS_INVALID: a shard is no weights file, or lacks what the index says it holds;
 * TM_NOT_FOUND, TM_READ: of a shard. What was made is freed by the caller, also after a failure. */
tm_status tm_open_shards(const char *path, const unsigned char *data, size_t size,
                         tm_tensor_index *index, tm_shard_files *shards, tm_error *error);
/* As tm_unmap, of all of them. */
tm_status tm_shard_files_close(tm_shard_files *shards, tm_status status, tm_error *error)
    __attribute__((warn_unused_result));

#endif
