/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PyTorch since 1.6: a zip of ROOT/data.pkl, ROOT/version, ROOT/byteorder and ROOT/data/KEY for
 * each storage, stored and not compressed, so that tensors are used where they lie.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/pickle.h"
#include "weights/zip.h"

enum {
    LOCAL_BYTES = 30,
    VERSION_MAX = 10,
    NAME_ROOM = 512,
    PICKLE_TIMES = 64,
    PICKLE_LEAST = 1 << 20,
};

typedef struct reader {
    const char *file;
    tm_zip zip;
    int root_length; /* of zip.first, without the '/' */
    /* of each storage's entry that a tensor needs, stored or deflated; else NULL */
    const unsigned char **data;
    tm_packed **packed;
    tm_tensor_index *index;
    tm_arena buffers; /* of what is used at once */
    tm_error *error;
} reader;

static tm_status refuse(const reader *r, const char *found, const char *expected)
{
    return tm_fail(r->error, TM_WEIGHTS_INVALID, "%s: torch zip, offset 0: found %s, expected %s",
                   r->file, found, expected);
}

/* ROOT/NAME; NULL: not there, or no such name can be. */
static const tm_zip_entry *find(const reader *r, const char *name, size_t length)
{
    char path[NAME_ROOM];
    if (length >= sizeof path || (size_t)r->root_length + length + 2 > sizeof path ||
        memchr(name, '\0', length))
        return NULL;
    snprintf(path, sizeof path, "%.*s/%.*s", r->root_length, r->zip.first, (int)length, name);
    return tm_zip_find(&r->zip, path);
}

static bool has_folder(const reader *r, const char *name)
{
    char path[NAME_ROOM];
    int length = snprintf(path, sizeof path, "%.*s/%s/", r->root_length, r->zip.first, name);
    for (size_t i = 0; i < r->zip.count; i++)
        if (strncmp(r->zip.entries[i].name, path, (size_t)length) == 0)
            return true;
    return false;
}

/* An entry's bytes, for immediate use. */
static tm_status read_entry(reader *r, const tm_zip_entry *entry, const unsigned char **data)
{
    tm_status status = tm_zip_unpack(&r->zip, entry, &r->buffers, data, r->error);
    return status == TM_OK ? tm_zip_check(&r->zip, entry, *data, r->error) : status;
}

static tm_status read_storage(void *context, const tm_pickle_storage *storage, tm_tensor_view *view)
{
    reader *r = context;
    char name[NAME_ROOM], found[NAME_ROOM + 64], expected[48];
    int length = snprintf(name, sizeof name, "data/%.*s",
                          (int)(storage->key_length < 400 ? storage->key_length : 400),
                          (const char *)storage->key);
    const tm_zip_entry *entry = storage->key_length < 400 ? find(r, name, (size_t)length) : NULL;
    if (!entry) {
        snprintf(found, sizeof found, "no entry for the storage %.80s", name);
        return refuse(r, found, "one for each storage of data.pkl");
    }
    if (entry->size != storage->bytes) {
        snprintf(found, sizeof found, "%zu bytes for the storage %.80s", entry->size, name);
        snprintf(expected, sizeof expected, "%zu, as data.pkl says", storage->bytes);
        return refuse(r, found, expected);
    }
    size_t i = (size_t)(entry - r->zip.entries);
    if (!entry->deflated)
        r->data[i] = r->zip.bytes + entry->data;
    else if (!r->packed[i])
        r->packed[i] = tm_packed_add(&r->index->packed, &r->zip, entry);
    view->data = r->data[i];
    view->packed = r->packed[i];
    return view->data || view->packed
               ? TM_OK
               : tm_fail(r->error, TM_NO_MEMORY, "%s: no memory for its entries", r->file);
}

/* An entry of a few bytes as text; "" where it is missing. */
static tm_status read_word(reader *r, const char *name, char word[16])
{
    const tm_zip_entry *entry = find(r, name, strlen(name));
    const unsigned char *data;
    *word = '\0';
    if (!entry)
        return TM_OK;
    if (entry->size >= 16)
        return refuse(r, "a long version or byteorder", "a word");
    tm_status status = read_entry(r, entry, &data);
    if (status == TM_OK)
        snprintf(word, 16, "%.*s", (int)entry->size, (const char *)data);
    return status;
}

