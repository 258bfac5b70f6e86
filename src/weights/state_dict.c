/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/state_dict.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tm_state_free(tm_state_dict *dict)
{
    free(dict->tensors);
    free(dict->slots);
    tm_arena_free(&dict->arena);
    *dict = (tm_state_dict){0};
}

/* ---- lookups ---- */

static size_t hash_name(const char *name)
{
    uint64_t hash = 0xCBF29CE484222325U; /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001B3U;
    return (size_t)(hash ^ hash >> 32);
}

/* Where the name stands, or the empty slot where it would. */
static uint32_t *slot_of(const tm_state_dict *dict, const char *name)
{
    size_t mask = dict->slot_count - 1, i = hash_name(name) & mask;
    while (dict->slots[i] && strcmp(dict->tensors[dict->slots[i] - 1].name, name) != 0)
        i = (i + 1) & mask;
    return &dict->slots[i];
}

static void index_tensor(tm_state_dict *dict, size_t i)
{
    uint32_t *slot = slot_of(dict, dict->tensors[i].name);
    if (!*slot)
        *slot = (uint32_t)i + 1;
}

/* Half of the slots at least stay empty. */
static bool index_tensors(tm_state_dict *dict)
{
    size_t wanted = 256;
    while (wanted < 4 * dict->count)
        wanted *= 2;
    uint32_t *slots = calloc(wanted, sizeof *slots);
    if (!slots) {
        tm_fail(&dict->error, TM_NO_MEMORY, "%s: no memory for its names", dict->file);
        return false;
    }
    free(dict->slots);
    dict->slots = slots;
    dict->slot_count = wanted;
    for (size_t i = 0; i < dict->count; i++)
        index_tensor(dict, i);
    dict->indexed = true;
    return true;
}

tm_tensor_view *tm_state_find(tm_state_dict *dict, const char *name)
{
    if (!dict->indexed && !index_tensors(dict))
        return NULL;
    uint32_t at = *slot_of(dict, name);
    return at ? &dict->tensors[at - 1] : NULL;
}

static const char *vformat(tm_state_dict *dict, const char *format, va_list arguments)
{
    char text[1024];
    int length = vsnprintf(text, sizeof text, format, arguments);
    if (length < 0 || (size_t)length >= sizeof text) {
        tm_state_fail(dict, "a tensor's name of %d bytes, expected fewer than %zu", length,
                      sizeof text);
        return NULL;
    }
    char *copy = tm_arena_strdup(&dict->arena, text);
    if (!copy)
        tm_fail(&dict->error, TM_NO_MEMORY, "%s: no memory for its names", dict->file);
    return copy;
}

