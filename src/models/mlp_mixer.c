/* SPDX-License-Identifier: Apache-2.0 */
/* timm's mlp_mixer.py: MLP-Mixer (2105.01601), ResMLP (2105.03404) and gMLP (2105.08050). */
#include <string.h>

#include "layers/classifier.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

typedef enum mixer_block { MIXER, RES_MLP, GATED } mixer_block;

typedef struct mixer_variant {
    const char *name;
    mixer_block block;
    int patch; /* 16 */
    int width, depth;
    bool glu; /* gated MLPs in both directions, SiLU; as wide as the channels over tokens */
    double mlp_ratios[2]; /* over tokens (of the channels' number), over channels: 0.5, 4 */
    bool stem_norm;
} mixer_variant;

static const mixer_variant variants[] = {
    {"mixer_s32_224", .patch = 32, .width = 512, .depth = 8},
    {"mixer_s16_224", .width = 512, .depth = 8},
    {"mixer_b32_224", .patch = 32, .width = 768, .depth = 12},
    {"mixer_b16_224", .width = 768, .depth = 12},
    {"mixer_l32_224", .patch = 32, .width = 1024, .depth = 24},
    {"mixer_l16_224", .width = 1024, .depth = 24},
    {"gmixer_12_224", .width = 384, .depth = 12, .glu = true},
    {"gmixer_24_224", .width = 384, .depth = 24, .glu = true},
    {"resmlp_12_224", RES_MLP, .width = 384, .depth = 12},
    {"resmlp_24_224", RES_MLP, .width = 384, .depth = 24},
    {"resmlp_36_224", RES_MLP, .width = 384, .depth = 36},
    {"resmlp_big_24_224", RES_MLP, .patch = 8, .width = 768, .depth = 24},
    {"gmlp_ti16_224", GATED, .width = 128, .depth = 30},
    {"gmlp_s16_224", GATED, .width = 256, .depth = 30},
    {"gmlp_b16_224", GATED, .width = 512, .depth = 30},
};

static tm_node *layer_norm(tm_builder *b, const char *name, tm_node *x)
{
    return tm_normalize(b, name, x, (tm_norm){.kind = TM_NORM_LAYER, .eps = 1e-6f});
}

/* ResMLP's norm: x * alpha + beta */
static tm_node *affine(tm_builder *b, const char *name, tm_node *x)
{
    tm_push(b, "%s", name);
    x = tm_mul(b, x, tm_param3(b, "alpha", 1, 1, x->shape.c));
    x = tm_add(b, x, tm_param3(b, "beta", 1, 1, x->shape.c));
    tm_pop(b);
    return x;
}

/* A linear layer over the tokens of each channel. */
static tm_node *linear_tokens(tm_builder *b, const char *name, tm_node *x)
{
    x = tm_transpose(b, x);
    return tm_transpose(b, tm_linear(b, name, x, x->shape.c, true));
}

static tm_node *mixer(tm_builder *b, const mixer_variant *v, tm_node *x)
{
    double over_tokens = v->glu ? 1.0 : 0.5, over_channels = 4.0;
    if (v->mlp_ratios[0] > 0) {
        over_tokens = v->mlp_ratios[0];
        over_channels = v->mlp_ratios[1];
    }
    tm_ffn tokens = {.hidden = (int)(over_tokens * v->width),
                     .kind = v->glu ? TM_FFN_GLU : TM_FFN_MLP,
                     .gate_last = true,
                     .act = v->glu ? TM_ACT_SILU : TM_ACT_GELU};
    tm_ffn channels = tokens;
    channels.hidden = (int)(over_channels * v->width);
    tm_node *y = tm_transpose(b, layer_norm(b, "norm1", x));
    x = tm_add(b, x, tm_transpose(b, tm_feed_forward(b, "mlp_tokens", y, tokens)));
    return tm_add(b, x, tm_feed_forward(b, "mlp_channels", layer_norm(b, "norm2", x), channels));
}

