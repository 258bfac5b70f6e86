/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a convolution in bfloat16 parts share: conv2d_split.c runs it,
 * conv2d_split_rows.c brings its inputs into row tiles, conv2d_split_weights.c packs its weights.
 */
#ifndef TM_OPS_CONV2D_SPLIT_H
#define TM_OPS_CONV2D_SPLIT_H

#include "ops/conv2d.h"
#include "ops/finish.h"
#include "ops/panels.h"
#include "ops/window.h"

typedef struct tm_split_args {
    tm_tensor x, y, residual; /* residual may be none */
    tm_conv_attrs conv;
    int parts, taps, kc, outputs, panels; /* kc, outputs, panels: of a group */
    size_t steps, depth;                  /* of taps * kc inputs; of a block of them */
    bool pointwise; /* 1x1, stride 1, no padding: pixel i of the output is pixel i of the input */
    bool run;       /* the pictures of a batch form one run of rows */
    bool by_rows;   /* units of the same rows follow one another, not those of the same panels */
    size_t line;    /* elements of a split row of the picture, with its padding */
    int region;     /* such rows under a unit, at most */
    int pairs, chunk, chunks; /* of a unit, at most */
    size_t sums;              /* floats of a thread's sums */
    const tm_bf16 *weights;   /* [group][panel][step][part][16 pairs][16][2], or NULL, and then: */
    const float *whole;       /* [group][panel][step][32][16], split when they are used */
    const float *bias;        /* [group][panel * 16] */
    tm_store store;
    const tm_split_kernels *kernels;
} tm_split_args;

/* A unit's share: output pixels [first, first + count) of picture n (of the whole batch in a run),
 * panels [panel, panel + panels) of a group. */
typedef struct tm_split_unit {
    const tm_run_state *run;
    int n, first, count, group, panel, panels;
} tm_split_unit;

/* Inputs [begin, end) of taps * kc: a block of whole steps, but for the last one. */
typedef struct tm_input_block {
    size_t begin, end, steps;
} tm_input_block;

static inline tm_input_block tm_block_at(const tm_split_args *args, size_t step)
{
    size_t all = (size_t)args->taps * (size_t)args->kc, left = args->steps - step;
    tm_input_block block = {step * TM_SPLIT_K, all, left < args->depth ? left : args->depth};
    if (block.steps < left)
        block.end = block.begin + block.steps * TM_SPLIT_K;
    return block;
}

/* elements of `steps` steps of a row tile, or of a panel */
static inline size_t tm_split_elements(const tm_split_args *args, size_t steps)
{
    return steps * (size_t)args->parts * TM_SPLIT_TILE;
}

/* The unit's pixels, a block of inputs, as row tiles; of a pointwise convolution. */
void tm_split_pixels(const tm_split_args *args, const tm_split_unit *unit, tm_input_block block,
                     tm_bf16 *tiles);

/* Sets line and region: elements of a split row of the picture, and such rows under a unit of
 * `most` output pixels. */
void tm_split_measure_lines(tm_split_args *args, int most);
/* The rows of the pictures under the unit, in the order of its pixels, between their padding; */
void tm_split_lines(const tm_split_args *args, const tm_split_unit *unit, tm_bf16 *region);
/* from them the unit's pixels, a block of all taps' inputs, as row tiles. */
void tm_split_copy_pixels(const tm_split_args *args, const tm_split_unit *unit,
                          const tm_bf16 *region, tm_input_block block, tm_bf16 *tiles);

/* Memory for the packed weights and bias, filled later. */
void tm_split_defer_packing(tm_lowering *lowering, const tm_node *node, tm_split_args *args);

#endif
