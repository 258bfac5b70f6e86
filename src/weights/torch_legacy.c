/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PyTorch before 1.6: five pickles (magic number, protocol, the writer's system, the checkpoint,
 * the list of storage keys), then for each key the number of elements in 8 bytes and the elements.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/little_endian.h"
#include "weights/pickle.h"

enum { PROTOCOL = 1001, COUNT_BYTES = 8, MAGIC_BYTES = 10 };

/* 0x1950a86a20f9469cfc6c */
static const unsigned char magic[MAGIC_BYTES] = {0x6C, 0xFC, 0x9C, 0x46, 0xF9,
                                                 0x20, 0x6A, 0xA8, 0x50, 0x19};

typedef struct stored {
    const tm_pickle_storage *storage;
    const unsigned char *data; /* NULL until the list of keys names it */
} stored;

typedef struct reader {
    tm_pickle_source source;
    size_t at;
    tm_arena objects;
    stored *storages; /* by key, each once */
    size_t count;
} reader;

static tm_status refuse(const reader *r, size_t at, const char *found, const char *expected)
{
    return tm_fail(r->source.error, TM_WEIGHTS_INVALID,
                   "%s: torch file, offset %zu: found %s, expected %s", r->source.file, at, found,
                   expected);
}

static tm_status refuse_key(const reader *r, size_t at, const char *before,
                            const tm_pickle_storage *storage, const char *behind,
                            const char *expected)
{
    char found[240];
    snprintf(found, sizeof found, "%s storage %.*s %s", before,
             (int)(storage->key_length < 80 ? storage->key_length : 80), (const char *)storage->key,
             behind);
    return refuse(r, at, found, expected);
}

/* ---- the pickles before the checkpoint ---- */

static tm_status load(reader *r, tm_pickle *pickle)
{
    return tm_pickle_load(&r->source, &r->at, pickle);
}

static tm_status read_magic(reader *r)
{
    tm_pickle pickle;
    size_t at = r->at;
    tm_status status = load(r, &pickle);
    if (status != TM_OK)
        return status;
    if (pickle.root.kind != TM_PICKLE_LONG || pickle.root.length != MAGIC_BYTES ||
        memcmp(pickle.root.text, magic, MAGIC_BYTES) != 0)
        return refuse(r, at, "a pickle without torch's magic number", "a file of torch.save");
    at = r->at;
    status = load(r, &pickle);
    if (status == TM_OK && (pickle.root.kind != TM_PICKLE_INT || pickle.root.integer != PROTOCOL))
        return refuse(r, at, "another protocol", "1001");
    return status;
}

static tm_status read_system(reader *r)
{
    tm_pickle pickle;
    size_t at = r->at;
    tm_status status = load(r, &pickle);
    if (status != TM_OK)
        return status;
    if (pickle.root.kind != TM_PICKLE_DICT)
        return refuse(r, at, "another value", "a dict about the writer's system");
    const tm_pickle_object *dict = pickle.root.object;
    for (size_t i = 0; i + 1 < dict->count; i += 2)
        if (tm_pickle_is_text(&dict->items[i], "little_endian") &&
            (dict->items[i + 1].kind != TM_PICKLE_BOOL || !dict->items[i + 1].integer))
            return refuse(r, at, "another byte order", "little_endian True");
    return TM_OK;
}

/* ---- storages ---- */

static int compare_keys(const tm_pickle_storage *x, const tm_pickle_storage *y)
{
    if (x->key_length != y->key_length)
        return x->key_length < y->key_length ? -1 : 1;
    return x->key_length ? memcmp(x->key, y->key, x->key_length) : 0;
}

static int by_key(const void *a, const void *b)
{
    return compare_keys(((const stored *)a)->storage, ((const stored *)b)->storage);
}

static stored *find(const reader *r, const tm_pickle_storage *storage)
{
    stored key = {.storage = storage};
    return r->count ? bsearch(&key, r->storages, r->count, sizeof key, by_key) : NULL;
}

