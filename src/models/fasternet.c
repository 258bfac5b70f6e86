/* SPDX-License-Identifier: Apache-2.0 */
/* timm's fasternet.py: FasterNet (2303.03667), whose blocks convolve a quarter of the channels. */
#include "layers/classifier.h"
#include "layers/taps.h"
#include "models/model.h"

typedef struct fasternet_variant {
    const char *name;
    int dim; /* of the first stage; it doubles */
    int depths[4];
    tm_act_kind act; /* NONE: ReLU */
} fasternet_variant;

static const fasternet_variant variants[] = {
    {.name = "fasternet_l", .dim = 192, .depths = {3, 4, 18, 3}},
    {.name = "fasternet_m", .dim = 144, .depths = {3, 4, 18, 3}},
    {.name = "fasternet_s", .dim = 128, .depths = {1, 2, 13, 2}},
    {.name = "fasternet_t0", .dim = 40, .depths = {1, 2, 8, 2}, .act = TM_ACT_GELU},
    {.name = "fasternet_t1", .dim = 64, .depths = {1, 2, 8, 2}, .act = TM_ACT_GELU},
    {.name = "fasternet_t2", .dim = 96, .depths = {1, 2, 8, 2}},
};

static const tm_norm batch = {.kind = TM_NORM_BATCH};

/* a convolution of patches and its norm */
static tm_node *patches(tm_builder *b, const char *name, tm_node *x, int out, int size)
{
    tm_conv conv = {.out = out, .kernel = size, .stride = size, .padding = TM_PAD_VALID};
    return tm_normalize(b, "norm", tm_conv2d(b, name, x, conv), batch);
}

static tm_node *block(tm_builder *b, tm_node *shortcut, tm_act_kind act)
{
    int dim = shortcut->shape.c, convolved = dim / 4;
    tm_node *parts[] = {tm_conv2d(b, "spatial_mixing.partial_conv3",
                                  tm_slice_c(b, shortcut, 0, convolved),
                                  (tm_conv){.out = convolved, .kernel = 3}),
                        tm_slice_c(b, shortcut, convolved, dim - convolved)};
    tm_node *x = tm_concat_c(b, 2, parts);
    tm_push(b, "mlp");
    x = tm_conv2d(b, "0", x, (tm_conv){.out = 2 * dim, .kernel = 1});
    x = tm_activate(b, tm_normalize(b, "1", x, batch), act);
    x = tm_conv2d(b, "3", x, (tm_conv){.out = dim, .kernel = 1});
    tm_pop(b);
    return tm_add(b, shortcut, x);
}

static tm_node *stage(tm_builder *b, const fasternet_variant *v, tm_node *x, int index,
                      tm_act_kind act)
{
    tm_push(b, "stages.%d", index);
    if (index > 0) {
        tm_push(b, "downsample");
        x = patches(b, "reduction", x, v->dim << index, 2);
        tm_pop(b);
    }
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(b, x, act);
        tm_pop(b);
    }
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const fasternet_variant *v = variant;
    tm_act_kind act = v->act ? v->act : TM_ACT_RELU;
    tm_push(b, "patch_embed");
    tm_node *x = patches(b, "proj", b->graph->input, v->dim, 4);
    tm_pop(b);
    for (int i = 0; i < 4; i++) {
        x = stage(b, v, x, i, act);
        tm_tap_stage_of(b, "stages", i, x, 4 << i);
    }
    tm_tap_final(b, x);
    tm_hidden_classifier_head(
        b, x,
        (tm_hidden_head){
            .conv = "conv_head", .classifier = "classifier", .hidden = 1280, .act = act});
}

static const tm_argument arguments[] = {
    TM_TAKES(fasternet_variant, "embed_dim", INTEGER, dim, TM_WIDTHS),
    TM_TAKES(fasternet_variant, "depths", LIST, depths, TM_DEPTHS),
};

const tm_family tm_family_fasternet = {
    .module = "fasternet", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
