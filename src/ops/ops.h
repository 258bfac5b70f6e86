/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators (graph/op.h) and their attributes, as passes see them.
 *
 * An operator's file holds its builder functions (declared in nn.h), its shape rule, its cost and
 * its lowering to kernels.
 */
#ifndef TM_OPS_OPS_H
#define TM_OPS_OPS_H

#include "graph/attrs.h"
#include "graph/constant.h"
#include "graph/op.h"
#include "kernels/kernels.h"
#include "ops/nn.h"

#define OP(name) extern const tm_op tm_op_##name;
#include "ops/ops.def"
#undef OP

/* ---- attributes that passes read and write ---- */

/* How a parameter is brought to the model's shape when a checkpoint has another. */
typedef enum tm_fit {
    TM_FIT_EXACT, /* not at all */
    TM_FIT_GRID,  /* position embedding [1, prefix + grid_h * grid_w, c] */
    TM_FIT_PATCH, /* patch embedding [o, i, h, w] */
    TM_FIT_FLAT,  /* the same as a linear layer [o, h * w * i]: of [o, h, w, i] */
    TM_FIT_DISTANCES, /* biases [heads, grid_h * grid_w] */
    TM_FIT_LINE,      /* table [rows, c], linear between rows */
    TM_FIT_WINDOW /* table [(2 * grid_h - 1) * (2 * grid_w - 1) + prefix, heads] of relative
                     positions, behind which `prefix` rows stay; or [heads, 2 * grid_h - 1,
                     2 * grid_w - 1] */
} tm_fit;

/* A tensor of the state dict. */
typedef struct tm_param_attrs {
    bool trained; /* timm counts it as a parameter, not as a buffer */
    bool unused;  /* no computation reads it */
    tm_fit fit;
    int prefix, grid_h, grid_w;
    tm_resampling resampling;
} tm_param_attrs;

/* inputs: x, then weight, bias, mean, var as present */
typedef struct tm_norm_attrs {
    tm_norm_kind kind;
    float eps;
    int groups;
    bool weight, bias;
} tm_norm_attrs;

/* inputs: q, k, v, and [bias], [mask], or down, across; [kept, placed] */
typedef struct tm_attend_attrs {
    int heads;
    float scale;
    bool bias, mask; /* bias [heads][queries][keys], mask [rows][queries][keys]; divided by the
                        scale */
    bool places;     /* down and across */
    bool mixed;      /* kept and placed */
} tm_attend_attrs;

typedef struct tm_binary_attrs {
    tm_binary_kind kind;
} tm_binary_attrs;

typedef struct tm_affine_attrs {
    float mul, add;
} tm_affine_attrs;

typedef struct tm_slice_attrs {
    int begin;
} tm_slice_attrs;

typedef struct tm_reduce_attrs {
    tm_reduce_kind kind;
} tm_reduce_attrs;

/* ---- helpers for operator files and passes ---- */

/* An activation node of the given shape. */
tm_node *tm_activation(tm_builder *b, const tm_op *op, const char *name, const void *attrs,
                       size_t attrs_size, int input_count, tm_node *const *inputs, tm_shape shape);
/* A constant node; dims of the result. */
tm_node *tm_constant(tm_builder *b, const tm_op *op, const char *name, const void *attrs,
                     size_t attrs_size, int input_count, tm_node *const *inputs, int rank,
                     const int64_t *dims);
/* x in numbers of another type. */
tm_node *tm_convert(tm_builder *b, tm_node *x, tm_dtype type);
/* How much query `query` of an attend node, of one row and without places and mask, takes of each
 * of its keys: the mean of what its heads say, 1 x 1 x keys. The scores are computed once more, for
 * a node has its result alone. */
tm_node *tm_attention_of(tm_builder *b, const tm_node *attend, int query);
/* Batch norm folded into the convolution before it: weight * s and (bias - mean) * s + beta with
 * s = gamma / sqrt(var + eps). norm: the batch-norm node; bias may be NULL. */
tm_node *tm_const_fold_weight(tm_builder *b, tm_node *weight, const tm_node *norm);
tm_node *tm_const_fold_bias(tm_builder *b, tm_node *bias, const tm_node *norm);
/* Weight [O, I, kh, kw] of a convolution on pictures of `base` channels, for pictures of `channels`
 * times I / base: summed or repeated as timm's adapt_input_conv. */
tm_node *tm_const_adapt_channels(tm_builder *b, tm_node *weight, int64_t base, int64_t channels);
/* Weight [o, i, h, w] of a patch embedding on patches of another size, so that it answers to a
 * resampled patch what it answered to the patch itself: timm's resample_patch_embed. */
tm_node *tm_const_resample_patch(tm_builder *b, tm_node *weight, const int64_t to[2],
                                 tm_resampling how);
/* Table [(2 * from[0] - 1) * (2 * from[1] - 1), heads] of relative positions in a window of another
 * size: timm's resize_rel_pos_bias_table. */
tm_node *tm_const_resample_window(tm_builder *b, tm_node *table, const int from[2],
                                  const int to[2]);

#endif
