/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/little_endian.h"
#include "base/shards.h"
#include "weights/convert.h"
#include "weights/formats.h"
#include "weights/formula.h"
#include "weights/places.h"
#include "weights/sharded.h"
#include "weights/state_dict.h"

struct tm_weights {
    char *name;
    tm_map map;                /* empty for the formula and for memory that is not ours */
    tm_shard_files shards;     /* what an index of shards names */
    const unsigned char *data; /* the file's bytes */
    size_t size;
    const char *format_name; /* NULL: the formula */
    bool file_backed, formula, ema;
    uint64_t seed;
    double gain;
    tm_tensor_index index; /* the file as it is */
    tm_state_dict state;   /* the tensors a model is looked up in */
};

static tm_status new_weights(const char *name, tm_weights **out, tm_error *error)
{
    tm_weights *weights = calloc(1, sizeof *weights);
    if (weights)
        weights->name = strdup(name);
    if (!weights || !weights->name) {
        free(weights);
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", name);
    }
    *out = weights;
    return TM_OK;
}

/* Of a file's bytes those pages that hold nothing else: a neighbour may be in use. */
static void release_pages(const unsigned char *data, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)data + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)data + size) & ~(page - 1);
    if (begin < end)
        madvise((void *)begin, end - begin, MADV_DONTNEED);
}

tm_status tm_weights_close(tm_weights *weights, tm_status status, tm_error *error)
{
    tm_error changed = {0};
    if (!weights)
        return status;
    tm_state_free(&weights->state);
    tm_tensor_index_free(&weights->index);
    if (weights->file_backed && !weights->map.file) /* it stays mapped */
        release_pages(weights->data, weights->size);
    tm_status verdict = tm_unmap(&weights->map, TM_OK, &changed);
    if (tm_shard_files_close(&weights->shards, verdict, &changed) && !status)
        status = tm_fail(error, TM_WEIGHTS_INVALID, "%s", changed.message);
    free(weights->name);
    free(weights);
    return status;
}

/* ---- the state dict ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const tm_tensor_view *)a)->name, ((const tm_tensor_view *)b)->name);
}

tm_status tm_weights_settle(tm_weights *weights, tm_error *error)
{
    tm_state_dict *state = &weights->state;
    if (!state->error.status)
        tm_state_drop_groups(state);
    if (state->error.status)
        return tm_fail(error, state->error.status, "%s", state->error.message);
    if (state->count > 0)
        qsort(state->tensors, state->count, sizeof *state->tensors, by_name);
    tm_state_changed(state);
    for (size_t i = 1; i < state->count; i++)
        if (by_name(&state->tensors[i - 1], &state->tensors[i]) == 0)
            return tm_fail(error, TM_WEIGHTS_INVALID,
                           "%s: found two tensors that mean %.200s, expected each once",
                           weights->name, state->tensors[i].name);
    return TM_OK;
}

tm_state_dict *tm_weights_state(tm_weights *weights)
{
    return &weights->state;
}

static int by_place(const void *a, const void *b)
{
    const tm_tensor_view *x = a, *y = b;
    int order = strcmp(x->group, y->group);
    return order ? order : strcmp(x->name, y->name);
}

static const tm_tensor_view *find_top(const tm_tensor_index *index, const char *name)
{
    const tm_tensor_view key = {.group = "", .name = name};
    return index->count ? bsearch(&key, index->tensors, index->count, sizeof key, by_place) : NULL;
}

/* safetensors' save_model writes a tensor of several names once, and says in the metadata which of
 * them it stands for. */
static void add_shared(tm_weights *weights)
{
    tm_state_dict *state = &weights->state;
    for (size_t i = 0; i < weights->index.metadata_count; i++) {
        const tm_metadata *m = &weights->index.metadata[i];
        const tm_tensor_view *kept = find_top(&weights->index, m->value);
        if (kept && !find_top(&weights->index, m->key))
            tm_state_add(state, kept, "%s", m->key);
    }
}

/* The file as it is. */
static tm_status fill_state(tm_weights *weights, tm_error *error)
{
    tm_state_dict *state = &weights->state;
    size_t count = weights->index.count;
    tm_state_free(state);
    state->file = weights->name;
    state->tensors = malloc((count + 1) * sizeof *state->tensors);
    if (!state->tensors)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for %zu tensors", weights->name, count);
    if (count > 0)
        memcpy(state->tensors, weights->index.tensors, count * sizeof *state->tensors);
    state->count = state->capacity = count;
    add_shared(weights);
    return TM_OK;
}

