/* SPDX-License-Identifier: Apache-2.0 */
/* timm's davit.py: Dual Attention Vision Transformer (2204.03645), also as Florence-2 has it. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "layers/channel_attention.h"
#include "layers/classifier.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/taps.h"
#include "layers/window.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 4 };

typedef struct davit_variant {
    const char *name;
    int dims[STAGES], heads[STAGES], depths[STAGES];
    int window;    /* 7 */
    bool florence; /* 3x3 convolutions between stages, the second form of channel
                      attention, blocks with names */
} davit_variant;

/* clang-format off */
static const davit_variant variants[] = {
    {.name = "davit_tiny", .dims = {96, 192, 384, 768}, .heads = {3, 6, 12, 24},
     .depths = {1, 1, 3, 1}},
    {.name = "davit_small", .dims = {96, 192, 384, 768}, .heads = {3, 6, 12, 24},
     .depths = {1, 1, 9, 1}},
    {.name = "davit_base", .dims = {128, 256, 512, 1024}, .heads = {4, 8, 16, 32},
     .depths = {1, 1, 9, 1}},
    {.name = "davit_large", .dims = {192, 384, 768, 1536}, .heads = {6, 12, 24, 48},
     .depths = {1, 1, 9, 1}},
    {.name = "davit_huge", .dims = {256, 512, 1024, 2048}, .heads = {8, 16, 32, 64},
     .depths = {1, 1, 9, 1}},
    {.name = "davit_giant", .dims = {384, 768, 1536, 3072}, .heads = {12, 24, 48, 96},
     .depths = {1, 1, 12, 3}},
    {.name = "davit_base_fl", .dims = {128, 256, 512, 1024}, .heads = {4, 8, 16, 32},
     .depths = {1, 1, 9, 1}, .window = 12, .florence = true},
    {.name = "davit_huge_fl", .dims = {256, 512, 1024, 2048}, .heads = {8, 16, 32, 64},
     .depths = {1, 1, 9, 1}, .window = 12, .florence = true},
};
/* clang-format on */

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};

/* Zeros on the right and below, so that the sides divide by `step`. */
static tm_node *pad_to(tm_builder *b, tm_node *x, int step)
{
    int down = (step - x->shape.h % step) % step, right = (step - x->shape.w % step) % step;
    return down || right ? tm_pad2d(b, x, 0, down, 0, right, TM_PAD_ZERO) : x;
}

static tm_node *stem(tm_builder *b, const davit_variant *v)
{
    tm_conv conv = {.out = v->dims[0],
                    .kernel = 7,
                    .stride = 4,
                    .padding = TM_PAD_EXPLICIT,
                    .pad = 3,
                    .bias = true};
    tm_push(b, "stem");
    tm_node *x = tm_conv2d(b, "conv", pad_to(b, b->graph->input, 4), conv);
    x = tm_normalize(b, "norm", x, norm);
    tm_pop(b);
    return x;
}

static tm_node *downsample(tm_builder *b, const davit_variant *v, tm_node *x, int out)
{
    tm_conv conv = {.out = out,
                    .kernel = v->florence ? 3 : 2,
                    .stride = 2,
                    .padding = TM_PAD_EXPLICIT,
                    .pad = v->florence ? 1 : 0,
                    .bias = true};
    tm_push(b, "downsample");
    x = tm_normalize(b, "norm", x, norm);
    x = tm_conv2d(b, "conv", v->florence ? x : pad_to(b, x, 2), conv);
    tm_pop(b);
    return x;
}

/* A depthwise convolution added to the map. */
static tm_node *encode_positions(tm_builder *b, const char *name, tm_node *x)
{
    tm_conv conv = {.out = x->shape.c, .kernel = 3, .groups = TM_DEPTHWISE, .bias = true};
    tm_push(b, "%s", name);
    x = tm_add(b, tm_conv2d(b, "proj", x, conv), x);
    tm_pop(b);
    return x;
}

/* In windows, whose size is the same for every map. */
static tm_node *attend_pixels(tm_builder *b, const davit_variant *v, tm_node *x, int heads)
{
    int h = x->shape.h, w = x->shape.w, dim = x->shape.c, size = v->window ? v->window : 7;
    tm_window window = {.h = size, .w = size};
    tm_node *qkv = tm_linear(b, "qkv", tm_window_partition(b, x, window), 3 * dim, true);
    x = tm_attend(b, tm_slice_c(b, qkv, 0, dim), tm_slice_c(b, qkv, dim, dim),
                  tm_slice_c(b, qkv, 2 * dim, dim), (tm_attention){.heads = heads});
    return tm_window_reverse(b, tm_linear(b, "proj", x, dim, true), h, w, window);
}

static tm_node *attend_channels(tm_builder *b, const davit_variant *v, tm_node *x, int heads)
{
    int h = x->shape.h, w = x->shape.w, dim = x->shape.c;
    tm_node *qkv = tm_linear(b, "qkv", tm_map_tokens(b, x), 3 * dim, true);
    tm_node *q = tm_slice_c(b, qkv, 0, dim), *k = tm_slice_c(b, qkv, dim, dim);
    tm_node *value = tm_slice_c(b, qkv, 2 * dim, dim);
    /* the first form has k, v and q in the places of q, k and v */
    if (v->florence)
        x = tm_attend_channels(b, q, k, value, heads, (float)(1 / sqrt((double)h * w)));
    else
        x = tm_attend_channels(b, k, value, q, heads, (float)(1 / sqrt((double)dim / heads)));
    return tm_reshape(b, tm_linear(b, "proj", x, dim, true), h, w, dim);
}

