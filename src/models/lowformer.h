/* SPDX-License-Identifier: Apache-2.0 */
/* LowFormer (2409.03460) and what its authors made of it for processors, CPUBone (2603.26425). */
#ifndef TM_MODELS_LOWFORMER_H
#define TM_MODELS_LOWFORMER_H

#include "ops/nn.h"

enum { TM_LOWFORMER_STAGES = 4 };

typedef struct tm_lowformer {
    const char *name;
    int width;                           /* of the stem; each stage has twice as many channels */
    int depths[TM_LOWFORMER_STAGES + 1]; /* of the stem, then of the stages */
    bool wide_head;
    int down; /* how much wider the middle of a strided block is; 4 */
    bool no_attention, no_mlp;
    bool norm_expand, norm_depthwise; /* in place of biases, in blocks of depthwise convolutions */
} tm_lowformer;

/* In what the two differ. */
typedef struct tm_lowformer_kind {
    const char *attn, *mlp, *local; /* names of a block's parts */
    const char *in_conv;            /* names of the head's layers */
    const char *linear, *norm, *classifier;
    int groups;        /* of convolutions that widen */
    bool small;        /* 2x2 kernels in the last two stages, maps grow by repeating pixels */
    bool average_only; /* has no other pool */
} tm_lowformer_kind;

/* From the input to the taps. */
void tm_lowformer_build(tm_builder *b, const tm_lowformer *v, const tm_lowformer_kind *kind);

#endif