/* The storages that the checkpoint mentions, each once. */
static tm_status list_storages(reader *r, const tm_pickle *pickle)
{
    r->storages = malloc((pickle->storage_count + 1) * sizeof *r->storages);
    if (!r->storages)
        return tm_fail(r->source.error, TM_NO_MEMORY, "%s: no memory for its storages",
                       r->source.file);
    for (const tm_pickle_storage *s = pickle->storages; s; s = s->next)
        r->storages[r->count++] = (stored){.storage = s};
    if (r->count)
        qsort(r->storages, r->count, sizeof *r->storages, by_key);
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        const tm_pickle_storage *s = r->storages[i].storage;
        const tm_pickle_storage *last = kept ? r->storages[kept - 1].storage : NULL;
        if (!last || compare_keys(last, s) != 0)
            r->storages[kept++].storage = s;
        else if (last->bytes != s->bytes || last->dtype->size != s->dtype->size)
            return refuse_key(r, 0, "the", s, "of two sizes", "one");
    }
    r->count = kept;
    return TM_OK;
}

/* The number of elements and the elements of the next storage. */
static tm_status place_storage(reader *r, const tm_pickle_value *key)
{
    const tm_pickle_source *source = &r->source;
    tm_pickle_storage named = {.key = key->text, .key_length = key->length};
    stored *s = key->kind == TM_PICKLE_TEXT ? find(r, &named) : NULL;
    size_t bytes;
    if (!s)
        return refuse(r, r->at, "a storage that no tensor has", "those of the checkpoint");
    if (s->data)
        return refuse_key(r, r->at, "the", s->storage, "twice", "each once");
    if (source->size - r->at < COUNT_BYTES)
        return refuse_key(r, r->at, "the end before", s->storage, "", "it");
    if (!tm_size_mul(tm_load_le64(source->bytes + r->at), s->storage->dtype->size, &bytes) ||
        bytes != s->storage->bytes)
        return refuse_key(r, r->at, "another length of", s->storage, "", "that of the checkpoint");
    if (bytes > source->size - r->at - COUNT_BYTES)
        return refuse_key(r, r->at, "the end in", s->storage, "", "all of it");
    s->data = source->bytes + r->at + COUNT_BYTES;
    r->at += COUNT_BYTES + bytes;
    return TM_OK;
}

static tm_status place_storages(reader *r)
{
    tm_pickle pickle;
    size_t at = r->at;
    tm_status status = load(r, &pickle);
    if (status != TM_OK)
        return status;
    if (pickle.root.kind != TM_PICKLE_LIST)
        return refuse(r, at, "another value", "the list of storages");
    for (size_t i = 0; i < pickle.root.object->count && status == TM_OK; i++)
        status = place_storage(r, &pickle.root.object->items[i]);
    return status;
}

static tm_status read_storage(void *context, const tm_pickle_storage *storage, tm_tensor_view *view)
{
    const reader *r = context;
    const stored *s = find(r, storage);
    if (!s || !s->data)
        return refuse_key(r, r->at, "no", storage, "behind the checkpoint", "all of them");
    view->data = s->data;
    return TM_OK;
}

/* ---- the file ---- */

static tm_status read_file(reader *r, tm_tensor_index *index)
{
    tm_pickle checkpoint;
    tm_status status = read_magic(r);
    if (status == TM_OK)
        status = read_system(r);
    if (status == TM_OK)
        status = load(r, &checkpoint);
    if (status == TM_OK)
        status = list_storages(r, &checkpoint);
    if (status == TM_OK)
        status = place_storages(r);
    if (status == TM_OK)
        status = tm_pickle_tensors(&r->source, &checkpoint, read_storage, r, index);
    return status;
}

/* Any pickle of a protocol with a mark for itself. */
bool tm_torch_legacy_probe(const unsigned char *data, size_t size)
{
    return size >= 2 && data[0] == 0x80 && data[1] >= 2 && data[1] <= 5;
}

tm_status tm_torch_legacy_read(const char *file, const unsigned char *data, size_t size,
                               tm_tensor_index *index, tm_error *error)
{
    tm_error own = {0};
    reader r = {
        .source = {.file = file, .title = "pickle", .bytes = data, .size = size, .error = &own}};
    r.source.arena = &r.objects;
    read_file(&r, index);
    free(r.storages);
    tm_arena_free(&r.objects);
    return own.status ? tm_fail(error, own.status, "%s", own.message) : TM_OK;
}