static tm_node *block(tm_builder *b, const davit_variant *v, tm_node *x, int heads, bool channels)
{
    x = encode_positions(b, "cpe1", x);
    tm_node *y = tm_normalize(b, "norm1", x, norm);
    tm_push(b, "attn");
    y = channels ? attend_channels(b, v, y, heads) : attend_pixels(b, v, y, heads);
    tm_pop(b);
    x = encode_positions(b, "cpe2", tm_add(b, x, y));
    tm_ffn ffn = {.hidden = 4 * x->shape.c, .act = TM_ACT_GELU};
    return tm_add(b, x, tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, norm), ffn));
}

static tm_node *stage(tm_builder *b, const davit_variant *v, tm_node *x, int index)
{
    static const char *const names[2][2] = {{"0", "1"}, {"spatial_block", "channel_block"}};
    tm_push(b, "stages.%d", index);
    if (index)
        x = downsample(b, v, x, v->dims[index]);
    for (int i = 0; i < v->depths[index]; i++)
        for (int channels = 0; channels < 2; channels++) {
            tm_push(b, "blocks.%d.%s", i, names[v->florence][channels]);
            x = block(b, v, x, v->heads[index], channels);
            tm_pop(b);
        }
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const davit_variant *v = variant;
    tm_node *x = stem(b, v);
    for (int i = 0; i < STAGES; i++) {
        x = stage(b, v, x, i);
        tm_tap_stage_of(b, "stages", i, x, 4 << i);
    }
    tm_tap_final(b, x);
    tm_norm_mlp_head(b, "head", x, (tm_mlp_head){.pool = "avg", .norm = norm});
}

/* from.N becomes stages.N.to, once in a name. */
static void move_stages(tm_state_dict *dict, const char *from, const char *to)
{
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        const char *at = strstr(view->name, from);
        const char *number = at ? at + strlen(from) : NULL, *rest = number;
        while (rest && isdigit((unsigned char)*rest))
            rest++;
        if (rest != number)
            tm_state_rename(dict, view, "%.*sstages.%.*s.%s%s", (int)(at - view->name), view->name,
                            (int)(rest - number), number, to, rest);
    }
}

static void filter_florence(tm_state_dict *dict)
{
    static const tm_replacement names[] = {{"downsample.proj", "downsample.conv"},
                                           {"stages.0.downsample", "stem"},
                                           {"window_attn.norm.", "norm1."},
                                           {"window_attn.fn.", "attn."},
                                           {"channel_attn.norm.", "norm1."},
                                           {"channel_attn.fn.", "attn."},
                                           {"ffn.norm.", "norm2."},
                                           {"ffn.fn.net.", "mlp."},
                                           {"conv1.fn.dw", "cpe1.proj"},
                                           {"conv2.fn.dw", "cpe2.proj"}};
    tm_state_keep_prefix(dict, "vision_tower.");
    move_stages(dict, "convs.", "downsample");
    move_stages(dict, "blocks.", "blocks");
    tm_replace_all(dict, names, sizeof names / sizeof *names);
}

static void filter_microsoft(tm_state_dict *dict)
{
    static const tm_replacement names[] = {{"downsample.proj", "downsample.conv"},
                                           {"stages.0.downsample", "stem"},
                                           {"head.", "head.fc."},
                                           {"norms.", "head.norm."},
                                           {"cpe.0", "cpe1"},
                                           {"cpe.1", "cpe2"}};
    move_stages(dict, "patch_embeds.", "downsample");
    move_stages(dict, "main_blocks.", "blocks");
    tm_replace_all(dict, names, sizeof names / sizeof *names);
}

/* Florence-2 has no norm in the head, and timm loads it with one that has not been trained. */
static void complete_head(tm_state_dict *dict, const tm_graph *graph)
{
    const tm_node *weight = tm_find_param(graph, "head.norm.weight");
    tm_keep_known(dict, graph);
    if (!weight || tm_state_find(dict, "head.norm.weight"))
        return;
    tm_add_vector(dict, "head.norm.weight", weight->dims[0], true);
    tm_add_vector(dict, "head.norm.bias", weight->dims[0], false);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    const davit_variant *v = variant;
    if (tm_state_find(dict, "vision_tower.convs.0.proj.weight"))
        filter_florence(dict);
    else if (!tm_state_find(dict, "stem.conv.weight"))
        filter_microsoft(dict);
    if (v->florence)
        complete_head(dict, graph);
}

static const tm_argument arguments[] = {
    TM_TAKES(davit_variant, "depths", LIST, depths, TM_DEPTHS),
    TM_TAKES(davit_variant, "embed_dims", LIST, dims, TM_WIDTHS),
    TM_TAKES(davit_variant, "num_heads", LIST, heads, TM_HEADS),
    TM_TAKES(davit_variant, "window_size", INTEGER, window, 1, 64),
};

const tm_family tm_family_davit = {.module = "davit",
                                   TM_VARIANTS(variants),
                                   TM_ARGUMENTS(arguments),
                                   .build = build,
                                   .filter = filter};
