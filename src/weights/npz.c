/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy's .npz, in which JAX's checkpoints come: a zip of .npy members. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/npy.h"
#include "weights/zip.h"

enum { LOCAL_BYTES = 30 };

static const char suffix[] = ".npy";
enum { SUFFIX = sizeof suffix - 1 };

typedef struct reader {
    const char *file;
    tm_zip zip;
    const unsigned char **data; /* of each entry; NULL: deflated */
    tm_tensor_index *index;
    tm_error *error;
} reader;

static tm_status refuse(const reader *r, const tm_zip_entry *entry, const char *found,
                        const char *expected)
{
    return tm_fail(r->error, TM_WEIGHTS_INVALID,
                   "%s: zip, offset %zu: found entry %.80s %s, "
                   "expected %s",
                   r->file, entry->begin, entry->name, found, expected);
}

static tm_status no_memory(const reader *r)
{
    return tm_fail(r->error, TM_NO_MEMORY, "%s: no memory for its arrays", r->file);
}

/* Shape and kind, from the header alone: what they need is what the entry holds, before any of it
 * is unpacked. */
static tm_status read_header(reader *r, const tm_zip_entry *entry, tm_npy *npy)
{
    unsigned char *head = malloc(TM_NPY_HEAD);
    char title[200];
    tm_error error = {0};
    if (!head)
        return no_memory(r);
    snprintf(title, sizeof title, "%.100s: %.90s", r->file, entry->name);
    size_t size = tm_zip_peek(&r->zip, entry, head, TM_NPY_HEAD);
    tm_status status = tm_npy_parse_header(title, head, size, entry->size, npy, &error);
    free(head);
    if (status != TM_OK)
        return tm_fail(r->error, TM_WEIGHTS_INVALID, "%s", error.message);
    return TM_OK;
}

static void set_strides(tm_tensor_view *view, bool fortran_order)
{
    tm_view_set_contiguous(view);
    if (!fortran_order || tm_view_elements(view) == 0)
        return;
    int64_t step = 1;
    for (int i = 0; i < view->rank; i++) {
        view->stride[i] = step;
        step *= view->shape[i];
    }
}

static tm_status read_entry(reader *r, const tm_zip_entry *entry)
{
    tm_npy npy;
    tm_tensor_view *view = &r->index->tensors[r->index->count];
    size_t length = strlen(entry->name);
    if (length <= SUFFIX || strcmp(entry->name + length - SUFFIX, suffix) != 0)
        return refuse(r, entry, "", "only arrays, NAME.npy");
    tm_status status = read_header(r, entry, &npy);
    if (status != TM_OK)
        return status;
    char *name = tm_arena_printf(&r->index->buffers, "%.*s", (int)(length - SUFFIX), entry->name);
    if (!name)
        return no_memory(r);
    *view = (tm_tensor_view){.group = "", .name = name, .dtype = npy.dtype, .rank = npy.rank};
    memcpy(view->shape, npy.shape, sizeof view->shape);
    if (entry->deflated)
        view->packed = tm_packed_add(&r->index->packed, &r->zip, entry);
    else
        view->data = r->data[entry - r->zip.entries] = r->zip.bytes + entry->data;
    if (!view->packed && !view->data)
        return no_memory(r);
    tm_view_skip(view, npy.begin);
    view->bytes = entry->size - npy.begin;
    set_strides(view, npy.fortran_order);
    r->index->count++;
    return TM_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const tm_tensor_view *)a)->name, ((const tm_tensor_view *)b)->name);
}

static tm_status read_archive(reader *r)
{
    tm_status status = TM_OK;
    r->index->tensors = malloc(r->zip.count * sizeof *r->index->tensors);
    r->data = calloc(r->zip.count, sizeof *r->data);
    r->index->packed.limit = tm_reasonable_bytes(r->zip.size);
    if (!r->index->tensors || !r->data)
        return no_memory(r);
    for (size_t i = 0; i < r->zip.count && status == TM_OK; i++)
        status = read_entry(r, &r->zip.entries[i]);
    if (status == TM_OK)
        status = tm_zip_check_all(&r->zip, r->data, r->error);
    /* entries come in the order of names with their suffix, which is another */
    if (status == TM_OK)
        qsort(r->index->tensors, r->index->count, sizeof *r->index->tensors, by_name);
    return status;
}

/* A zip whose first entry is an array. */
bool tm_npz_probe(const unsigned char *data, size_t size)
{
    if (size < LOCAL_BYTES || memcmp(data, "PK\3\4", 4) != 0)
        return false;
    size_t length = (size_t)(data[26] | data[27] << 8);
    return length > SUFFIX && length <= size - LOCAL_BYTES &&
           memcmp(data + LOCAL_BYTES + length - SUFFIX, suffix, SUFFIX) == 0;
}

tm_status tm_npz_read(const char *file, const unsigned char *data, size_t size,
                      tm_tensor_index *index, tm_error *error)
{
    tm_error own = {0};
    reader r = {.file = file, .index = index, .error = &own};
    if (tm_zip_open(file, data, size, &r.zip, &own) == TM_OK)
        read_archive(&r);
    free(r.data);
    tm_zip_close(&r.zip);
    return own.status ? tm_fail(error, own.status, "%s", own.message) : TM_OK;
}
