/* SPDX-License-Identifier: Apache-2.0 */
/* timm's twins.py: Twins (2104.13840), PCPVT and SVT. */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/reduced_attention.h"
#include "layers/taps.h"
#include "layers/window.h"
#include "models/model.h"

enum { STAGES = 4, WINDOW = 7 };

typedef struct twins_variant {
    const char *name;
    int depths[STAGES], dims[STAGES], heads[STAGES];
    bool windows; /* SVT: every second block, from the first on, attends within windows */
} twins_variant;

/* clang-format off */
static const twins_variant variants[] = {
    {.name = "twins_pcpvt_base", .depths = {3, 4, 18, 3}, .dims = {64, 128, 320, 512},
     .heads = {1, 2, 5, 8}},
    {.name = "twins_pcpvt_large", .depths = {3, 8, 27, 3}, .dims = {64, 128, 320, 512},
     .heads = {1, 2, 5, 8}},
    {.name = "twins_pcpvt_small", .depths = {3, 4, 6, 3}, .dims = {64, 128, 320, 512},
     .heads = {1, 2, 5, 8}},
    {.name = "twins_svt_base", .depths = {2, 2, 18, 2}, .dims = {96, 192, 384, 768},
     .heads = {3, 6, 12, 24}, .windows = true},
    {.name = "twins_svt_large", .depths = {2, 2, 18, 2}, .dims = {128, 256, 512, 1024},
     .heads = {4, 8, 16, 32}, .windows = true},
    {.name = "twins_svt_small", .depths = {2, 2, 10, 4}, .dims = {64, 128, 256, 512},
     .heads = {2, 4, 8, 16}, .windows = true},
};
/* clang-format on */

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};
static const tm_norm embed_norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};

/* Pixels that a window has beyond the map are zeros like any other key. */
static tm_node *attend_in_windows(tm_builder *b, tm_node *x, int heads)
{
    tm_shape s = x->shape;
    tm_window window = {.h = WINDOW, .w = WINDOW};
    tm_push(b, "attn");
    x = tm_linear(b, "qkv", tm_window_partition(b, x, window), 3 * s.c, true);
    x = tm_attend(b, tm_slice_c(b, x, 0, s.c), tm_slice_c(b, x, s.c, s.c),
                  tm_slice_c(b, x, 2 * s.c, s.c), (tm_attention){.heads = heads});
    x = tm_linear(b, "proj", tm_window_reverse(b, x, s.h, s.w, window), s.c, true);
    tm_pop(b);
    return x;
}

static tm_node *block(tm_builder *b, const twins_variant *v, tm_node *x, int stage, int index)
{
    int heads = v->heads[stage], ratio = v->windows || stage > 1 ? 4 : 8;
    tm_node *y = tm_normalize(b, "norm1", x, norm);
    if (v->windows && index % 2 == 0)
        y = attend_in_windows(b, y, heads);
    else
        y = tm_reduced_attention(b, "attn", y, (tm_reduced){.heads = heads, .ratio = 8 >> stage});
    x = tm_add(b, x, y);
    tm_ffn ffn = {.hidden = ratio * x->shape.c, .act = TM_ACT_GELU};
    return tm_add(b, x, tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, norm), ffn));
}

static tm_node *stage(tm_builder *b, const twins_variant *v, tm_node *x, int index)
{
    tm_conv around = {.out = v->dims[index], .kernel = 3, .groups = TM_DEPTHWISE, .bias = true};
    char name[32];
    snprintf(name, sizeof name, "patch_embeds.%d", index);
    x = tm_patch_embed(b, name, x, v->dims[index], index ? 2 : 4, true);
    tm_push(b, "%s", name);
    x = tm_normalize(b, "norm", x, embed_norm);
    tm_pop(b);
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "blocks.%d.%d", index, i);
        x = block(b, v, x, index, i);
        tm_pop(b);
        if (i == 0) { /* where a pixel is, it learns from its neighbours */
            snprintf(name, sizeof name, "pos_block.%d.proj.0", index);
            x = tm_add(b, x, tm_conv2d(b, name, x, around));
        }
    }
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const twins_variant *v = variant;
    tm_node *x = b->graph->input;
    for (int i = 0; i < STAGES; i++) {
        char module[16];
        x = stage(b, v, x, i);
        snprintf(module, sizeof module, "block.%d", i);
        tm_tap_feature(b, module, x, 4 << i);
        bool last = i == STAGES - 1 && tm_option_norm_intermediates(b);
        tm_tap_intermediate(b, last ? tm_normalize(b, "norm", x, norm) : x, TM_LAYOUT_MAP);
    }
    x = tm_map_tokens(b, tm_normalize(b, "norm", x, norm));
    b->graph->pruning = TM_PRUNING_CUT;
    tm_tap_final_tokens(b, x);
    const char *pool = tm_average_or_none(b);
    tm_classifier(b, tm_global_pool(b, x, pool), pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_TOKENS,
                  "head");
}

static const tm_argument arguments[] = {
    TM_TAKES(twins_variant, "embed_dims", LIST, dims, TM_WIDTHS),
    TM_TAKES(twins_variant, "depths", LIST, depths, TM_DEPTHS),
    TM_TAKES(twins_variant, "num_heads", LIST, heads, TM_HEADS),
};

const tm_family tm_family_twins = {
    .module = "twins", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
