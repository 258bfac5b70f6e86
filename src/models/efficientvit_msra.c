/* SPDX-License-Identifier: Apache-2.0 */
/* timm's efficientvit_msra.py: EfficientViT of Microsoft Research Asia (2305.07027). */
#include <stdio.h>
#include <stdlib.h>

#include "layers/attention_biases.h"
#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/distilled_head.h"
#include "layers/squeeze_excite.h"
#include "layers/taps.h"
#include "layers/window.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 3, HEADS_MAX = 4, KEY = 16, WINDOW = 7, PATCH = 16 };

typedef struct efficientvit_variant {
    const char *name;
    int dims[STAGES], depths[STAGES], heads[STAGES];
    int kernels[HEADS_MAX]; /* of each head's queries */
} efficientvit_variant;

static const efficientvit_variant variants[] = {
    {"efficientvit_m0", {64, 128, 192}, {1, 2, 3}, {4, 4, 4}, {5, 5, 5, 5}},
    {"efficientvit_m1", {128, 144, 192}, {1, 2, 3}, {2, 3, 3}, {7, 5, 3, 3}},
    {"efficientvit_m2", {128, 192, 224}, {1, 2, 3}, {4, 3, 2}, {7, 5, 3, 3}},
    {"efficientvit_m3", {128, 240, 320}, {1, 2, 3}, {4, 3, 4}, {5, 5, 5, 5}},
    {"efficientvit_m4", {128, 256, 384}, {1, 2, 3}, {4, 4, 4}, {7, 5, 3, 3}},
    {"efficientvit_m5", {192, 288, 384}, {1, 3, 4}, {3, 3, 4}, {7, 5, 3, 3}},
};

static const tm_conv_tail plain = {0}, relu = {.act = TM_ACT_RELU};

static tm_node *pointwise(tm_builder *b, const char *name, tm_node *x, int out)
{
    return tm_conv_norm_act(b, name, x, (tm_conv){.out = out, .kernel = 1}, plain);
}

static tm_node *depthwise(tm_builder *b, const char *name, tm_node *x, int kernel)
{
    tm_conv conv = {.out = x->shape.c, .kernel = kernel, .groups = TM_DEPTHWISE};
    return tm_conv_norm_act(b, name, x, conv, plain);
}

static tm_node *feed_forward(tm_builder *b, const char *name, tm_node *x)
{
    int c = x->shape.c;
    tm_push(b, "%s.m", name);
    tm_node *y = tm_conv_norm_act(b, "pw1", x, (tm_conv){.out = 2 * c, .kernel = 1}, relu);
    y = pointwise(b, "pw2", y, c);
    tm_pop(b);
    return tm_add(b, x, y);
}

/* x + a depthwise convolution, then a feed-forward */
static tm_node *local(tm_builder *b, const char *conv, const char *ffn, tm_node *x)
{
    tm_push(b, "%s", conv);
    x = tm_add(b, x, depthwise(b, "m", x, 3));
    tm_pop(b);
    return feed_forward(b, ffn, x);
}

/* ---- attention ---- */

/* Windows, side x side pixels each, one below the other: a convolution of `kernel` does not see
 * from one into the next across the rows of zeros between them. */
static tm_node *convolve_windows(tm_builder *b, const char *name, tm_node *x, int side, int kernel)
{
    int windows = x->shape.h, step = side + kernel / 2, height = windows * step - kernel / 2;
    int *apart = malloc((size_t)(height + windows * side) * (size_t)side * sizeof *apart);
    int *back = apart ? apart + height * side : NULL;
    if (!apart) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for %d windows", windows);
        return x;
    }
    for (int i = 0; i < height * side; i++)
        apart[i] = i / side % step < side
                       ? (i / side / step * side + i / side % step) * side + i % side
                       : -1;
    for (int i = 0; i < windows * side * side; i++)
        back[i] = (i / side / side * step + i / side % side) * side + i % side;
    x = depthwise(b, name, tm_gather_pixels(b, x, height, side, apart), kernel);
    x = tm_gather_pixels(b, x, windows, side * side, back);
    free(apart);
    return x;
}

/* timm's CascadedGroupAttention of windows: a head sees its part of the channels and the answer of
 * the head before it. */
