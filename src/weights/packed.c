/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/packed.h"

#include <pthread.h>
#include <stdlib.h>

enum { TIMES = 16, LEAST = 256 << 20 };

struct tm_packed {
    tm_packed *next;
    tm_packed_list *list;
    tm_zip zip; /* what unpacking needs of it */
    tm_zip_entry entry;
    pthread_mutex_t mutex;
    tm_arena arena;
    const unsigned char *_Atomic data; /* NULL: not unpacked */
};

size_t tm_reasonable_bytes(size_t file_size)
{
    size_t bytes;
    if (!tm_size_mul(file_size, TIMES, &bytes))
        return file_size;
    return bytes > LEAST ? bytes : LEAST;
}

tm_packed *tm_packed_add(tm_packed_list *list, const tm_zip *zip, const tm_zip_entry *entry)
{
    tm_packed *packed = calloc(1, sizeof *packed);
    if (!packed)
        return NULL;
    packed->list = list;
    packed->zip = (tm_zip){.file = zip->file, .bytes = zip->bytes, .size = zip->size};
    packed->entry = *entry;
    packed->entry.name = tm_arena_strdup(&packed->arena, entry->name);
    if (!packed->entry.name || pthread_mutex_init(&packed->mutex, NULL) != 0) {
        tm_arena_free(&packed->arena);
        free(packed);
        return NULL;
    }
    packed->next = list->head;
    list->head = packed;
    return packed;
}

void tm_packed_free(tm_packed_list *list)
{
    while (list->head) {
        tm_packed *packed = list->head;
        list->head = packed->next;
        pthread_mutex_destroy(&packed->mutex);
        tm_arena_free(&packed->arena);
        free(packed);
    }
}

static tm_status unpack(tm_packed *packed, tm_error *error)
{
    const tm_zip *zip = &packed->zip;
    const tm_zip_entry *entry = &packed->entry;
    tm_packed_list *list = packed->list;
    const unsigned char *data;
    if (atomic_fetch_add(&list->unpacked, entry->size) + entry->size > list->limit)
        return tm_fail(error, TM_WEIGHTS_INVALID,
                       "%s: zip, offset %zu: found entry %.80s of %zu bytes from %zu, expected the "
                       "tensors of a file of %zu bytes to unpack to at most %zu",
                       zip->file, entry->data, entry->name, entry->size, entry->packed, zip->size,
                       list->limit);
    tm_status status = tm_zip_unpack(zip, entry, &packed->arena, &data, error);
    if (!status)
        status = tm_zip_check(zip, entry, data, error);
    if (!status)
        packed->data = data;
    return status;
}

tm_status tm_packed_require(tm_packed *packed, tm_error *error)
{
    tm_status status = TM_OK;
    if (packed->data)
        return TM_OK;
    pthread_mutex_lock(&packed->mutex);
    if (!packed->data)
        status = unpack(packed, error);
    pthread_mutex_unlock(&packed->mutex);
    return status;
}

const unsigned char *tm_packed_data(const tm_packed *packed)
{
    return packed->data;
}
