/* SPDX-License-Identifier: Apache-2.0 */
/* The ways a convolution becomes steps. */
#ifndef TM_OPS_CONV2D_H
#define TM_OPS_CONV2D_H

#include "ops/ops.h"
#include "steps/lower.h"

void tm_conv2d_lower(tm_lowering *lowering, const tm_node *node);

/* Any convolution or linear layer, as a GEMM whose rows are pointers to pixels. */
void tm_conv2d_lower_gemm(tm_lowering *lowering, const tm_node *node);
/* 3x3, stride 1, where tm_conv2d_winograd_pays, which depends on the shapes alone; beside_parts:
 * the lowering has tm_lower_split_kernels. */
bool tm_conv2d_winograd_pays(const tm_node *node, bool beside_parts);
void tm_conv2d_lower_winograd(tm_lowering *lowering, const tm_node *node);
/* Without groups, in the lowering's reduced precision; it has tm_lower_bf16_kernels. */
void tm_conv2d_lower_bf16(tm_lowering *lowering, const tm_node *node);
/* In bfloat16 parts, as many as the precision takes, where tm_conv2d_split_pays, which depends on
 * the shapes alone; the lowering has tm_lower_split_kernels. */
bool tm_conv2d_split_pays(const tm_node *node, int parts);
void tm_conv2d_lower_split(tm_lowering *lowering, const tm_node *node);
/* One filter per channel. */
void tm_conv2d_lower_depthwise(tm_lowering *lowering, const tm_node *node);

/* Whether threads had better share the rows of a layer than its outputs: its activations are more
 * than its weights. Then a row's next layer finds it where it was computed. */
bool tm_conv2d_shares_rows(const tm_node *node);

/* 1x1, stride 1, no padding: pixel i of the output is pixel i of the input. */
bool tm_conv2d_is_pointwise(const tm_node *node);
/* The pictures of a batch form one run of rows, in the output and in the residual (which may be
 * none). */
bool tm_conv2d_is_run(const tm_tensor *y, const tm_tensor *residual);

/* What a kernel does to a finished value: a clamp in its store, or a curve after it. */
typedef struct tm_store {
    float lo, hi;
    bool curve;
    tm_act_attrs act;
    tm_act_f32_fn *kernel;
} tm_store;

/* A bias [groups * outputs] as rows of `padded` floats for each group, zeros behind its last
 * output; in a job. NULL: none, and nothing is done. */
void tm_conv2d_pack_bias(tm_lowering *worker, const tm_node *bias, int groups, int outputs,
                         size_t padded, float *out);

tm_store tm_store_of(tm_lowering *lowering, const tm_epilogue *epilogue);

#endif
