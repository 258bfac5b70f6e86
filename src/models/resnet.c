/* SPDX-License-Identifier: Apache-2.0 */
/* timm's resnet.py: ResNet (1512.03385) and its kin: B to T stems and shortcuts (1812.01187),
 * ResNeXt (1611.05431), wide (1605.07146), SE (1709.01507), ECA (1910.03151), anti-aliased
 * (1904.11486), ResNet-RS (2103.07579), SENet-154. */
#include "models/resnet.h"

#include <string.h>

#include "layers/blur_pool.h"
#include "layers/classifier.h"
#include "layers/downsample.h"
#include "layers/eca.h"
#include "layers/make_divisible.h"
#include "layers/squeeze_excite.h"
#include "layers/stages.h"
#include "layers/taps.h"
#include "models/model.h"
#include "models/pruned.h"

typedef enum stem_kind {
    SEVEN,      /* one 7x7 convolution */
    DEEP,       /* three 3x3 of widths w, w, 2w */
    DEEP_TIERED /* three 3x3 of widths 3w/4, w, 2w */
} stem_kind;

typedef enum attn_kind { NO_ATTN, SE, SE_QUARTER, ECA } attn_kind;
typedef enum aa_kind { NO_AA, BLUR, AVG } aa_kind;

typedef struct resnet_variant {
    const char *name;
    bool bottleneck;
    int bottleneck_stage; /* the only stage (from 1) whose blocks are bottlenecks */
    int layers[4], channels[4] /* 64, 128, 256, 512 */;
    stem_kind stem;
    int stem_width;      /* 64 */
    bool conv_stem_pool; /* a strided convolution in place of the max pool */
    bool avg_down;       /* 2x2 average pool and 1x1 convolution on the shortcut */
    int down_kernel;     /* 1 */
    int reduce_first;    /* 1 */
    int cardinality;     /* 1 */
    int base_width;      /* 64 */
    attn_kind attn;
    aa_kind aa;
    bool group_norm, pruned;
} resnet_variant;