static tm_node *cascade(tm_builder *b, const efficientvit_variant *v, tm_node *x, int heads,
                        int side)
{
    int c = x->shape.c, part = c / heads;
    tm_node *answers[HEADS_MAX], *y = NULL;
    tm_distance_biases(b, "attention_biases", heads, side);
    tm_node *biases = tm_attention_biases(b, heads, side, side, 1);
    for (int i = 0; i < heads; i++) {
        char name[16];
        tm_node *own = tm_slice_c(b, x, i * part, part);
        snprintf(name, sizeof name, "qkvs.%d", i);
        y = pointwise(b, name, y ? tm_add(b, y, own) : own, 2 * KEY + part);
        snprintf(name, sizeof name, "dws.%d", i);
        tm_node *q = convolve_windows(b, name, tm_slice_c(b, y, 0, KEY), side, v->kernels[i]);
        tm_attention one = {.heads = 1, .bias = tm_const_slice(b, biases, 0, i, 1)};
        y = tm_attend(b, q, tm_slice_c(b, y, KEY, KEY), tm_slice_c(b, y, 2 * KEY, part), one);
        answers[i] = y;
    }
    x = tm_activate(b, tm_concat_c(b, heads, answers), TM_ACT_RELU);
    return pointwise(b, "proj.1", x, c);
}

static tm_node *block(tm_builder *b, const efficientvit_variant *v, tm_node *x, int heads,
                      int resolution)
{
    int side = resolution < WINDOW ? resolution : WINDOW, h = x->shape.h, w = x->shape.w;
    tm_window window = {.h = side, .w = side};
    x = local(b, "dw0", "ffn0", x);
    tm_push(b, "mixer.m.attn");
    tm_node *y = cascade(b, v, tm_window_partition(b, x, window), heads, side);
    tm_pop(b);
    x = tm_add(b, x, tm_window_reverse(b, y, h, w, window));
    return local(b, "dw1", "ffn1", x);
}

/* ---- the network ---- */

static tm_node *merge(tm_builder *b, tm_node *x, int out)
{
    int c = x->shape.c;
    tm_conv down = {.out = 4 * c, .kernel = 3, .stride = 2, .groups = TM_DEPTHWISE};
    tm_push(b, "patchmerge");
    x = tm_conv_norm_act(b, "conv1", x, (tm_conv){.out = 4 * c, .kernel = 1}, relu);
    x = tm_squeeze_excite(b, "se", tm_conv_norm_act(b, "conv2", x, down, relu), c);
    x = pointwise(b, "conv3", x, out);
    tm_pop(b);
    return x;
}

static tm_node *downsample(tm_builder *b, tm_node *x, int out)
{
    tm_push(b, "downsample");
    x = merge(b, local(b, "res1.0", "res1.1", x), out);
    x = local(b, "res2.0", "res2.1", x);
    tm_pop(b);
    return x;
}

static tm_node *stem(tm_builder *b, tm_node *x, int width)
{
    static const char *const names[] = {"conv1", "conv2", "conv3", "conv4"};
    tm_push(b, "patch_embed");
    for (int i = 0; i < 4; i++)
        x = tm_conv_norm_act(b, names[i], x,
                             (tm_conv){.out = width >> (3 - i), .kernel = 3, .stride = 2},
                             i < 3 ? relu : plain);
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const efficientvit_variant *v = variant;
    tm_shape picture = b->graph->input->shape;
    int resolution = (picture.h < picture.w ? picture.h : picture.w) / PATCH;
    if (resolution < 1) {
        tm_refuse(b, "picture %dx%d: smaller than a patch", picture.h, picture.w);
        return;
    }
    tm_node *x = stem(b, b->graph->input, v->dims[0]);
    for (int i = 0; i < STAGES; i++) {
        tm_push(b, "stages.%d", i);
        if (i) {
            x = downsample(b, x, v->dims[i]);
            resolution = (resolution + 1) / 2;
        }
        for (int k = 0; k < v->depths[i]; k++) {
            tm_push(b, "blocks.%d", k);
            x = block(b, v, x, v->heads[i], resolution);
            tm_pop(b);
        }
        tm_pop(b);
        tm_tap_stage_of(b, "stages", i, x, PATCH << i);
    }
    tm_tap_final(b, x);
    const char *pool = tm_pool_kind(b, "avg");
    tm_distilled_head(b, tm_global_pool(b, x, pool), pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_MAP,
                      (tm_distilled){.head = "head", .linear = "linear"});
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    tm_drop_containing(dict, "attention_bias_idxs");
}

static const tm_argument arguments[] = {
    TM_TAKES(efficientvit_variant, "embed_dim", LIST, dims, TM_WIDTHS),
    TM_TAKES(efficientvit_variant, "depth", LIST, depths, TM_DEPTHS),
};

const tm_family tm_family_efficientvit_msra = {.module = "efficientvit_msra",
                                               TM_VARIANTS(variants),
                                               TM_ARGUMENTS(arguments),
                                               .build = build,
                                               .filter = filter};
