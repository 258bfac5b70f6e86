/* SPDX-License-Identifier: Apache-2.0 */
/* What filters of checkpoints (tm_family) share. */
#ifndef TM_MODELS_FILTERS_H
#define TM_MODELS_FILTERS_H

#include "graph/graph.h"
#include "weights/state_dict.h"

typedef struct tm_replacement {
    const char *from, *to;
} tm_replacement;

/* One after the other, each in every name (tm_state_replace). */
void tm_replace_all(tm_state_dict *dict, const tm_replacement *table, size_t count);

/* Only tensors of these groups stay, and stand at the top; false: there are none, nothing changed.
 */
bool tm_take_groups(tm_state_dict *dict, const char *const *groups, size_t count);

void tm_drop_containing(tm_state_dict *dict, const char *part);
/* Only tensors that the model has: where timm loads without `strict`. */
void tm_keep_known(tm_state_dict *dict, const tm_graph *graph);
/* Only tensors [first, count): what a filter added. */
void tm_keep_added(tm_state_dict *dict, size_t first);

/* A vector of `count` zeros or ones. */
void tm_add_vector(tm_state_dict *dict, const char *name, int64_t count, bool ones);
/* These compute, in float32, what views cannot tell. view minus `other`, both vectors of `count`.
 */
void tm_subtract_vector(tm_state_dict *dict, tm_tensor_view *view, const tm_tensor_view *other,
                        int64_t count);
/* view + other, [n, rows, c] and [1, rows, c] or [1, 1, c]. */
void tm_add_rows(tm_state_dict *dict, tm_tensor_view *view, const tm_tensor_view *other);
/* The sum along a dimension, which is then gone; added up in double. */
void tm_sum_dimension(tm_state_dict *dict, tm_tensor_view *view, int dim);
/* The view in the shape of the model's parameter of that name; as it is where there is no such
 * parameter, or one of another size. */
void tm_reshape_to_param(tm_state_dict *dict, tm_tensor_view *view, const tm_graph *graph);

/* Microsoft's checkpoints of Swin shrink the map at the end of a stage, timm does at the next one's
 * start; its classifier is head.fc. */
void tm_move_downsample(tm_state_dict *dict);

/* ---- arrays of JAX: channels last, inputs before outputs ---- */

typedef struct tm_jax {
    tm_state_dict *dict;
    const tm_graph *graph;
    char source[128], target[64]; /* what the names begin with */
    int layer;                    /* of arrays that hold all layers; -1: they do not */
} tm_jax;

typedef enum tm_jax_layout {
    TM_JAX_SAME,
    TM_JAX_WEIGHT,    /* [..., in, out] -> [out, in, ...]; [1, 1, 1, n] -> [n] */
    TM_JAX_HEADS_IN,  /* [in, heads, d] -> [heads * d, in] */
    TM_JAX_HEADS_OUT, /* [heads, d, out] -> [out, heads * d] */
    TM_JAX_FLAT       /* [heads, d] -> [heads * d] */
} tm_jax_layout;

/* Adds source + from as target + to; nothing where the file or the model has no such tensor. */
void tm_jax_take(const tm_jax *jax, const char *from, const char *to, tm_jax_layout layout);
/* from/kernel and from/bias; from/scale and from/bias; from/gamma and from/beta */
void tm_jax_dense(const tm_jax *jax, const char *from, const char *to);
void tm_jax_norm(const tm_jax *jax, const char *from, const char *to);
void tm_jax_group_norm(const tm_jax *jax, const char *from, const char *to);
/* The classifier, a dense layer, only where it has the model's classes. */
void tm_jax_head(const tm_jax *jax, const char *from, const char *to);
/* Kernels and biases of attention, joined: from/query, from/key, ... */
void tm_jax_heads(const tm_jax *jax, const char *from, const char *const *parts, size_t count,
                  const char *to);
/* from/out */
void tm_jax_heads_out(const tm_jax *jax, const char *from, const char *to);

#endif
