/* SPDX-License-Identifier: Apache-2.0 */
/* The index of a sharded model on any bytes: what is accepted names plain files, each tensor once;
 * see README.md. */
#include <stdint.h>
#include <string.h>

#include "base/shards.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entries(const tm_shards *shards)
{
    TM_ASSERT(shards->count > 0);
    for (size_t i = 0; i < shards->count; i++) {
        const tm_shard_entry *e = &shards->entries[i];
        TM_ASSERT(*e->file && *e->file != '.' && !strchr(e->file, '/'));
        int order = i ? strcmp(e[-1].file, e->file) : -1;
        TM_ASSERT(order < 0 || (order == 0 && strcmp(e[-1].tensor, e->tensor) < 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tm_shards shards;
    tm_error error = {0};
    tm_shards_probe(data, size);
    tm_status status = tm_shards_parse("input", data, size, &shards, &error);
    if (status == TM_OK)
        check_entries(&shards);
    else
        TM_ASSERT(status == TM_WEIGHTS_INVALID && error.status == status &&
                  strncmp(error.message, "input: ", 7) == 0 && !strchr(error.message, '\n'));
    tm_shards_free(&shards);
    return 0;
}