/* clang-format off */
static const resnet_variant variants[] = {
    {.name = "ecaresnet26t", .bottleneck = true, .layers = {2, 2, 2, 2}, .stem = DEEP_TIERED,
     .attn = ECA, .stem_width = 32, .avg_down = true},
    {.name = "ecaresnet50d", .bottleneck = true, .layers = {3, 4, 6, 3}, .stem = DEEP,
     .attn = ECA, .stem_width = 32, .avg_down = true},
    {.name = "ecaresnet50d_pruned", .bottleneck = true, .layers = {3, 4, 6, 3}, .stem = DEEP,
     .attn = ECA, .pruned = true, .stem_width = 32, .avg_down = true},
    {.name = "ecaresnet50t", .bottleneck = true, .layers = {3, 4, 6, 3}, .stem = DEEP_TIERED,
     .attn = ECA, .stem_width = 32, .avg_down = true},
    {.name = "ecaresnet101d", .bottleneck = true, .layers = {3, 4, 23, 3}, .stem = DEEP,
     .attn = ECA, .stem_width = 32, .avg_down = true},
    {.name = "ecaresnet101d_pruned", .bottleneck = true, .layers = {3, 4, 23, 3}, .stem = DEEP,
     .attn = ECA, .pruned = true, .stem_width = 32, .avg_down = true},
    {.name = "ecaresnet200d", .bottleneck = true, .layers = {3, 24, 36, 3}, .stem = DEEP,
     .attn = ECA, .stem_width = 32, .avg_down = true},
    {.name = "ecaresnet269d", .bottleneck = true, .layers = {3, 30, 48, 8}, .stem = DEEP,
     .attn = ECA, .stem_width = 32, .avg_down = true},
    {.name = "ecaresnetlight", .bottleneck = true, .layers = {1, 1, 11, 3}, .attn = ECA,
     .stem_width = 32, .avg_down = true},
    {.name = "ecaresnext26t_32x4d", .bottleneck = true, .layers = {2, 2, 2, 2},
     .stem = DEEP_TIERED, .attn = ECA, .cardinality = 32, .base_width = 4, .stem_width = 32, .avg_down = true},
    {.name = "ecaresnext50t_32x4d", .bottleneck = true, .layers = {3, 4, 6, 3},
     .stem = DEEP_TIERED, .attn = ECA, .cardinality = 32, .base_width = 4, .stem_width = 32, .avg_down = true},
    {.name = "resnet10t", .layers = {1, 1, 1, 1}, .stem = DEEP_TIERED, .stem_width = 32,
     .avg_down = true},
    {.name = "resnet14t", .bottleneck = true, .layers = {1, 1, 1, 1}, .stem = DEEP_TIERED,
     .stem_width = 32, .avg_down = true},
    {.name = "resnet18", .layers = {2, 2, 2, 2}},
    {.name = "resnet18d", .layers = {2, 2, 2, 2}, .stem = DEEP, .stem_width = 32, .avg_down = true},
    {.name = "resnet26", .bottleneck = true, .layers = {2, 2, 2, 2}},
    {.name = "resnet26d", .bottleneck = true, .layers = {2, 2, 2, 2}, .stem = DEEP,
     .stem_width = 32, .avg_down = true},
    {.name = "resnet26t", .bottleneck = true, .layers = {2, 2, 2, 2}, .stem = DEEP_TIERED,
     .stem_width = 32, .avg_down = true},
    {.name = "resnet34", .layers = {3, 4, 6, 3}},
    {.name = "resnet34d", .layers = {3, 4, 6, 3}, .stem = DEEP, .stem_width = 32, .avg_down = true},
    {.name = "resnet50", .bottleneck = true, .layers = {3, 4, 6, 3}},
    {.name = "resnet50_gn", .bottleneck = true, .layers = {3, 4, 6, 3}, .group_norm = true},
    {.name = "resnet50c", .bottleneck = true, .layers = {3, 4, 6, 3}, .stem = DEEP,
     .stem_width = 32},
    {.name = "resnet50d", .bottleneck = true, .layers = {3, 4, 6, 3}, .stem = DEEP,
     .stem_width = 32, .avg_down = true},
    {.name = "resnet50s", .bottleneck = true, .layers = {3, 4, 6, 3}, .stem = DEEP,
     .stem_width = 64},
    {.name = "resnet50t", .bottleneck = true, .layers = {3, 4, 6, 3}, .stem = DEEP_TIERED,
     .stem_width = 32, .avg_down = true},
    {.name = "resnet101", .bottleneck = true, .layers = {3, 4, 23, 3}},
    {.name = "resnet101c", .bottleneck = true, .layers = {3, 4, 23, 3}, .stem = DEEP,
     .stem_width = 32},
    {.name = "resnet101d", .bottleneck = true, .layers = {3, 4, 23, 3}, .stem = DEEP,
     .stem_width = 32, .avg_down = true},
    {.name = "resnet101s", .bottleneck = true, .layers = {3, 4, 23, 3}, .stem = DEEP,
     .stem_width = 64},
    {.name = "resnet152", .bottleneck = true, .layers = {3, 8, 36, 3}},
    {.name = "resnet152c", .bottleneck = true, .layers = {3, 8, 36, 3}, .stem = DEEP,
     .stem_width = 32},
    {.name = "resnet152d", .bottleneck = true, .layers = {3, 8, 36, 3}, .stem = DEEP,
     .stem_width = 32, .avg_down = true},
    {.name = "resnet152s", .bottleneck = true, .layers = {3, 8, 36, 3}, .stem = DEEP,
     .stem_width = 64},
    {.name = "resnet200", .bottleneck = true, .layers = {3, 24, 36, 3}},
    {.name = "resnet200d", .bottleneck = true, .layers = {3, 24, 36, 3}, .stem = DEEP,
     .stem_width = 32, .avg_down = true},
    {.name = "resnetaa34d", .layers = {3, 4, 6, 3}, .stem = DEEP, .aa = AVG, .stem_width = 32,
     .avg_down = true},
    {.name = "resnetaa50", .bottleneck = true, .layers = {3, 4, 6, 3}, .aa = AVG},
    {.name = "resnetaa50d", .bottleneck = true, .layers = {3, 4, 6, 3}, .stem = DEEP, .aa = AVG,
     .stem_width = 32, .avg_down = true},
    {.name = "resnetaa101d", .bottleneck = true, .layers = {3, 4, 23, 3}, .stem = DEEP,
     .aa = AVG, .stem_width = 32, .avg_down = true},
    {.name = "resnetblur18", .layers = {2, 2, 2, 2}, .aa = BLUR},
    {.name = "resnetblur50", .bottleneck = true, .layers = {3, 4, 6, 3}, .aa = BLUR},
    {.name = "resnetblur50d", .bottleneck = true, .layers = {3, 4, 6, 3}, .stem = DEEP,
     .aa = BLUR, .stem_width = 32, .avg_down = true},
    {.name = "resnetblur101d", .bottleneck = true, .layers = {3, 4, 23, 3}, .stem = DEEP,
     .aa = BLUR, .stem_width = 32, .avg_down = true},
    {.name = "resnetrs50", .bottleneck = true, .layers = {3, 4, 6, 3}, .stem = DEEP,
     .attn = SE_QUARTER, .stem_width = 32, .conv_stem_pool = true, .avg_down = true},
    {.name = "resnetrs101", .bottleneck = true, .layers = {3, 4, 23, 3}, .stem = DEEP,
     .attn = SE_QUARTER, .stem_width = 32, .conv_stem_pool = true, .avg_down = true},
    {.name = "resnetrs152", .bottleneck = true, .layers = {3, 8, 36, 3}, .stem = DEEP,
     .attn = SE_QUARTER, .stem_width = 32, .conv_stem_pool = true, .avg_down = true},
    {.name = "resnetrs200", .bottleneck = true, .layers = {3, 24, 36, 3}, .stem = DEEP,
     .attn = SE_QUARTER, .stem_width = 32, .conv_stem_pool = true, .avg_down = true},
    {.name = "resnetrs270", .bottleneck = true, .layers = {4, 29, 53, 4}, .stem = DEEP,
     .attn = SE_QUARTER, .stem_width = 32, .conv_stem_pool = true, .avg_down = true},
    {.name = "resnetrs350", .bottleneck = true, .layers = {4, 36, 72, 4}, .stem = DEEP,
     .attn = SE_QUARTER, .stem_width = 32, .conv_stem_pool = true, .avg_down = true},
    {.name = "resnetrs420", .bottleneck = true, .layers = {4, 44, 87, 4}, .stem = DEEP,
     .attn = SE_QUARTER, .stem_width = 32, .conv_stem_pool = true, .avg_down = true},
    {.name = "resnext50_32x4d", .bottleneck = true, .layers = {3, 4, 6, 3}, .cardinality = 32,
     .base_width = 4},
    {.name = "resnext50d_32x4d", .bottleneck = true, .layers = {3, 4, 6, 3}, .stem = DEEP,
     .cardinality = 32, .base_width = 4, .stem_width = 32, .avg_down = true},
    {.name = "resnext101_32x4d", .bottleneck = true, .layers = {3, 4, 23, 3}, .cardinality = 32,
     .base_width = 4},
    {.name = "resnext101_32x8d", .bottleneck = true, .layers = {3, 4, 23, 3}, .cardinality = 32,
     .base_width = 8},
    {.name = "resnext101_32x16d", .bottleneck = true, .layers = {3, 4, 23, 3}, .cardinality = 32,
     .base_width = 16},
    {.name = "resnext101_32x32d", .bottleneck = true, .layers = {3, 4, 23, 3}, .cardinality = 32,
     .base_width = 32},
    {.name = "resnext101_64x4d", .bottleneck = true, .layers = {3, 4, 23, 3}, .cardinality = 64,
     .base_width = 4},
    {.name = "senet154", .bottleneck = true, .layers = {3, 8, 36, 3}, .stem = DEEP, .attn = SE,
     .cardinality = 64, .base_width = 4, .down_kernel = 3, .reduce_first = 2},
    {.name = "seresnet18", .layers = {2, 2, 2, 2}, .attn = SE},
    {.name = "seresnet34", .layers = {3, 4, 6, 3}, .attn = SE},
    {.name = "seresnet50", .bottleneck = true, .layers = {3, 4, 6, 3}, .attn = SE},
    {.name = "seresnet50t", .bottleneck = true, .layers = {3, 4, 6, 3}, .stem = DEEP_TIERED,
     .attn = SE, .stem_width = 32, .avg_down = true},
    {.name = "seresnet101", .bottleneck = true, .layers = {3, 4, 23, 3}, .attn = SE},
    {.name = "seresnet152", .bottleneck = true, .layers = {3, 8, 36, 3}, .attn = SE},
    {.name = "seresnet152d", .bottleneck = true, .layers = {3, 8, 36, 3}, .stem = DEEP,
     .attn = SE, .stem_width = 32, .avg_down = true},
    {.name = "seresnet200d", .bottleneck = true, .layers = {3, 24, 36, 3}, .stem = DEEP,
     .attn = SE, .stem_width = 32, .avg_down = true},
    {.name = "seresnet269d", .bottleneck = true, .layers = {3, 30, 48, 8}, .stem = DEEP,
     .attn = SE, .stem_width = 32, .avg_down = true},
    {.name = "seresnetaa50d", .bottleneck = true, .layers = {3, 4, 6, 3}, .stem = DEEP,
     .attn = SE, .aa = AVG, .stem_width = 32, .avg_down = true},
    {.name = "seresnext26d_32x4d", .bottleneck = true, .layers = {2, 2, 2, 2}, .stem = DEEP,
     .attn = SE, .cardinality = 32, .base_width = 4, .stem_width = 32, .avg_down = true},
    {.name = "seresnext26t_32x4d", .bottleneck = true, .layers = {2, 2, 2, 2},
     .stem = DEEP_TIERED, .attn = SE, .cardinality = 32, .base_width = 4, .stem_width = 32, .avg_down = true},
    {.name = "seresnext50_32x4d", .bottleneck = true, .layers = {3, 4, 6, 3}, .attn = SE,
     .cardinality = 32, .base_width = 4},
    {.name = "seresnext101_32x4d", .bottleneck = true, .layers = {3, 4, 23, 3}, .attn = SE,
     .cardinality = 32, .base_width = 4},
    {.name = "seresnext101_32x8d", .bottleneck = true, .layers = {3, 4, 23, 3}, .attn = SE,
     .cardinality = 32, .base_width = 8},
    {.name = "seresnext101_64x4d", .bottleneck = true, .layers = {3, 4, 23, 3}, .attn = SE,
     .cardinality = 64, .base_width = 4},
    {.name = "seresnext101d_32x8d", .bottleneck = true, .layers = {3, 4, 23, 3}, .stem = DEEP,
     .attn = SE, .cardinality = 32, .base_width = 8, .stem_width = 32, .avg_down = true},
    {.name = "seresnextaa101d_32x8d", .bottleneck = true, .layers = {3, 4, 23, 3}, .stem = DEEP,
     .attn = SE, .cardinality = 32, .base_width = 8, .stem_width = 32, .avg_down = true, .aa = AVG},
    {.name = "seresnextaa201d_32x8d", .bottleneck = true, .layers = {3, 24, 36, 4}, .stem = DEEP,
     .attn = SE, .cardinality = 32, .base_width = 8, .stem_width = 64, .avg_down = true, .aa = AVG},
    {.name = "test_resnet", .bottleneck_stage = 3, .layers = {1, 1, 1, 1}, .stem = DEEP,
     .stem_width = 16, .avg_down = true, .channels = {32, 48, 48, 96}},
    {.name = "wide_resnet50_2", .bottleneck = true, .layers = {3, 4, 6, 3}, .base_width = 128},
    {.name = "wide_resnet101_2", .bottleneck = true, .layers = {3, 4, 23, 3}, .base_width = 128},
};
/* clang-format on */

