/* SPDX-License-Identifier: Apache-2.0 */
/* timm's ByobNet class: networks that are a table of stem, stages and head. */
#ifndef TM_MODELS_BYOBNET_H
#define TM_MODELS_BYOBNET_H

#include "layers/blur_pool.h"
#include "ops/nn.h"

enum { TM_BYOB_STAGES = 5, TM_BYOB_OWN_BUT_FIRST = -1 };

typedef enum tm_byob_stem {
    TM_BYOB_STEM_3X3,    /* one convolution, of stride 2 */
    TM_BYOB_STEM_7X7,    /* the same of a larger kernel */
    TM_BYOB_STEM_TIERED, /* three 3x3 of widths 3w/8, w/2, w */
    TM_BYOB_STEM_DEEP,   /* three 3x3 of width w */
    TM_BYOB_STEM_QUAD,   /* four 3x3 of widths w/8, w/4, w/2, w */
    TM_BYOB_STEM_QUAD2,  /* the first two of them without norm and activation */
    TM_BYOB_STEM_REP,    /* a RepVGG block */
    TM_BYOB_STEM_ONE,    /* a MobileOne block */
    TM_BYOB_STEM_CLIP    /* three 3x3 of widths w/2, w/2, w */
} tm_byob_stem;

typedef enum tm_byob_pool { TM_BYOB_NO_POOL, TM_BYOB_MAX_POOL, TM_BYOB_AVG_POOL } tm_byob_pool;

typedef enum tm_byob_block {
    TM_BYOB_BOTTLE = 1, /* 1x1, kxk, 1x1 */
    TM_BYOB_BASIC,      /* kxk, kxk */
    TM_BYOB_DARK,       /* 1x1, kxk */
    TM_BYOB_EDGE,       /* kxk, 1x1 */
    TM_BYOB_REP,        /* RepVGG: kxk, 1x1 and identity side by side */
    TM_BYOB_ONE         /* MobileOne: the same, depthwise, then pointwise */
} tm_byob_block;

typedef struct tm_byob_stage {
    tm_byob_block block; /* 0: no such stage */
    int depth, channels;
    int stride;
    int group_size; /* 0: one group */
    float ratio;    /* of channels inside a block; 0: 1 */
} tm_byob_stage;

/* NONE of these: as the block has none; attn_ratio of the channels inside */
typedef enum tm_byob_attn {
    TM_BYOB_NO_ATTN,
    TM_BYOB_SE, /* 1/16 */
    TM_BYOB_ECA,
    TM_BYOB_GCA, /* global context, added; 1/8 */
    TM_BYOB_BAT, /* bilinear attention, blocks of 8 */
    TM_BYOB_GE   /* timm 0.4.12's gather-excite of extent 8 */
} tm_byob_attn;

typedef enum tm_byob_shortcut { TM_BYOB_CONV, TM_BYOB_AVG, TM_BYOB_IDENTITY } tm_byob_shortcut;
typedef enum tm_byob_head {
    TM_BYOB_CLASSIFIER,
    TM_BYOB_MLP, /* norm and a hidden layer */
    TM_BYOB_ATTN_POOL
} tm_byob_head;

typedef struct tm_byob {
    const char *name;
    tm_byob_stem stem;
    int stem_width;
    int own_stem_width;     /* in place of all widths that the stem has; 0: none */
    tm_byob_pool stem_pool; /* of stems of plain convolutions */
    tm_byob_stage stages[TM_BYOB_STAGES];
    double width;    /* multiplier; 0: 1 */
    int features;    /* of the last 1x1 convolution; 0: there is none */
    tm_act_kind act; /* RELU */
    bool evo_norm;   /* EvoNorm-S0a, 16 channels a group, in place of batch norm */
    tm_aa_kind aa;   /* in place of strides of stages */
    tm_byob_shortcut shortcut;
    tm_byob_attn attn;
    float attn_ratio;
    int attn_divisor; /* of these channels; SE's 8, GCA's 1 */
    bool inverted;    /* bottlenecks widen their input and end without activation */
    bool extra_conv;  /* a second kxk in each bottleneck */
    int rep_groups;   /* of every second RepVGG block; 0: one */
    int one_branches; /* of MobileOne's kxk; 1 */
    int one_attn[4];  /* how many pairs of MobileOne blocks at a stage's end have attention */
    tm_byob_head head;
    int head_hidden;
    int own[TM_BYOB_STAGES]; /* every how manyth block of a stage is the module's own; 0: none; or
                                OWN_BUT_FIRST */
} tm_byob;

typedef struct tm_byob_net tm_byob_net;

/* One block's place. */
typedef struct tm_byob_at {
    const tm_byob_stage *stage;
    int stage_index, index; /* of the block in its stage */
    int in, out, middle;    /* channels */
    int kernel, stride;
    int dilation[2];    /* of the first convolution and of later ones */
    int feat_h, feat_w; /* sides of x as timm works them out from the picture's */
} tm_byob_at;

/* A block of a kind that another module adds, named by the scope. */
typedef tm_node *tm_byob_own(const tm_byob_net *m, tm_node *x, const tm_byob_at *at);

struct tm_byob_net {
    tm_builder *b;
    const tm_byob *v;
    tm_act_kind act;
    tm_byob_own *own;
};

/* From the input to the taps. own: NULL where v has no blocks of its own. */
void tm_byob_build(tm_builder *b, const tm_byob *v, tm_byob_own *own);

/* ---- for such blocks ---- */

/* name: the norm that the network has, and its activation if `act` */
tm_node *tm_byob_norm_act(const tm_byob_net *m, const char *name, tm_node *x, bool act);
/* name.conv, name.bn, activation */
tm_node *tm_byob_conv(const tm_byob_net *m, const char *name, tm_node *x, tm_conv c, bool act);
/* y plus what goes past the block, which is nothing where an identity does not fit. */
tm_node *tm_byob_add_shortcut(const tm_byob_net *m, tm_node *x, tm_node *y, const tm_byob_at *at);

#endif