static tm_status read_state(tm_weights *weights, bool ema, tm_error *error)
{
    weights->ema = ema;
    tm_status status = weights->index.tensors
                           ? TM_OK
                           : tm_read_tensor_index(weights->name, weights->data, weights->size,
                                                  &weights->index, &weights->format_name, error);
    if (!status)
        status = fill_state(weights, error);
    if (!status)
        tm_state_unwrap(&weights->state, ema);
    return status;
}

tm_status tm_weights_take(tm_weights *weights, const char *key, const char *prefix, tm_error *error)
{
    if (weights->formula)
        return TM_OK;
    tm_status status = fill_state(weights, error);
    return status ? status : tm_state_take(&weights->state, key, prefix, weights->ema, error);
}

tm_status tm_weights_places(const tm_weights *weights, const char *key, size_t least,
                            tm_arena *arena, tm_weights_place **places, size_t *count,
                            tm_error *error)
{
    return tm_index_places(weights->name, &weights->index, key, least, arena, places, count, error);
}

/* ---- sources ---- */

static tm_status finish_open(tm_weights *weights, tm_status status, tm_weights **out,
                             tm_error *error)
{
    if (status != TM_OK)
        return tm_weights_close(weights, status, error);
    *out = weights;
    return TM_OK;
}

tm_status tm_weights_open_file(const char *path, bool ema, tm_weights **out, tm_error *error)
{
    tm_weights *weights;
    tm_status status = new_weights(path, &weights, error);
    if (status != TM_OK)
        return status;
    weights->file_backed = true;
    status = tm_map_file(path, &weights->map, error);
    weights->data = weights->map.data;
    weights->size = weights->map.size;
    if (status == TM_OK && tm_shards_probe(weights->data, weights->size)) {
        status = tm_open_shards(path, weights->data, weights->size, &weights->index,
                                &weights->shards, error);
        weights->format_name = weights->shards.format;
    }
    if (status == TM_OK)
        status = read_state(weights, ema, error);
    return finish_open(weights, status, out, error);
}

tm_status tm_weights_open_memory(const void *bytes, size_t size, const char *name, bool file_backed,
                                 tm_weights **out, tm_error *error)
{
    tm_weights *weights;
    tm_status status = new_weights(name, &weights, error);
    if (status != TM_OK)
        return status;
    weights->file_backed = file_backed;
    weights->data = bytes;
    weights->size = size;
    return finish_open(weights, read_state(weights, true, error), out, error);
}

tm_status tm_weights_open_formula(uint64_t seed, double gain, tm_weights **out, tm_error *error)
{
    char name[64];
    snprintf(name, sizeof name, gain == 1 ? "formula:%llu" : "formula:%llu:%g",
             (unsigned long long)seed, gain);
    tm_weights *weights;
    tm_status status = new_weights(name, &weights, error);
    if (status != TM_OK)
        return status;
    weights->formula = true;
    weights->seed = seed;
    weights->gain = gain;
    *out = weights;
    return TM_OK;
}

bool tm_weights_is_formula(const tm_weights *weights)
{
    return weights->formula;
}

const char *tm_weights_name(const tm_weights *weights)
{
    return weights->name;
}

const char *tm_weights_format(const tm_weights *weights)
{
    return weights->format_name;
}

const unsigned char *tm_weights_bytes(const tm_weights *weights, size_t *size)
{
    *size = weights->size;
    return weights->data;
}

const unsigned char *tm_weights_shard(const tm_weights *weights, size_t shard, const char **path,
                                      size_t *size)
{
    if (shard >= weights->shards.count)
        return NULL;
    const tm_map *map = &weights->shards.files[shard].map;
    *path = tm_map_path(map);
    *size = map->size;
    return map->data;
}

size_t tm_weights_reasonable_bytes(const tm_weights *weights)
{
    size_t size = weights->size;
    for (size_t i = 0; i < weights->shards.count; i++)
        size += weights->shards.files[i].map.size;
    return tm_reasonable_bytes(size);
}

size_t tm_weights_count(const tm_weights *weights)
{
    return weights->state.count;
}

const tm_tensor_view *tm_weights_at(const tm_weights *weights, size_t index)
{
    TM_ASSERT(index < weights->state.count);
    return &weights->state.tensors[index];
}

static int compare_name(const void *name, const void *view)
{
    return strcmp(name, ((const tm_tensor_view *)view)->name);
}

