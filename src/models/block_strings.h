/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strings in which timm writes mobile architectures: "ir_r2_k3_s2_e6_c24_se0.25" is a block
 * type and its options, in any order.
 *
 *   ds, dsa    depthwise separable (dsa: activation at the end, no shortcut)
 *   ir         inverted residual
 *   er         edge residual: one dense convolution in place of expansion and depthwise
 *   cn         convolution, norm, activation
 *   uir        universal inverted residual: depthwise kernels before (a), between (k) and after (p)
 *              the two pointwise convolutions, 0 or absent for none
 *   mqa        multi-query attention
 *
 *   r repeats   s stride   c output channels   e expansion   se squeeze-excite ratio
 *   k kernel    a kernel of the expansion   p kernel of the projection (3.5.7: mixed kernels)
 *   gs channels per group   cc experts   fc channels that expansion counts from
 *   h heads   d channels per head of mqa   v stride of its keys and values
 *   d1 space to depth   nre nr6 nhs nsw nmi activation   skip, noskip shortcut
 */
#ifndef TM_MODELS_BLOCK_STRINGS_H
#define TM_MODELS_BLOCK_STRINGS_H

#include <stdbool.h>

#include "kernels/activation.h"

enum { TM_MAX_MIXED = 5, TM_MAX_STAGE_BLOCKS = 40 };

/* More than one size: the channels are split evenly among them. */
typedef struct tm_kernel_sizes {
    int count, sizes[TM_MAX_MIXED];
} tm_kernel_sizes;

typedef enum tm_block_type {
    TM_BLOCK_DS,
    TM_BLOCK_IR,
    TM_BLOCK_ER,
    TM_BLOCK_CN,
    TM_BLOCK_UIR,
    TM_BLOCK_MQA
} tm_block_type;

typedef struct tm_block_args {
    tm_block_type type;
    int repeat, stride, out;
    tm_kernel_sizes kernel, expansion_kernel, projection_kernel;
    double expansion, se_ratio;
    int group_size; /* -1: not said */
    int experts, expansion_in;
    int heads, head_width, kv_stride; /* of MQA */
    tm_act_kind act;                  /* NONE: the network's */
    bool skip, no_skip, end_act, space_to_depth;
} tm_block_args;

typedef struct tm_stage_args {
    int count;
    tm_block_args blocks[TM_MAX_STAGE_BLOCKS];
} tm_stage_args;

/* Decodes the blocks of one stage, separated by spaces. Strings are tables of ours: a mistake in
 * one is a bug. */
void tm_decode_stage(const char *strings, tm_stage_args *stage);

/* Scales the stage's number of blocks and shares it out to their repeats, from the last one. */
void tm_scale_depth(tm_stage_args *stage, double multiplier, bool round_depth);

#endif
