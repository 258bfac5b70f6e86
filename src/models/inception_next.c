/* SPDX-License-Identifier: Apache-2.0 */
/* timm's inception_next.py: InceptionNeXt (2303.16900), ConvNeXt whose depthwise convolution is cut
 * into branches: nothing, a square, and two bands. */
#include "layers/classifier.h"
#include "layers/mlp.h"
#include "layers/stages.h"
#include "layers/taps.h"
#include "models/model.h"

typedef struct inception_next_variant {
    const char *name;
    int depths[4], dims[4];
    int band;     /* 11 */
    double ratio; /* channels of a branch: 1/8 */
} inception_next_variant;

/* clang-format off */
static const inception_next_variant variants[] = {
    {.name = "inception_next_atto", .depths = {2, 2, 6, 2}, .dims = {40, 80, 160, 320}, .band = 9,
     .ratio = 0.25},
    {.name = "inception_next_base", .depths = {3, 3, 27, 3}, .dims = {128, 256, 512, 1024}},
    {.name = "inception_next_small", .depths = {3, 3, 27, 3}, .dims = {96, 192, 384, 768}},
    {.name = "inception_next_tiny", .depths = {3, 3, 9, 3}, .dims = {96, 192, 384, 768}},
};
/* clang-format on */

static const tm_norm norm = {.kind = TM_NORM_BATCH};

static tm_node *mix(tm_builder *b, const inception_next_variant *v, tm_node *x, int dilation)
{
    int band = v->band ? v->band : 11;
    int part = (int)(x->shape.c * (v->ratio > 0 ? v->ratio : 0.125)), rest = x->shape.c - 3 * part;
    tm_conv conv = {.out = part, .dilation = dilation, .groups = TM_DEPTHWISE, .bias = true};
    tm_node *parts[4] = {tm_slice_c(b, x, 0, rest)};
    const struct {
        const char *name;
        int h, w;
    } branches[] = {{"dwconv_hw", 3, 3}, {"dwconv_w", 1, band}, {"dwconv_h", band, 1}};
    tm_push(b, "token_mixer");
    for (int i = 0; i < 3; i++) {
        conv.kernel = branches[i].h;
        conv.kernel_w = branches[i].w;
        parts[i + 1] =
            tm_conv2d(b, branches[i].name, tm_slice_c(b, x, rest + i * part, part), conv);
    }
    tm_pop(b);
    return tm_concat_c(b, 4, parts);
}

static tm_node *block(tm_builder *b, const inception_next_variant *v, tm_node *x, int ratio,
                      int dilation)
{
    tm_node *y = tm_normalize(b, "norm", mix(b, v, x, dilation), norm);
    tm_ffn ffn = {.hidden = ratio * x->shape.c, .act = TM_ACT_GELU, .conv = true};
    y = tm_feed_forward(b, "mlp", y, ffn);
    return tm_add(b, tm_mul(b, y, tm_param1(b, "gamma", x->shape.c)), x);
}

static tm_node *stage(tm_builder *b, const inception_next_variant *v, tm_node *x, int index,
                      tm_stage s)
{
    tm_push(b, "stages.%d", index);
    if (index && (s.stride > 1 || s.first_dilation != s.dilation)) {
        x = tm_normalize(b, "downsample.0", x, norm);
        x = tm_conv2d(b, "downsample.1", x,
                      (tm_conv){.out = v->dims[index],
                                .kernel = 2,
                                .stride = s.stride,
                                .dilation = s.first_dilation,
                                .padding = s.dilation > 1 ? TM_PAD_SAME : TM_PAD_VALID,
                                .bias = true});
    } else if (index) {
        tm_refuse(b, "output stride %d: a stage without a stride cannot change its channels",
                  tm_option_output_stride(b));
    }
    for (int i = 0; i < v->depths[index]; i++) {
        tm_push(b, "blocks.%d", i);
        x = block(b, v, x, index == 3 ? 3 : 4, s.dilation);
        tm_pop(b);
    }
    tm_pop(b);
    return x;
}

/* timm's MlpClassifierHead: there is no way around its pool. */
static void head(tm_builder *b, tm_node *x)
{
    const char *pool = tm_pool_kind(b, "avg");
    int hidden = 3 * x->shape.c;
    if (!*pool)
        tm_refuse(b, "global pool '': cannot disable pooling");
    x = tm_global_pool(b, x, pool);
    tm_push(b, "head");
    x = tm_activate(b, tm_linear(b, "fc1", x, hidden, true), TM_ACT_GELU);
    x = tm_normalize(b, "norm", x, (tm_norm){.kind = TM_NORM_LAYER, .eps = 1e-6f});
    tm_pop(b);
    tm_classifier(b, x, TM_LAYOUT_VECTOR, "head.fc2");
}

static void build(tm_builder *b, const void *variant)
{
    const inception_next_variant *v = variant;
    tm_conv patches = {
        .out = v->dims[0], .kernel = 4, .stride = 4, .padding = TM_PAD_VALID, .bias = true};
    tm_node *x = tm_conv2d(b, "stem.0", b->graph->input, patches);
    x = tm_normalize(b, "stem.1", x, norm);
    tm_stages walk = tm_stages_begin(b, 4, 2);
    for (int i = 0; i < 4; i++) {
        tm_stage s = tm_stages_next(&walk, i ? 2 : 1);
        x = stage(b, v, x, i, s);
        tm_tap_stage_of(b, "stages", i, x, s.reduction);
    }
    tm_tap_final(b, x);
    head(b, x);
}

static const tm_argument arguments[] = {
    TM_TAKES(inception_next_variant, "depths", LIST, depths, TM_DEPTHS),
    TM_TAKES(inception_next_variant, "dims", LIST, dims, TM_WIDTHS),
};

const tm_family tm_family_inception_next = {
    .module = "inception_next", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