static tm_status check_version(reader *r)
{
    char word[16], found[64], *end;
    tm_status status = read_word(r, "version", word);
    if (status == TM_OK && !*word)
        status = read_word(r, ".data/version", word);
    if (status != TM_OK)
        return status;
    if (!*word)
        return refuse(r, "no version", "a file of torch.save");
    long version = strtol(word, &end, 10);
    if (*word < '0' || *word > '9' || (*end && strcmp(end, "\n") != 0) || version < 1 ||
        version > VERSION_MAX) {
        snprintf(found, sizeof found, "version '%s'", word);
        return refuse(r, found, "1 to 10");
    }
    status = read_word(r, "byteorder", word);
    if (status != TM_OK || !*word || strcmp(word, "little") == 0)
        return status;
    snprintf(found, sizeof found, "byteorder '%s'", word);
    return refuse(r, found, "little");
}

/* Names and sizes shrink to a tenth, hardly to less. */
static tm_status check_pickle(const reader *r, const tm_zip_entry *entry)
{
    char found[80];
    if (entry->size > TM_PICKLE_BYTES_MAX)
        return refuse(r, "a data.pkl of more than 64 MB", "a smaller one");
    if (entry->size <= PICKLE_LEAST || entry->size / PICKLE_TIMES <= entry->packed)
        return TM_OK;
    snprintf(found, sizeof found, "a data.pkl of %zu bytes from %zu", entry->size, entry->packed);
    return refuse(r, found, "at most 64 from each");
}

static tm_status read_pickle(reader *r, const tm_zip_entry *entry)
{
    tm_arena objects = {0};
    tm_pickle_source source = {.file = r->file,
                               .title = "data.pkl",
                               .size = entry->size,
                               .arena = &objects,
                               .error = r->error};
    tm_pickle pickle;
    size_t at = 0;
    tm_status status = check_pickle(r, entry);
    if (status == TM_OK)
        status = read_entry(r, entry, &source.bytes);
    if (status == TM_OK)
        status = tm_pickle_load(&source, &at, &pickle);
    if (status == TM_OK)
        status = tm_pickle_tensors(&source, &pickle, read_storage, r, r->index);
    tm_arena_free(&objects);
    return status == TM_OK ? tm_zip_check_all(&r->zip, r->data, r->error) : status;
}

static tm_status read_archive(reader *r)
{
    const char *slash = strchr(r->zip.first, '/');
    size_t length = slash ? (size_t)(slash - r->zip.first) : 0;
    if (length == 0 || length > 255)
        return refuse(r, "entries without a folder", "a file of torch.save");
    r->root_length = (int)length;
    const tm_zip_entry *entry = find(r, "data.pkl", 8);
    if (find(r, "constants.pkl", 13) || has_folder(r, "code"))
        return refuse(r, "a TorchScript archive",
                      "a state dict; timmc never runs code from a checkpoint");
    if (!entry)
        return refuse(r, "a zip without data.pkl", "a file of torch.save");
    tm_status status = check_version(r);
    return status == TM_OK ? read_pickle(r, entry) : status;
}

/* The name of the first entry, where the file starts with one. */
static bool first_name(const unsigned char *data, size_t size, const unsigned char **name,
                       size_t *length)
{
    if (size < LOCAL_BYTES || memcmp(data, "PK\3\4", 4) != 0)
        return false;
    *name = data + LOCAL_BYTES;
    *length = (size_t)(data[26] | data[27] << 8);
    return *length <= size - LOCAL_BYTES;
}

/* Any zip but those of NumPy, which npz.c knows by their first name. */
bool tm_torch_zip_probe(const unsigned char *data, size_t size)
{
    const unsigned char *name;
    size_t length;
    if (size < 4 || memcmp(data, "PK\3\4", 4) != 0)
        return false;
    return !first_name(data, size, &name, &length) || length < 4 ||
           memcmp(name + length - 4, ".npy", 4) != 0;
}

tm_status tm_torch_zip_read(const char *file, const unsigned char *data, size_t size,
                            tm_tensor_index *index, tm_error *error)
{
    tm_error own = {0};
    reader r = {.file = file, .index = index, .error = &own};
    index->packed.limit = tm_reasonable_bytes(size);
    if (tm_zip_open(file, data, size, &r.zip, &own) == TM_OK) {
        r.data = calloc(r.zip.count, sizeof *r.data);
        r.packed = calloc(r.zip.count, sizeof *r.packed);
        if (r.data && r.packed)
            read_archive(&r);
        else
            tm_fail(&own, TM_NO_MEMORY, "%s: no memory for its entries", file);
    }
    free(r.data);
    free(r.packed);
    tm_arena_free(&r.buffers);
    tm_zip_close(&r.zip);
    return own.status ? tm_fail(error, own.status, "%s", own.message) : TM_OK;
}
