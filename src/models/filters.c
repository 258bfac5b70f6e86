/* SPDX-License-Identifier: Apache-2.0 */
#include "models/filters.h"

#include <stdio.h>
#include <string.h>

#include "base/little_endian.h"

void tm_replace_all(tm_state_dict *dict, const tm_replacement *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tm_state_replace(dict, table[i].from, table[i].to);
}

bool tm_take_groups(tm_state_dict *dict, const char *const *groups, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view view = dict->tensors[i];
        bool wanted = false;
        for (size_t g = 0; g < count; g++)
            wanted = wanted || strcmp(view.group, groups[g]) == 0;
        if (!wanted)
            continue;
        view.group = "";
        dict->tensors[i] = dict->tensors[kept];
        dict->tensors[kept++] = view;
    }
    dict->count = kept ? kept : dict->count;
    tm_state_changed(dict);
    return kept > 0;
}

void tm_drop_containing(tm_state_dict *dict, const char *part)
{
    for (size_t i = dict->count; i-- > 0;)
        if (strstr(dict->tensors[i].name, part))
            tm_state_drop(dict, &dict->tensors[i]);
}

void tm_keep_known(tm_state_dict *dict, const tm_graph *graph)
{
    for (size_t i = dict->count; i-- > 0;)
        if (!tm_find_param(graph, dict->tensors[i].name))
            tm_state_drop(dict, &dict->tensors[i]);
}

void tm_keep_added(tm_state_dict *dict, size_t first)
{
    dict->count -= first;
    memmove(dict->tensors, dict->tensors + first, dict->count * sizeof *dict->tensors);
    tm_state_changed(dict);
}

void tm_add_vector(tm_state_dict *dict, const char *name, int64_t count, bool ones)
{
    static const float zero = 0.0f, one = 1.0f;
    const float *value = ones ? &one : &zero;
    tm_tensor_view view = {.group = "",
                           .dtype = TM_DTYPE_F32,
                           .rank = 1,
                           .shape = {count},
                           .data = (const unsigned char *)value,
                           .bytes = sizeof *value};
    tm_state_add(dict, &view, "%s", name);
}

/* Room for numbers that are computed; NULL after an error. */
static float *new_values(tm_state_dict *dict, size_t count)
{
    float *values =
        dict->error.status ? NULL : tm_arena_alloc(&dict->arena, count * sizeof *values);
    if (!values)
        tm_fail(&dict->error, TM_NO_MEMORY, "%s: no memory for %zu numbers", dict->file, count);
    return values;
}

/* The view becomes these numbers, in its shape. */
static void set_values(tm_tensor_view *view, float *values)
{
    size_t count = tm_view_elements(view);
    tm_f32_to_le(values, values, count);
    view->dtype = TM_DTYPE_F32;
    view->data = (const unsigned char *)values;
    view->bytes = count * sizeof *values;
    view->packed = NULL;
    view->skip = 0;
    view->parts = NULL;
    view->part_count = 0;
    tm_view_set_contiguous(view);
}

/* view + sign * other, whose rows serve again where they are fewer. */
static void combine(tm_state_dict *dict, tm_tensor_view *view, const tm_tensor_view *other,
                    float sign)
{
    size_t n = tm_view_elements(view), m = tm_view_elements(other);
    float *values = new_values(dict, n + m);
    if (!values || tm_view_require(view, &dict->error) || tm_view_require(other, &dict->error))
        return;
    tm_view_read_f32(view, 0, n, values);
    tm_view_read_f32(other, 0, m, values + n);
    for (size_t i = 0; i < n; i++)
        values[i] += sign * values[n + i % m];
    set_values(view, values);
}

void tm_subtract_vector(tm_state_dict *dict, tm_tensor_view *view, const tm_tensor_view *other,
                        int64_t count)
{
    if (!tm_view_has_shape(view, 1, &count) || !tm_view_has_shape(other, 1, &count))
        tm_state_fail(dict, "tensors %s and %s: expected %lld numbers each", view->name,
                      other->name, (long long)count);
    else
        combine(dict, view, other, -1);
}

