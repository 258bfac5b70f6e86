/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vocabulary of model files: layers and operators on a builder.
 *
 * A layer makes its parameters (named scope.NAME.weight, ...) in the order and shape of timm's
 * state dict, adds its operators and returns the output, whose shape is known at once. Errors are
 * sticky in the builder, so model code checks nothing. Zero in an attribute means its default.
 */
#ifndef TM_OPS_NN_H
#define TM_OPS_NN_H

#include "graph/graph.h"
#include "kernels/activation.h"

/* plugins call these */
#pragma GCC visibility push(default)

/* ---- parameters and constants ---- */

/* A parameter or buffer of the state dict; the same name twice is the same node. name is relative
 * to the scope. */
tm_node *tm_param(tm_builder *b, const char *name, int rank, const int64_t *dims);
/* A parameter that is a buffer in torch's terms: part of the state dict, not of the count. */
tm_node *tm_buffer_param(tm_builder *b, const char *name, int rank, const int64_t *dims);
/* A position embedding [1, prefix + h * w, c]: checkpoints of another grid are resampled. */
tm_node *tm_pos_embed(tm_builder *b, const char *name, int prefix, int h, int w, int c);
/* The weight of a patch embedding, and a table [(2 * h - 1) * (2 * w - 1), heads] of relative
 * positions: likewise. */
tm_node *tm_patch_weight(tm_builder *b, const char *name, int out, int in, int patch);
tm_node *tm_window_table(tm_builder *b, const char *name, int h, int w, int heads);
/* The same with three more rows, which stay as they are: of a class token. */
tm_node *tm_window_token_table(tm_builder *b, const char *name, int h, int w, int heads);
/* Biases [heads, side * side] of the distances within a square: likewise. */
tm_node *tm_distance_biases(tm_builder *b, const char *name, int heads, int side);
/* A table [rows, c] of relative positions along one side: likewise. */
tm_node *tm_line_table(tm_builder *b, const char *name, int rows, int c);
/* The weight of a patch embedding as a linear layer on the values of a patch, channels innermost:
 * [out, patch * patch * in]; a filter leaves a convolution's as [out, patch, patch, in]. */
tm_node *tm_patch_linear_weight(tm_builder *b, const char *name, int out, int in, int patch);
/* The same as tm_window_table, stored [heads, 2 * h - 1, 2 * w - 1]. */
tm_node *tm_window_head_table(tm_builder *b, const char *name, int h, int w, int heads);

/* How values between the pixels of a grid are found. */
typedef struct tm_resampling {
    bool bilinear;     /* and no antialias; false: bicubic with antialias */
    bool corners;      /* bilinear: corner pixels lie on corner pixels */
    bool antialias;    /* bilinear, without corners: with it after all */
    bool no_antialias; /* bicubic: without it after all, as torch's interpolate is by default */
    bool square;       /* to a square of the longer side, of which the top left is taken */
} tm_resampling;

/* Checkpoints of the format that a filter has in hand were made for this way of resampling; no such
 * parameter in the graph: nothing. */
void tm_resample_as(const tm_graph *graph, const char *param, tm_resampling how);

tm_node *tm_param1(tm_builder *b, const char *name, int64_t d0);
tm_node *tm_param2(tm_builder *b, const char *name, int64_t d0, int64_t d1);
tm_node *tm_param3(tm_builder *b, const char *name, int64_t d0, int64_t d1, int64_t d2);
tm_node *tm_param4(tm_builder *b, const char *name, int64_t d0, int64_t d1, int64_t d2, int64_t d3);
/* A tensor of the state dict that the computation does not read (stored indices, unused buffers):
 * it counts in the names and shapes only. `trained` says whether timm counts it as a parameter. */
void tm_unused_param(tm_builder *b, const char *name, int rank, const int64_t *dims, bool trained);
/* Values of our own (blur filters, tables); data is copied, C order. */
tm_node *tm_literal(tm_builder *b, int rank, const int64_t *dims, const float *data);

/* Arithmetic on constants, in torch's dims. Computed in double, once, at load. */
tm_node *tm_const_standardize(tm_builder *b, tm_node *weight, float eps,
                              tm_node *gain /* [O], [O,1,1,1] or NULL */,
                              float scale); /* weight standardization: (w - mean) * rsqrt(biased var
                                               + eps) * gain * scale per output */