typedef struct resnet {
    tm_builder *b;
    const resnet_variant *v;
    const tm_resnet_design *design; /* NULL: blocks of this file */
    const void *design_variant;
} resnet;

static int or_default(int value, int fallback)
{
    return value ? value : fallback;
}

static tm_node *norm(const resnet *m, const char *name, tm_node *x)
{
    tm_norm_kind kind = m->v->group_norm ? TM_NORM_GROUP : TM_NORM_BATCH;
    return tm_normalize(m->b, name, x, (tm_norm){.kind = kind});
}

static tm_node *conv(const resnet *m, const char *name, tm_node *x, tm_conv c)
{
    return tm_conv2d(m->b, name, x, c);
}

static tm_node *relu(const resnet *m, tm_node *x)
{
    return tm_activate(m->b, x, TM_ACT_RELU);
}

static tm_node *anti_alias(const resnet *m, tm_node *x, int stride)
{
    if (m->v->aa == BLUR)
        return tm_blur_pool(m->b, x, stride, TM_PAD_REFLECT);
    return tm_pool2d(m->b, x, (tm_pool){.kernel = stride, .count_pad = true});
}

static tm_node *stem(const resnet *m, tm_node *x)
{
    const resnet_variant *v = m->v;
    int width = or_default(v->stem_width, 64);
    if (v->stem == SEVEN) {
        x = conv(m, "conv1", x, (tm_conv){.out = 64, .kernel = 7, .stride = 2});
    } else {
        int first = v->stem == DEEP_TIERED ? 3 * (width / 4) : width;
        x = conv(m, "conv1.0", x, (tm_conv){.out = first, .kernel = 3, .stride = 2});
        x = relu(m, norm(m, "conv1.1", x));
        x = conv(m, "conv1.3", x, (tm_conv){.out = width, .kernel = 3});
        x = relu(m, norm(m, "conv1.4", x));
        x = conv(m, "conv1.6", x, (tm_conv){.out = 2 * width, .kernel = 3});
    }
    return relu(m, norm(m, "bn1", x));
}