void tm_add_rows(tm_state_dict *dict, tm_tensor_view *view, const tm_tensor_view *other)
{
    int64_t rows = view->rank == 3 ? view->shape[1] : 0, c = rows ? view->shape[2] : 0;
    if (!rows || !c ||
        (!tm_view_has_shape(other, 3, (int64_t[]){1, rows, c}) &&
         !tm_view_has_shape(other, 3, (int64_t[]){1, 1, c})))
        tm_state_fail(dict, "%s: %s is to be added, which has not as many rows", view->name,
                      other->name);
    else
        combine(dict, view, other, 1);
}

void tm_sum_dimension(tm_state_dict *dict, tm_tensor_view *view, int dim)
{
    size_t before = 1, terms = (size_t)view->shape[dim], after = 1;
    for (int i = 0; i < view->rank; i++)
        *(i < dim ? &before : &after) *= i == dim ? 1 : (size_t)view->shape[i];
    float *sums = new_values(dict, (before + terms) * after);
    if (!sums || tm_view_require(view, &dict->error))
        return;
    float *part = sums + before * after;
    for (size_t i = 0; i < before; i++) {
        tm_view_read_f32(view, i * terms * after, terms * after, part);
        for (size_t k = 0; k < after; k++) {
            double sum = 0;
            for (size_t t = 0; t < terms; t++)
                sum += part[t * after + k];
            sums[i * after + k] = (float)sum;
        }
    }
    view->rank--;
    for (int i = dim; i < view->rank; i++)
        view->shape[i] = view->shape[i + 1];
    set_values(view, sums);
}

void tm_reshape_to_param(tm_state_dict *dict, tm_tensor_view *view, const tm_graph *graph)
{
    const tm_node *param = tm_find_param(graph, view->name);
    int64_t elements = 1;
    for (int i = 0; param && i < param->rank; i++)
        elements *= param->dims[i];
    if (param && tm_view_elements(view) == (size_t)elements)
        tm_state_reshape(dict, view, param->rank, param->dims);
}

void tm_move_downsample(tm_state_dict *dict)
{
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        int stage, end = 0;
        sscanf(view->name, "layers.%4d.downsample.%n", &stage, &end);
        if (end)
            tm_state_rename(dict, view, "layers.%d.downsample.%s", stage + 1, view->name + end);
    }
    tm_state_replace(dict, "head.", "head.fc.");
}

/* ---- arrays of JAX ---- */

/* The array of the layer in question; false: there is none. */
static bool find_array(const tm_jax *jax, const char *from, tm_tensor_view *view)
{
    const tm_tensor_view *found = tm_state_findf(jax->dict, "%s%s", jax->source, from);
    if (!found || (jax->layer >= 0 && found->rank < 1))
        return false;
    *view = *found;
    if (jax->layer >= 0) {
        tm_state_slice(jax->dict, view, 0, jax->layer, 1);
        tm_state_reshape(jax->dict, view, found->rank - 1, found->shape + 1);
    }
    return true;
}

static void to_torch(tm_state_dict *dict, tm_tensor_view *view)
{
    static const int orders[][4] = {[2] = {1, 0}, [3] = {2, 0, 1}, [4] = {3, 2, 0, 1}};
    if (view->rank == 4 && view->shape[0] == 1 && view->shape[1] == 1 && view->shape[2] == 1)
        tm_state_reshape(dict, view, 1, view->shape + 3);
    else if (view->rank >= 2 && view->rank <= 4)
        tm_state_permute(dict, view, orders[view->rank]);
}