tm_tensor_view *tm_state_findf(tm_state_dict *dict, const char *format, ...)
{
    char name[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    return length >= 0 && (size_t)length < sizeof name ? tm_state_find(dict, name) : NULL;
}

void tm_state_fail(tm_state_dict *dict, const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tm_fail(&dict->error, TM_WEIGHTS_MISMATCH, "%s: %s", dict->file, text);
}

/* ---- names ---- */

void tm_state_rename(tm_state_dict *dict, tm_tensor_view *view, const char *format, ...)
{
    if (dict->error.status)
        return;
    va_list arguments;
    va_start(arguments, format);
    const char *name = vformat(dict, format, arguments);
    va_end(arguments);
    if (name)
        view->name = name;
    tm_state_changed(dict);
}

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void replace_in(tm_state_dict *dict, tm_tensor_view *view, const char *from, const char *to)
{
    tm_buffer name = {0};
    const char *p = view->name;
    for (const char *hit; (hit = strstr(p, from)); p = hit + strlen(from)) {
        tm_buffer_add(&name, p, (size_t)(hit - p));
        tm_buffer_puts(&name, to);
    }
    tm_buffer_puts(&name, p);
    if (name.failed)
        tm_fail(&dict->error, TM_NO_MEMORY, "%s: no memory for its names", dict->file);
    else
        tm_state_rename(dict, view, "%s", name.data);
    tm_buffer_free(&name);
}

void tm_state_replace(tm_state_dict *dict, const char *from, const char *to)
{
    for (size_t i = 0; i < dict->count && !dict->error.status; i++)
        if (strstr(dict->tensors[i].name, from))
            replace_in(dict, &dict->tensors[i], from, to);
}

void tm_state_replace_prefix(tm_state_dict *dict, const char *from, const char *to)
{
    for (size_t i = 0; i < dict->count && !dict->error.status; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        if (begins(view->name, from))
            tm_state_rename(dict, view, "%s%s", to, view->name + strlen(from));
    }
}

void tm_state_keep_prefix(tm_state_dict *dict, const char *prefix)
{
    size_t kept = 0;
    for (size_t i = 0; i < dict->count; i++)
        if (begins(dict->tensors[i].name, prefix)) {
            dict->tensors[kept] = dict->tensors[i];
            dict->tensors[kept++].name += strlen(prefix);
        }
    dict->count = kept;
    tm_state_changed(dict);
}

bool tm_state_has_prefix(const tm_state_dict *dict, const char *prefix)
{
    for (size_t i = 0; i < dict->count; i++)
        if (begins(dict->tensors[i].name, prefix))
            return true;
    return false;
}

void tm_state_drop(tm_state_dict *dict, tm_tensor_view *view)
{
    *view = dict->tensors[--dict->count];
    tm_state_changed(dict);
}

void tm_state_drop_prefix(tm_state_dict *dict, const char *prefix)
{
    for (size_t i = dict->count; i-- > 0;)
        if (begins(dict->tensors[i].name, prefix))
            tm_state_drop(dict, &dict->tensors[i]);
}

void tm_state_drop_suffix(tm_state_dict *dict, const char *suffix)
{
    size_t tail = strlen(suffix);
    for (size_t i = dict->count; i-- > 0;) {
        size_t length = strlen(dict->tensors[i].name);
        if (length >= tail && strcmp(dict->tensors[i].name + length - tail, suffix) == 0)
            tm_state_drop(dict, &dict->tensors[i]);
    }
}

static tm_tensor_view *append(tm_state_dict *dict, tm_tensor_view view, const char *name)
{
    if (!name)
        return NULL;
    if (dict->count == dict->capacity) {
        size_t wanted = dict->capacity ? 2 * dict->capacity : 64, bytes;
        void *larger = tm_size_mul(wanted, sizeof *dict->tensors, &bytes)
                           ? realloc(dict->tensors, bytes)
                           : NULL;
        if (!larger) {
            tm_fail(&dict->error, TM_NO_MEMORY, "%s: no memory for %zu tensors", dict->file,
                    wanted);
            return NULL;
        }
        dict->tensors = larger;
        dict->capacity = wanted;
    }
    view.name = name;
    dict->tensors[dict->count++] = view;
    if (dict->indexed && 2 * dict->count <= dict->slot_count)
        index_tensor(dict, dict->count - 1);
    else
        tm_state_changed(dict);
    return &dict->tensors[dict->count - 1];
}

tm_tensor_view *tm_state_add(tm_state_dict *dict, const tm_tensor_view *view, const char *format,
                             ...)
{
    if (dict->error.status)
        return NULL;
    va_list arguments;
    va_start(arguments, format);
    const char *name = vformat(dict, format, arguments);
    va_end(arguments);
    return append(dict, *view, name);
}

/* ---- views ---- */

static bool takes_calls(tm_state_dict *dict, const tm_tensor_view *view, const char *what)
{
    if (!dict->error.status && view->part_count)
        tm_state_fail(dict, "tensor %s: joined of %zu, cannot %s it", view->name, view->part_count,
                      what);
    return !dict->error.status;
}

/* The view's dimensions, each run of them that is one row of elements joined to one, those of
 * size 1 left out. Returns how many. */
static int join_dims(const tm_tensor_view *view, int64_t *shape, int64_t *stride)
{
    int rank = 0;
    for (int i = 0; i < view->rank; i++) {
        if (view->shape[i] == 1)
            continue;
        if (rank && stride[rank - 1] == view->stride[i] * view->shape[i]) {
            shape[rank - 1] *= view->shape[i];
            stride[rank - 1] = view->stride[i];
        } else {
            shape[rank] = view->shape[i];
            stride[rank++] = view->stride[i];
        }
    }
    return rank;
}

void tm_state_reshape(tm_state_dict *dict, tm_tensor_view *view, int rank, const int64_t *shape)
{
    if (!takes_calls(dict, view, "reshape"))
        return;
    int64_t from[TM_TENSOR_RANK_MAX], step[TM_TENSOR_RANK_MAX];
    tm_tensor_view out = *view;
    out.rank = rank;
    memcpy(out.shape, shape, (size_t)rank * sizeof *shape);
    bool fits =
        tm_shape_is_possible(rank, shape) && tm_view_elements(&out) == tm_view_elements(view);
    if (fits && (tm_view_elements(view) == 0 || tm_view_is_contiguous(view))) {
        tm_view_set_contiguous(&out);
        *view = out;
        return;
    }
    /* Backwards: the new dimensions divide one joined dimension after the other. */
    int joined = join_dims(view, from, step) - 1;
    for (int i = rank - 1; i >= 0 && fits; i--) {
        while (joined >= 0 && from[joined] == 1)
            joined--;
        out.stride[i] = joined >= 0 ? step[joined] : 0;
        if (shape[i] == 1)
            continue;
        fits = joined >= 0 && from[joined] % shape[i] == 0;
        if (fits) {
            from[joined] /= shape[i];
            step[joined] *= shape[i];
        }
    }
    if (fits)
        *view = out;
    else
        tm_state_fail(dict, "tensor %s: its shape cannot become the model's", view->name);
}

void tm_state_permute(tm_state_dict *dict, tm_tensor_view *view, const int *order)
{
    if (!takes_calls(dict, view, "transpose"))
        return;
    tm_tensor_view out = *view;
    for (int i = 0; i < view->rank; i++) {
        out.shape[i] = view->shape[order[i]];
        out.stride[i] = view->stride[order[i]];
    }
    *view = out;
}

void tm_state_slice(tm_state_dict *dict, tm_tensor_view *view, int dim, int64_t begin,
                    int64_t count)
{
    if (!takes_calls(dict, view, "cut"))
        return;
    if (dim >= view->rank || begin < 0 || count < 0 || begin > view->shape[dim] - count) {
        tm_state_fail(dict, "tensor %s: too small to cut %lld from dimension %d", view->name,
                      (long long)count, dim);
        return;
    }
    size_t skipped = (size_t)begin * (size_t)view->stride[dim] * tm_dtype_size(view->dtype);
    if (tm_view_elements(view) > 0 && count > 0) {
        tm_view_skip(view, skipped);
        view->bytes -= skipped;
    }
    view->shape[dim] = count;
}

static bool can_follow(const tm_tensor_view *first, const tm_tensor_view *next)
{
    return next->rank > 0 && next->rank == first->rank && next->dtype == first->dtype &&
           memcmp(next->shape + 1, first->shape + 1,
                  (size_t)(first->rank - 1) * sizeof *first->shape) == 0;
}

tm_tensor_view *tm_state_cat(tm_state_dict *dict, const tm_tensor_view *const *views, size_t count,
                             const char *format, ...)
{
    if (dict->error.status)
        return NULL;
    va_list arguments;
    va_start(arguments, format);
    const char *name = vformat(dict, format, arguments);
    va_end(arguments);
    tm_tensor_view *parts = name ? tm_arena_alloc(&dict->arena, count * sizeof *parts) : NULL;
    if (!parts) {
        tm_fail(&dict->error, TM_NO_MEMORY, "%s: no memory for its tensors", dict->file);
        return NULL;
    }
    tm_tensor_view joined = *views[0];
    joined.shape[0] = 0;
    joined.parts = parts;
    joined.part_count = count;
    joined.bytes = 0;
    for (size_t i = 0; i < count; i++) {
        parts[i] = *views[i];
        if (!can_follow(views[0], views[i])) {
            tm_state_fail(dict, "tensor %s: not of one shape and type with %s", views[i]->name,
                          views[0]->name);
            return NULL;
        }
        joined.shape[0] += views[i]->shape[0];
        if (!tm_shape_is_possible(joined.rank, joined.shape)) {
            tm_state_fail(dict, "tensor %s: too large to be joined", views[i]->name);
            return NULL;
        }
    }
    return append(dict, joined, name);
}