static tm_node *stem_pool(const resnet *m, tm_node *x)
{
    if (m->v->conv_stem_pool) {
        int stride = m->v->aa ? 1 : 2, next = m->v->aa ? 2 : 1;
        x = conv(m, "maxpool.0", x, (tm_conv){.out = x->shape.c, .kernel = 3, .stride = stride});
        if (m->v->aa)
            x = anti_alias(m, x, 2);
        return relu(m, norm(m, next == 1 ? "maxpool.1" : "maxpool.2", x));
    }
    if (m->v->aa == AVG)
        return anti_alias(m, x, 2);
    int stride = m->v->aa ? 1 : 2;
    x = tm_pool2d(m->b, x, (tm_pool){.max = true, .kernel = 3, .stride = stride, .pad = 1});
    return m->v->aa ? anti_alias(m, x, 2) : x;
}

static tm_node *shortcut(const resnet *m, tm_node *x, tm_resnet_place k)
{
    int out = k.planes * (k.bottleneck ? 4 : 1);
    bool still = k.stride == 1 && k.dilation == 1;
    if (m->v->avg_down) {
        x = tm_shortcut_pool(m->b, x, k.stride, k.dilation);
        x = conv(m, "downsample.1", x, (tm_conv){.out = out, .kernel = 1});
        return norm(m, "downsample.2", x);
    }
    int kernel = still ? 1 : or_default(m->v->down_kernel, 1);
    x = conv(m, "downsample.0", x,
             (tm_conv){.out = out,
                       .kernel = kernel,
                       .stride = k.stride,
                       .dilation = kernel > 1 ? k.first_dilation : 1});
    return norm(m, "downsample.1", x);
}