static tm_node *res_mlp(tm_builder *b, tm_node *x)
{
    int dim = x->shape.c;
    tm_node *y = linear_tokens(b, "linear_tokens", affine(b, "norm1", x));
    x = tm_add(b, x, tm_mul(b, y, tm_param1(b, "ls1", dim)));
    tm_ffn ffn = {.hidden = 4 * dim, .act = TM_ACT_GELU};
    y = tm_feed_forward(b, "mlp_channels", affine(b, "norm2", x), ffn);
    return tm_add(b, x, tm_mul(b, y, tm_param1(b, "ls2", dim)));
}

/* The second half of x, mixed over the tokens, is the first one's gate. */
static tm_node *spatial_gate(tm_builder *b, const char *name, tm_node *x)
{
    int half = x->shape.c / 2;
    tm_push(b, "%s", name);
    tm_node *gate = tm_normalize(b, "norm", tm_slice_c(b, x, half, half),
                                 (tm_norm){.kind = TM_NORM_LAYER, .eps = 1e-5f});
    x = tm_mul(b, tm_slice_c(b, x, 0, half), linear_tokens(b, "proj", gate));
    tm_pop(b);
    return x;
}

static tm_node *gated(tm_builder *b, tm_node *x)
{
    int dim = x->shape.c;
    tm_node *y = layer_norm(b, "norm", x);
    tm_push(b, "mlp_channels");
    y = tm_activate(b, tm_linear(b, "fc1", y, 6 * dim, true), TM_ACT_GELU);
    y = tm_linear(b, "fc2", spatial_gate(b, "gate", y), dim, true);
    tm_pop(b);
    return tm_add(b, x, y);
}

static tm_node *block(tm_builder *b, const mixer_variant *v, tm_node *x)
{
    return v->block == GATED ? gated(b, x) : v->block == RES_MLP ? res_mlp(b, x) : mixer(b, v, x);
}

static tm_node *network_norm(tm_builder *b, const mixer_variant *v, const char *name, tm_node *x)
{
    return v->block == RES_MLP ? affine(b, name, x) : layer_norm(b, name, x);
}

static void build(tm_builder *b, const void *variant)
{
    const mixer_variant *v = variant;
    int patch = v->patch ? v->patch : 16;
    tm_node *x = tm_patch_embed(b, "stem", b->graph->input, v->width, patch, true);
    int h = x->shape.h, w = x->shape.w;
    bool norm = tm_option_norm_intermediates(b);
    x = tm_map_tokens(b, x);
    if (v->stem_norm)
        x = network_norm(b, v, "stem.norm", x);
    for (int i = 0; i < v->depth; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(b, v, x);
        tm_pop(b);
        tm_tap_block(b, i, x, norm ? network_norm(b, v, "norm", x) : x, 0, h, w, patch);
    }
    b->graph->default_features = 3;
    x = network_norm(b, v, "norm", x);
    tm_tap_final_tokens(b, x);
    tm_token_head(b, x, "avg", 0, "head");
}

/* The authors' ResMLP. */
static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement names[] = {{"patch_embed.", "stem."},
                                           {"attn.", "linear_tokens."},
                                           {"mlp.", "mlp_channels."},
                                           {"gamma_", "ls"}};
    (void)variant;
    if (!tm_state_find(dict, "patch_embed.proj.weight"))
        return;
    tm_replace_all(dict, names, sizeof names / sizeof *names);
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        const char *dot = strrchr(view->name, '.');
        if (dot && (strcmp(dot, ".alpha") == 0 || strcmp(dot, ".beta") == 0))
            tm_reshape_to_param(dict, view, graph);
    }
}

static const tm_argument arguments[] = {
    TM_TAKES(mixer_variant, "mlp_ratio", NUMBERS, mlp_ratios, TM_RATIOS, .only = "mixer_*"),
    TM_TAKES(mixer_variant, "stem_norm", FLAG, stem_norm, TM_ANY),
};

const tm_family tm_family_mlp_mixer = {.module = "mlp_mixer",
                                       TM_VARIANTS(variants),
                                       TM_ARGUMENTS(arguments),
                                       .build = build,
                                       .filter = filter};