tm_node *tm_const_slice(tm_builder *b, tm_node *x, int axis, int64_t begin, int64_t count);
tm_node *tm_const_concat(tm_builder *b, int count, tm_node *const *xs, int axis);
tm_node *tm_const_reshape(tm_builder *b, tm_node *x, int rank, const int64_t *dims);
tm_node *tm_const_permute(tm_builder *b, tm_node *x, const int *axes);
/* Position embedding [1, prefix + from h * w, c] on another grid, the prefix kept. */
tm_node *tm_const_resample_grid(tm_builder *b, tm_node *positions, int prefix, const int from[2],
                                const int to[2], tm_resampling how);
/* Rows of x's first dimension: result [count, ...], row i is row rows[i] of x; rows is copied. */
tm_node *tm_const_gather(tm_builder *b, tm_node *x, int64_t count, const int *rows);
/* Of a table with a row for every offset between two pixels of an h x w window, [(2h - 1) * (2w -
 * 1), c]: that of pixel i as seen by pixel j, [n * n, c] for n = h * w. token: with a class token
 * before the pixels, n is 1 + h * w, and three more rows are for what it sees, for what sees it,
 * and for itself. */
tm_node *tm_const_offset_rows(tm_builder *b, tm_node *table, int h, int w, bool token);
tm_node *tm_const_repeat(tm_builder *b, tm_node *x,
                         int64_t count);                      /* x's first dimension, count times */
tm_node *tm_const_mul(tm_builder *b, tm_node *x, tm_node *y); /* numpy broadcasting */
tm_node *tm_const_add(tm_builder *b, tm_node *x, tm_node *y); /* numpy broadcasting */
/* x [n, k], weight [m, k] or [m, k, 1, 1], bias [m] or NULL: result [n, m] */
tm_node *tm_const_linear(tm_builder *b, tm_node *x, tm_node *weight, tm_node *bias);
tm_node *tm_const_affine(tm_builder *b, tm_node *x, float mul, float add);
tm_node *tm_const_exp(tm_builder *b, tm_node *x);
tm_node *tm_const_sigmoid(tm_builder *b, tm_node *x);
tm_node *tm_const_softmax(tm_builder *b, tm_node *x); /* along the last axis */
tm_node *tm_const_abs(tm_builder *b, tm_node *x);
tm_node *tm_const_sum(tm_builder *b, tm_node *x); /* of all elements: rank 0 */
tm_node *tm_const_clamp(tm_builder *b, tm_node *x, float low, float high); /* NaN stays */

/* ---- convolution, linear ---- */

typedef enum tm_padding {
    TM_PAD_DEFAULT, /* timm's '': symmetric ((stride - 1) + dilation * (kernel - 1)) / 2 */
    TM_PAD_SAME,    /* TensorFlow's: output ceil(in / stride), the odd pixel right and below */
    TM_PAD_VALID,   /* none */
    TM_PAD_EXPLICIT /* .pad on every side */
} tm_padding;

enum { TM_DEPTHWISE = -1 };

typedef struct tm_conv {
    int out;              /* output channels */
    int kernel, kernel_w; /* kernel_w 0: square */
    int stride, dilation; /* 0: 1 */
    int groups;           /* 0: 1; TM_DEPTHWISE: one per input channel */
    tm_padding padding;
    int pad; /* TM_PAD_EXPLICIT */
    bool bias;
    bool linear; /* weight is [out, in] instead of [out, in, 1, 1] */
} tm_conv;

/* name.weight [out, in/groups, kh, kw], name.bias [out] if bias */
tm_node *tm_conv2d(tm_builder *b, const char *name, tm_node *x, tm_conv conv);
/* The same with constants of one's own; bias may be NULL. conv.bias is ignored. */
tm_node *tm_conv2d_with(tm_builder *b, const char *name, tm_node *x, tm_node *weight, tm_node *bias,
                        tm_conv conv);
/* One filter per channel, each picture's own: filters is 1 x taps x channels, an activation. */
tm_node *tm_conv2d_filtered(tm_builder *b, const char *name, tm_node *x, tm_node *filters,
                            tm_conv conv);
/* name.weight [out, in], on the channels of every pixel or token */
tm_node *tm_linear(tm_builder *b, const char *name, tm_node *x, int out, bool bias);

/* ---- normalization ---- */