static tm_node *attention(const resnet *m, tm_node *x, int channels)
{
    switch (m->v->attn) {
    case SE:
        return tm_squeeze_excite(m->b, "se", x, tm_divisible(channels / 16.0, 8, 0.0));
    case SE_QUARTER:
        return tm_squeeze_excite(m->b, "se", x, tm_divisible(channels / 4.0, 8, 0.0));
    case ECA:
        return tm_efficient_channel_attention(m->b, "se", x, channels);
    case NO_ATTN:
        break;
    }
    return x;
}

/* the strided 3x3 convolution of a block, with anti-aliasing in place of its stride */
static tm_node *spatial(const resnet *m, const char *const names[2], tm_node *x, int out,
                        tm_resnet_place k)
{
    bool aa = m->v->aa && (k.stride == 2 || k.first_dilation != k.dilation);
    int groups = k.bottleneck ? or_default(m->v->cardinality, 1) : 1;
    x = conv(m, names[0], x,
             (tm_conv){.out = out,
                       .kernel = 3,
                       .stride = aa ? 1 : k.stride,
                       .dilation = k.first_dilation,
                       .padding = TM_PAD_EXPLICIT,
                       .pad = k.first_dilation,
                       .groups = groups});
    x = relu(m, norm(m, names[1], x));
    return aa ? anti_alias(m, x, k.stride) : x;
}

static tm_node *basic_block(const resnet *m, tm_node *x, tm_resnet_place k)
{
    int first = k.planes / or_default(m->v->reduce_first, 1);
    x = spatial(m, (const char *[]){"conv1", "bn1"}, x, first, k);
    x = conv(m, "conv2", x, (tm_conv){.out = k.planes, .kernel = 3, .dilation = k.dilation});
    return attention(m, norm(m, "bn2", x), k.planes);
}

static tm_node *bottleneck_block(const resnet *m, tm_node *x, tm_resnet_place k)
{
    int width = k.planes * or_default(m->v->base_width, 64) / 64 * or_default(m->v->cardinality, 1);
    int first = width / or_default(m->v->reduce_first, 1);
    x = conv(m, "conv1", x, (tm_conv){.out = first, .kernel = 1});
    x = relu(m, norm(m, "bn1", x));
    x = spatial(m, (const char *[]){"conv2", "bn2"}, x, width, k);
    x = conv(m, "conv3", x, (tm_conv){.out = k.planes * 4, .kernel = 1});
    return attention(m, norm(m, "bn3", x), k.planes * 4);
}

