/* SPDX-License-Identifier: Apache-2.0 */
/* Networks written in block strings (timm's EfficientNetBuilder): what EfficientNet, MobileNet and
 * their kin share. */
#ifndef TM_MODELS_EFFICIENTNET_BUILDER_H
#define TM_MODELS_EFFICIENTNET_BUILDER_H

#include "layers/blur_pool.h"
#include "models/block_strings.h"
#include "ops/nn.h"

typedef enum tm_effnet_norm_kind {
    TM_EFFNET_BATCH,
    TM_EFFNET_GROUP,
    TM_EFFNET_LAYER,
    TM_EFFNET_RMS,
    TM_EFFNET_EVO /* EvoNorm-S0 in place of norm and activation */
} tm_effnet_norm_kind;

typedef struct tm_effnet {
    tm_builder *b;
    tm_act_kind act;
    tm_padding padding;
    tm_effnet_norm_kind norm;
    int norm_group_size;        /* GROUP, EVO: channels per group */
    float norm_eps;             /* 0: 1e-5 */
    double width;               /* channel multiplier */
    int divisor;                /* of channels */
    double round_limit;         /* of tm_divisible */
    double depth;               /* block multiplier */
    const double *stage_depths; /* one per stage in place of depth, or NULL */
    bool round_depth;           /* round, not ceil, the number of blocks */
    bool fixed_ends;            /* depth 1 in the first and last stage */
    int expert_multiplier;
    int group_size;         /* of blocks that do not say theirs; 0: the block type's own */
    tm_aa_kind aa;          /* in place of strides inside blocks */
    bool global_context;    /* in place of squeeze-excite */
    bool legacy_context;    /* the same, as timm 0.4.12 had it */
    bool channel_mlp;       /* timm 0.4.12's EcaModule with use_mlp in place of squeeze-excite */
    bool se_from_expansion; /* squeeze-excite ratios count from the expanded channels */
    bool se_divisible;      /* its channels by tm_divisible, not rounded */
    bool se_scaled;         /* which multiplies them by width once more */
    tm_act_kind se_act;     /* NONE: the block's */
    tm_act_kind se_gate;    /* NONE: sigmoid */
    bool layer_scale;       /* in universal inverted residuals and attention */
    bool fixed_stride;      /* no option changes the output stride */
} tm_effnet;

/* The network's round_channels: channels times width, made divisible. */
int tm_effnet_channels(const tm_effnet *net, int channels);

/* A convolution as the network pads it. */
tm_node *tm_effnet_conv(const tm_effnet *net, const char *name, tm_node *x, tm_conv conv);

/* Norm and activation; act NONE: norm alone. */
tm_node *tm_effnet_norm(const tm_effnet *net, const char *name, tm_node *x, tm_act_kind act);

/* timm's ConvNormAct as the network has it. */
tm_node *tm_effnet_conv_norm(const tm_effnet *net, const char *name, tm_node *x, tm_conv conv,
                             tm_act_kind act);

/* The stages "blocks.0", "blocks.1", ... with their feature and intermediate taps; x comes from the
 * stem, which has stride 2 and `in` channels before pruning. stages ends with NULL. */
tm_node *tm_effnet_stages(const tm_effnet *net, tm_node *x, int in, const char *const *stages);

#endif