typedef enum tm_norm_kind {
    TM_NORM_BATCH, /* weight, bias, running_mean, running_var (num_batches_tracked) */
    TM_NORM_LAYER, /* over the channels of each pixel or token: LayerNorm and LayerNorm2d */
    TM_NORM_RMS,   /* like LAYER without mean and bias */
    TM_NORM_GROUP, /* over (h, w, c / groups) */
    TM_NORM_SIMPLE /* over the channels: x / sqrt(unbiased variance + eps), the mean stays; no bias,
                      groups 1 */
} tm_norm_kind;

typedef struct tm_norm {
    tm_norm_kind kind;
    float eps;  /* 0: 1e-5 */
    int groups; /* GROUP: groups (0: 32); LAYER and RMS: heads, normalized one by one with shared
                   weights of c / groups (0: 1) */
    bool no_affine; /* no weight and bias */
    bool no_bias;   /* weight only */
    bool magnitude; /* |weight| + eps in place of weight: In-Place Activated BatchNorm
                       (1712.02616) */
} tm_norm;

tm_node *tm_normalize(tm_builder *b, const char *name, tm_node *x, tm_norm norm);

/* ---- branches that become one convolution at load ---- */

typedef struct tm_branch {
    tm_node *weight; /* [O, I / groups, kh, kw], or [O]: the diagonal of an identity */
    tm_node *bias;   /* [O] */
} tm_branch;

/* What tm_conv2d and batch norm make of x, as constants for tm_conv2d_with. */
tm_branch tm_conv_norm_branch(tm_builder *b, const char *conv_name, const char *norm_name,
                              tm_node *x, tm_conv conv, tm_norm norm);
/* The same of batch norm alone. */
tm_branch tm_norm_branch(tm_builder *b, const char *name, tm_node *x, tm_norm norm);
/* sum and a branch with the same stride and groups, whose kernel is at most as large, the
 * differences even. */
tm_branch tm_add_branch(tm_builder *b, tm_branch sum, tm_branch part);

/* ---- element-wise ---- */

tm_node *tm_activate(tm_builder *b, tm_node *x, tm_act_kind act);
tm_node *tm_activate_param(tm_builder *b, tm_node *x, tm_act_kind act, float param);
tm_act_kind tm_act_by_name(
    tm_builder *b,
    const char *name); /* timm's names: "relu", "swish", "silu", ...; unknown: sticky error */

/* x op y. y: x's shape, or 1 in any of h, w, c (broadcast); y may be a constant with dims [c],
 * [l, c] or [1, l, c]. The larger operand must be x. */
tm_node *tm_add(tm_builder *b, tm_node *x, tm_node *y);
tm_node *tm_sub(tm_builder *b, tm_node *x, tm_node *y);
tm_node *tm_mul(tm_builder *b, tm_node *x, tm_node *y);
tm_node *tm_max(tm_builder *b, tm_node *x, tm_node *y); /* a NaN of x stays */
tm_node *tm_min(tm_builder *b, tm_node *x, tm_node *y);
tm_node *tm_affine(tm_builder *b, tm_node *x, float mul, float add); /* x * mul + add */

/* ---- pooling ---- */

typedef struct tm_pool {
    bool max; /* max or average */
    int kernel, stride /* 0: kernel */, dilation /* 0: 1 */;
    int pad;   /* on every side; ignored when same */
    bool same; /* TensorFlow's padding: max pads with -inf, average does not count it */
    bool ceil_mode;
    bool count_pad; /* average: padding counts in the divisor (torch's count_include_pad) */
} tm_pool;

tm_node *tm_pool2d(tm_builder *b, tm_node *x, tm_pool pool);

/* torch's adaptive_avg_pool2d: h x w means of windows that share x out. */
tm_node *tm_adaptive_avg_pool2d(tm_builder *b, tm_node *x, int h, int w);

typedef enum tm_reduce_kind { TM_REDUCE_AVG, TM_REDUCE_MAX, TM_REDUCE_SUM } tm_reduce_kind;
/* Over all h x w (or all tokens): result 1 x 1 x c. */
tm_node *tm_reduce_hw(tm_builder *b, tm_node *x, tm_reduce_kind kind);
/* Over the channels: result h x w x 1. */
tm_node *tm_reduce_c(tm_builder *b, tm_node *x, tm_reduce_kind kind);
/* timm's SelectAdaptivePool2d: "avg", "max", "avgmax", "catavgmax", "" (x itself) */
tm_node *tm_global_pool(tm_builder *b, tm_node *x, const char *kind);

/* ---- shape ---- */