static tm_node *residual_block(const resnet *m, tm_node *x, tm_resnet_place k)
{
    tm_node *y;
    if (m->design)
        y = m->design->branch(m->b, m->design_variant, x, k);
    else
        y = k.bottleneck ? bottleneck_block(m, x, k) : basic_block(m, x, k);
    if (k.project)
        x = shortcut(m, x, k);
    return relu(m, tm_add(m->b, y, x));
}

static tm_node *stage(const resnet *m, tm_node *x, int index, tm_stage s, int *planes_in)
{
    static const int widths[] = {64, 128, 256, 512};
    const resnet_variant *v = m->v;
    int planes = or_default(v->channels[index], widths[index]);
    bool bottleneck = v->bottleneck || v->bottleneck_stage == index + 1;
    int out = planes * (bottleneck ? 4 : 1);
    tm_push(m->b, "layer%d", index + 1);
    for (int i = 0; i < v->layers[index]; i++) {
        tm_push(m->b, "%d", i);
        x = residual_block(
            m, x,
            (tm_resnet_place){.planes = planes,
                              .stride = i ? 1 : s.stride,
                              .dilation = s.dilation,
                              .first_dilation = i ? s.dilation : s.first_dilation,
                              .bottleneck = bottleneck,
                              .project = i == 0 && (s.stride != 1 || *planes_in != out)});
        tm_pop(m->b);
    }
    *planes_in = out;
    tm_pop(m->b);
    return x;
}

static tm_node *stem_and_stages(const resnet *m, tm_node *x, int stages, bool taps)
{
    static const char *const names[] = {"layer1", "layer2", "layer3", "layer4"};
    x = stem(m, x);
    int planes_in = m->v->stem == SEVEN ? 64 : 2 * or_default(m->v->stem_width, 64);
    tm_stages walk = taps ? tm_stages_begin(m->b, 4, 8) : tm_stages_backbone(4);
    if (taps)
        tm_tap_stage(m->b, "act1", x, 2);
    x = stem_pool(m, x);
    for (int i = 0; i < stages; i++) {
        tm_stage s = tm_stages_next(&walk, i ? 2 : 1);
        x = stage(m, x, i, s, &planes_in);
        if (taps)
            tm_tap_stage(m->b, names[i], x, s.reduction);
    }
    return x;
}

tm_node *tm_resnet_backbone(tm_builder *b, const char *arch, tm_node *x, int stages)
{
    resnet m = {.b = b};
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++)
        if (strcmp(variants[i].name, arch) == 0)
            m.v = &variants[i];
    TM_ASSERT(m.v);
    return stem_and_stages(&m, x, stages, false);
}

static void build_whole(const resnet *m)
{
    tm_builder *b = m->b;
    tm_node *x = stem_and_stages(m, b->graph->input, 4, true);
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "fc");
}

void tm_build_resnet(tm_builder *b, const tm_resnet_design *design, const void *variant)
{
    resnet_variant v = {.bottleneck = design->bottleneck,
                        .stem = design->deep_stem ? DEEP : SEVEN,
                        .stem_width = design->deep_stem,
                        .avg_down = design->deep_stem > 0};
    memcpy(v.layers, design->layers, sizeof v.layers);
    resnet m = {.b = b, .v = &v, .design = design, .design_variant = variant};
    build_whole(&m);
}

static void build(tm_builder *b, const void *variant)
{
    resnet m = {.b = b, .v = variant};
    if (m.v->pruned)
        tm_use_pruned_widths(b, m.v->name);
    build_whole(&m);
}

#define RESNET(name, kind, member, ...) TM_TAKES(resnet_variant, name, kind, member, __VA_ARGS__)
static const tm_argument arguments[] = {
    RESNET("layers", LIST, layers, TM_DEPTHS),
    RESNET("channels", LIST, channels, TM_WIDTHS),
    RESNET("stem_width", INTEGER, stem_width, TM_WIDTHS),
    RESNET("replace_stem_pool", FLAG, conv_stem_pool, TM_ANY),
    RESNET("avg_down", FLAG, avg_down, TM_ANY),
    RESNET("down_kernel_size", INTEGER, down_kernel, 1, 7),
    RESNET("block_reduce_first", INTEGER, reduce_first, 1, 64),
    RESNET("cardinality", INTEGER, cardinality, 1, 1024),
    RESNET("base_width", INTEGER, base_width, TM_WIDTHS),
};

const tm_family tm_family_resnet = {
    .module = "resnet", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