const tm_tensor_view *tm_weights_find(const tm_weights *weights, const char *name)
{
    const tm_state_dict *state = &weights->state;
    if (state->count == 0)
        return NULL;
    return bsearch(name, state->tensors, state->count, sizeof *state->tensors, compare_name);
}

const char *tm_weights_metadata(const tm_weights *weights, const char *key)
{
    for (size_t i = weights->index.metadata_count; i-- > 0;)
        if (strcmp(weights->index.metadata[i].key, key) == 0)
            return weights->index.metadata[i].value;
    return NULL;
}

const char *tm_weights_metadata_key(const tm_weights *weights, size_t index)
{
    return index < weights->index.metadata_count ? weights->index.metadata[index].key : NULL;
}

const char *tm_weights_metadata_value(const tm_weights *weights, size_t index)
{
    return index < weights->index.metadata_count ? weights->index.metadata[index].value : NULL;
}

static tm_status find_of_shape(const tm_weights *weights, const char *name, int rank,
                               const int64_t *shape, const tm_tensor_view **view, tm_error *error)
{
    char found[TM_SHAPE_TEXT], expected[TM_SHAPE_TEXT];
    tm_shape_text(rank, shape, expected);
    *view = tm_weights_find(weights, name);
    if (!*view)
        return tm_fail(error, TM_WEIGHTS_MISMATCH, "%s: tensor %s: not found, expected %s",
                       weights->name, name, expected);
    if (!tm_view_has_shape(*view, rank, shape))
        return tm_fail(error, TM_WEIGHTS_MISMATCH, "%s: tensor %s: found %s, expected %s",
                       weights->name, name, tm_shape_text((*view)->rank, (*view)->shape, found),
                       expected);
    return TM_OK;
}

static size_t element_count(int rank, const int64_t *shape)
{
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        TM_ASSERT(shape[i] >= 0 && tm_size_mul(count, (size_t)shape[i], &count));
    return count;
}

tm_status tm_weights_read_f32_range(const tm_weights *weights, const char *name, int rank,
                                    const int64_t *shape, size_t begin, size_t count, float *out,
                                    tm_error *error)
{
    TM_ASSERT(rank >= 0 && rank <= TM_TENSOR_RANK_MAX);
    size_t elements = element_count(rank, shape);
    TM_ASSERT(begin <= elements && count <= elements - begin);
    if (weights->formula) {
        tm_formula_fill(name, rank, shape, weights->seed, weights->gain, begin, count, out);
        return TM_OK;
    }
    const tm_tensor_view *view;
    tm_status status = find_of_shape(weights, name, rank, shape, &view, error);
    if (status == TM_OK)
        status = tm_view_require(view, error);
    if (status == TM_OK)
        tm_view_read_f32(view, begin, count, out);
    return status;
}

tm_status tm_weights_read_f32(const tm_weights *weights, const char *name, int rank,
                              const int64_t *shape, float *out, tm_error *error)
{
    return tm_weights_read_f32_range(weights, name, rank, shape, 0, element_count(rank, shape), out,
                                     error);
}

const float *tm_weights_f32(const tm_weights *weights, const char *name, int rank,
                            const int64_t *shape, size_t begin)
{
    const tm_tensor_view *view = tm_weights_find(weights, name);
    if (TM_BIG_ENDIAN || !view || view->packed || view->dtype != TM_DTYPE_F32 ||
        !tm_view_has_shape(view, rank, shape) || !tm_view_is_contiguous(view) ||
        (uintptr_t)view->data % _Alignof(float) != 0)
        return NULL;
    return (const float *)(const void *)view->data + begin;
}

static bool lies_within(const tm_tensor_view *view, const unsigned char *data, size_t size)
{
    return view->data >= data && view->bytes <= size && view->data <= data + (size - view->bytes);
}

/* What was unpacked lies elsewhere, and would not come back. */
static bool is_mapped(const tm_weights *weights, const tm_tensor_view *view)
{
    bool mapped = !view->packed && lies_within(view, weights->data, weights->size);
    for (size_t i = 0; i < weights->shards.count && !mapped && !view->packed; i++)
        mapped =
            lies_within(view, weights->shards.files[i].map.data, weights->shards.files[i].map.size);
    return mapped;
}

void tm_weights_release_pages(const tm_weights *weights, const char *name)
{
    const tm_tensor_view *view = tm_weights_find(weights, name);
    if (!view || !weights->file_backed || !tm_view_is_contiguous(view) || !is_mapped(weights, view))
        return;
    release_pages(view->data, view->bytes);
}