tm_node *tm_reshape(tm_builder *b, tm_node *x, int h, int w, int c); /* same memory, same size */
tm_node *tm_slice_c(tm_builder *b, tm_node *x, int begin, int count);
tm_node *tm_slice_w(tm_builder *b, tm_node *x, int begin, int count); /* tokens: needs h == 1 */
tm_node *tm_concat_c(tm_builder *b, int count, tm_node *const *xs);
/* Tokens, needs h == 1; constants ([1, l, c], [l, c] or [c]) are repeated for every picture. */
tm_node *tm_concat_w(tm_builder *b, int count, tm_node *const *xs);
typedef enum tm_pad_mode { TM_PAD_ZERO, TM_PAD_REFLECT } tm_pad_mode;
tm_node *tm_pad2d(tm_builder *b, tm_node *x, int top, int bottom, int left, int right,
                  tm_pad_mode mode);
/* The constant as an activation of that shape, the same for every picture. */
tm_node *tm_constant_activation(tm_builder *b, tm_node *constant, int h, int w, int c);
/* A map of h x w pixels, whose pixel i is pixel from[i] of x (row by row), or zeros where from[i]
 * is -1; from is copied. */
tm_node *tm_gather_pixels(tm_builder *b, tm_node *x, int h, int w, const int *from);
/* Every row of a map with its pixels and channels exchanged: h x w x c -> h x c x w. */
tm_node *tm_transpose(tm_builder *b, tm_node *x);
/* blocks of size x size pixels become channels (y, x, c order) */
tm_node *tm_space_to_depth(tm_builder *b, tm_node *x, int size);

/* ---- products of activations ---- */

/* x * y for every row of the map: x is rows x m x k (or 1 x m x k, the same for all rows), y is
 * rows x k x n, the result rows x m x n. */
tm_node *tm_matmul(tm_builder *b, tm_node *x, tm_node *y);

/* Long short-term memory along every row of the map, from zeros: x is rows x l x 4h, what the input
 * gives to the gates (input, forget, cell, output), weight the constant [4h, h] for the states of
 * the pixel before; backward: of the pixel behind. Result rows x l x h. */
tm_node *tm_lstm(tm_builder *b, tm_node *x, tm_node *weight, bool backward);

/* ---- attention ---- */

typedef struct tm_attention {
    int heads;
    float scale;   /* 0: 1 / sqrt(c / heads) */
    tm_node *bias; /* constant [heads, lq, lk], or NULL */
    tm_node *mask; /* constant [rows, lq, lk], or NULL */
    /* In place of both: activations that say of each query how it likes the rows and the columns
     * of a map of keys, rows x lq x (heads * map rows) and rows x lq x (heads * map columns). The
     * map stands behind some keys without a place. */
    tm_node *down, *across;
    /* Constants [heads, 1, 1] and [heads, lq, lk], or NULL both: what the softmax is mixed with. */
    tm_node *kept, *placed;
} tm_attention;

/* (kept softmax(scale * (q k^T + down + across) + bias + mask) + placed) v per head and row of the
 * map: every row of tokens is a sequence of its own. q: rows x lq x (heads * d), k: rows x lk x
 * (heads * d), v: rows x lk x (heads * dv); head i owns channels [i*d, (i+1)*d). Result rows x lq x
 * (heads * dv).
 */
tm_node *tm_attend(tm_builder *b, tm_node *q, tm_node *k, tm_node *v, tm_attention attention);
typedef struct tm_rotation {
    int heads;
    int first; /* tokens before those that are turned */
    bool half; /* channel j is a pair with j + d / 2 of its head, else 2j with 2j + 1 */
} tm_rotation;

/* Rotary positions: the pairs (a, b) of every head of x, 1 x l x (heads * d), become (a cos - b
 * sin, b cos + a sin). table: constant [l - first, d], or [heads * (l - first), d], of d / 2 sines
 * and as many cosines. */
tm_node *tm_rotate(tm_builder *b, tm_node *x, tm_node *table, tm_rotation rotation);
/* Such a table for a block of a model on h x w patches, whose frequencies are learned: freqs is [2,
 * depth, heads, d / 2], along x and along y. */
tm_node *tm_const_mixed_rotation(tm_builder *b, tm_node *freqs, int block, int h, int w);

/* softmax over groups of c / groups adjacent channels */
tm_node *tm_softmax_c(tm_builder *b, tm_node *x, int groups);

#pragma GCC visibility pop

#endif