static void arrange(tm_state_dict *dict, tm_tensor_view *view, tm_jax_layout layout)
{
    int rank = view->rank, heads = layout == TM_JAX_HEADS_IN ? 1 : 0;
    int64_t *shape = view->shape, joined = rank > heads + 1 ? shape[heads] * shape[heads + 1] : 0;
    bool as_expected = rank == (layout == TM_JAX_FLAT ? 2 : 3);
    if (layout == TM_JAX_WEIGHT) {
        to_torch(dict, view);
    } else if (layout == TM_JAX_SAME) {
        return;
    } else if (!as_expected) {
        tm_state_fail(dict, "tensor %s: of rank %d, expected an array of heads", view->name, rank);
    } else if (layout == TM_JAX_HEADS_IN) {
        tm_state_permute(dict, view, (int[]){1, 2, 0});
        tm_state_reshape(dict, view, 2, (int64_t[]){joined, shape[2]});
    } else if (layout == TM_JAX_HEADS_OUT) {
        tm_state_permute(dict, view, (int[]){2, 0, 1});
        tm_state_reshape(dict, view, 2, (int64_t[]){shape[0], joined});
    } else {
        tm_state_reshape(dict, view, 1, &joined);
    }
}

void tm_jax_take(const tm_jax *jax, const char *from, const char *to, tm_jax_layout layout)
{
    char name[256];
    tm_tensor_view view;
    snprintf(name, sizeof name, "%s%s", jax->target, to);
    if (!tm_find_param(jax->graph, name) || !find_array(jax, from, &view))
        return;
    arrange(jax->dict, &view, layout);
    tm_state_add(jax->dict, &view, "%s", name);
}

static void take_pair(const tm_jax *jax, const char *from, const char *weight, const char *bias,
                      const char *to, tm_jax_layout layout)
{
    char source[128], target[128];
    snprintf(source, sizeof source, "%s/%s", from, weight);
    snprintf(target, sizeof target, "%s.weight", to);
    tm_jax_take(jax, source, target, layout);
    snprintf(source, sizeof source, "%s/%s", from, bias);
    snprintf(target, sizeof target, "%s.bias", to);
    tm_jax_take(jax, source, target, TM_JAX_WEIGHT);
}

void tm_jax_dense(const tm_jax *jax, const char *from, const char *to)
{
    take_pair(jax, from, "kernel", "bias", to, TM_JAX_WEIGHT);
}

void tm_jax_norm(const tm_jax *jax, const char *from, const char *to)
{
    take_pair(jax, from, "scale", "bias", to, TM_JAX_WEIGHT);
}

void tm_jax_group_norm(const tm_jax *jax, const char *from, const char *to)
{
    take_pair(jax, from, "gamma", "beta", to, TM_JAX_WEIGHT);
}

void tm_jax_head(const tm_jax *jax, const char *from, const char *to)
{
    char name[128];
    snprintf(name, sizeof name, "%s.bias", to);
    const tm_node *param = tm_find_param(jax->graph, name);
    const tm_tensor_view *bias = tm_state_findf(jax->dict, "%s%s/bias", jax->source, from);
    if (param && bias && bias->rank == 1 && bias->shape[0] == param->dims[0])
        tm_jax_dense(jax, from, to);
}

void tm_jax_heads_out(const tm_jax *jax, const char *from, const char *to)
{
    char source[128];
    snprintf(source, sizeof source, "%s/out", from);
    take_pair(jax, source, "kernel", "bias", to, TM_JAX_HEADS_OUT);
}

static void join_heads(const tm_jax *jax, const char *from, const char *const *parts, size_t count,
                       const char *kind, const char *to, tm_jax_layout layout)
{
    tm_tensor_view views[3];
    const tm_tensor_view *list[3];
    char name[256];
    if (!tm_find_param(jax->graph, to))
        return;
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s/%s/%s", from, parts[i], kind);
        if (!find_array(jax, name, &views[i]))
            return;
        arrange(jax->dict, &views[i], layout);
        list[i] = &views[i];
    }
    tm_state_cat(jax->dict, list, count, "%s", to);
}

void tm_jax_heads(const tm_jax *jax, const char *from, const char *const *parts, size_t count,
                  const char *to)
{
    char target[256];
    TM_ASSERT(count <= 3);
    snprintf(target, sizeof target, "%s%s.weight", jax->target, to);
    join_heads(jax, from, parts, count, "kernel", target, TM_JAX_HEADS_IN);
    snprintf(target, sizeof target, "%s%s.bias", jax->target, to);
    join_heads(jax, from, parts, count, "bias", target, TM_JAX_FLAT);
}
