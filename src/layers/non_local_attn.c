/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/non_local_attn.h"

#include "layers/conv_bn_act.h"
#include "layers/swap_hw.h"

enum { GROUPS = 2 };

/* The largest value of each group in `block` bands of rows, or of columns: 1 x block x GROUPS. */
static tm_node *bands(tm_builder *b, tm_node *x, int block, bool columns)
{
    int h = x->shape.h, w = x->shape.w;
    tm_node *groups[GROUPS];
    if (columns)
        x = tm_swap_hw(b, x);
    for (int g = 0; g < GROUPS; g++) {
        tm_node *group = tm_reshape(b, tm_slice_c(b, x, g, 1), 1, block, h * w / block);
        groups[g] = tm_reduce_c(b, group, TM_REDUCE_MAX);
    }
    return tm_concat_c(b, GROUPS, groups);
}

/* Per group a matrix of block x block with rows that add up to 1, from a convolution as long as the
 * bands: 1 x (GROUPS * block) x block. That of the columns is the other way round than timm's, as
 * it goes to the right of what tm_matmul has it on the left of. */
static tm_node *mixing(tm_builder *b, const char *name, tm_node *x, int block, bool columns)
{
    int out = block * block * GROUPS;
    tm_push(b, "%s", name);
    tm_node *weight = tm_param4(b, "weight", out, GROUPS, columns ? 1 : block, columns ? block : 1);
    tm_node *bias = tm_param1(b, "bias", out);
    weight = tm_const_reshape(b, weight, 5, (int64_t[]){GROUPS, block, block, GROUPS, block});
    bias = tm_const_reshape(b, bias, 3, (int64_t[]){GROUPS, block, block});
    if (columns) {
        weight = tm_const_permute(b, weight, (int[]){0, 2, 1, 4, 3});
        bias = tm_const_permute(b, bias, (int[]){0, 2, 1});
    } else {
        weight = tm_const_permute(b, weight, (int[]){0, 1, 2, 4, 3});
    }
    weight = tm_const_reshape(b, weight, 2, (int64_t[]){out, (int64_t)block * GROUPS});
    bias = tm_const_reshape(b, bias, 1, (int64_t[]){out});
    x = tm_conv2d_with(b, name, tm_reshape(b, x, 1, 1, block * GROUPS), weight, bias,
                       (tm_conv){.out = out, .kernel = 1, .linear = true});
    x = tm_reshape(b, tm_activate(b, x, TM_ACT_SIGMOID), 1, GROUPS * block, block);
    tm_node *root = tm_activate(b, tm_reduce_c(b, x, TM_REDUCE_SUM), TM_ACT_RSQRT);
    tm_pop(b);
    return tm_mul(b, tm_mul(b, x, root), root);
}

/* Every channel of x as a matrix, times its group's matrices from the left and from the right; a
 * part of a side stands for one row or column. */
static tm_node *mix(tm_builder *b, tm_node *x, tm_node *left, tm_node *right, int block)
{
    int h = x->shape.h, w = x->shape.w, c = x->shape.c / GROUPS;
    tm_node *groups[GROUPS];
    for (int g = 0; g < GROUPS; g++) {
        tm_node *y = tm_reshape(b, tm_slice_c(b, x, g * c, c), 1, block, h / block * w * c);
        y = tm_matmul(b, tm_slice_w(b, left, g * block, block), y);
        y = tm_reshape(b, y, h, block, w / block * c);
        y = tm_matmul(b, tm_slice_w(b, right, g * block, block), y);
        groups[g] = tm_reshape(b, y, h, w, c);
    }
    return tm_concat_c(b, GROUPS, groups);
}

tm_node *tm_bilinear_attention(tm_builder *b, const char *name, tm_node *x, int reduced, int block)
{
    tm_conv_tail relu = {.act = TM_ACT_RELU};
    tm_conv narrow = {.out = reduced, .kernel = 1}, wide = {.out = x->shape.c, .kernel = 1};
    if (x->shape.h % block || x->shape.w % block) {
        tm_refuse(b, "%s: a map of %dx%d pixels does not divide into %d parts a side", name,
                  x->shape.h, x->shape.w, block);
        return x;
    }
    tm_push(b, "%s", name);
    tm_node *y = tm_conv_norm_act(b, "conv1", x, narrow, relu);
    tm_push(b, "ba");
    tm_node *groups = tm_conv_norm_act(b, "conv1", y, (tm_conv){.out = GROUPS, .kernel = 1}, relu);
    tm_node *left = mixing(b, "conv_p", bands(b, groups, block, false), block, false);
    tm_node *right = mixing(b, "conv_q", bands(b, groups, block, true), block, true);
    y = tm_conv_norm_act(b, "conv2", mix(b, y, left, right, block), narrow, relu);
    tm_pop(b);
    y = tm_conv_norm_act(b, "conv2", y, wide, relu);
    tm_pop(b);
    return tm_add(b, y, x);
}
