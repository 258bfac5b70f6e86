/* SPDX-License-Identifier: Apache-2.0 */
/* timm's senet.py: the first ports of SE-ResNet, SE-ResNeXt and SENet-154 (1709.01507). */
#include "layers/classifier.h"
#include "layers/squeeze_excite.h"
#include "layers/taps.h"
#include "models/model.h"

typedef enum block_kind {
    BASIC,      /* two 3x3 convolutions */
    BOTTLENECK, /* the stride in the first, 1x1 convolution */
    NEXT,       /* grouped, the stride in the 3x3 */
    SENET       /* grouped, twice as wide; deep stem and 3x3 shortcuts */
} block_kind;

typedef struct senet_variant {
    const char *name;
    block_kind block;
    int layers[4];
} senet_variant;

static const senet_variant variants[] = {
    {.name = "legacy_senet154", .block = SENET, .layers = {3, 8, 36, 3}},
    {.name = "legacy_seresnet18", .block = BASIC, .layers = {2, 2, 2, 2}},
    {.name = "legacy_seresnet34", .block = BASIC, .layers = {3, 4, 6, 3}},
    {.name = "legacy_seresnet50", .block = BOTTLENECK, .layers = {3, 4, 6, 3}},
    {.name = "legacy_seresnet101", .block = BOTTLENECK, .layers = {3, 4, 23, 3}},
    {.name = "legacy_seresnet152", .block = BOTTLENECK, .layers = {3, 8, 36, 3}},
    {.name = "legacy_seresnext26_32x4d", .block = NEXT, .layers = {2, 2, 2, 2}},
    {.name = "legacy_seresnext50_32x4d", .block = NEXT, .layers = {3, 4, 6, 3}},
    {.name = "legacy_seresnext101_32x4d", .block = NEXT, .layers = {3, 4, 23, 3}},
};

static tm_node *conv_norm(tm_builder *b, const char *const names[2], tm_node *x, tm_conv conv,
                          tm_act_kind act)
{
    x = tm_normalize(b, names[1], tm_conv2d(b, names[0], x, conv),
                     (tm_norm){.kind = TM_NORM_BATCH});
    return tm_activate(b, x, act);
}

static const char *const first[] = {"conv1", "bn1"}, *const second[] = {"conv2", "bn2"},
                         *const third[] = {"conv3", "bn3"};

static tm_node *stem(tm_builder *b, bool deep, tm_node *x)
{
    tm_conv conv = {.out = 64, .kernel = deep ? 3 : 7, .stride = 2};
    tm_push(b, "layer0");
    x = conv_norm(b, first, x, conv, TM_ACT_RELU);
    if (deep) {
        conv.stride = 1;
        x = conv_norm(b, second, x, conv, TM_ACT_RELU);
        conv.out = 128;
        x = conv_norm(b, third, x, conv, TM_ACT_RELU);
    }
    tm_pop(b);
    return x;
}

/* the convolutions of a block, without the last one's activation for bottlenecks */
static tm_node *convs(tm_builder *b, block_kind kind, tm_node *x, int planes, int stride)
{
    tm_conv one = {.out = planes, .kernel = 1}, three = {.out = planes, .kernel = 3};
    switch (kind) {
    case BASIC:
        three.stride = stride;
        x = conv_norm(b, first, x, three, TM_ACT_RELU);
        three.stride = 1;
        return conv_norm(b, second, x, three, TM_ACT_RELU);
    case BOTTLENECK:
        one.stride = stride;
        break;
    case NEXT:
        one.out = three.out = planes / 16 * 32;
        three.stride = stride;
        three.groups = 32;
        break;
    case SENET:
        one.out = planes * 2;
        three.out = planes * 4;
        three.stride = stride;
        three.groups = 64;
        break;
    }
    x = conv_norm(b, first, x, one, TM_ACT_RELU);
    x = conv_norm(b, second, x, three, TM_ACT_RELU);
    return conv_norm(b, third, x, (tm_conv){.out = planes * 4, .kernel = 1}, TM_ACT_NONE);
}

static tm_node *residual_block(tm_builder *b, block_kind kind, tm_node *x, int planes, int stride)
{
    tm_node *y = convs(b, kind, x, planes, stride);
    int out = y->shape.c;
    y = tm_squeeze_excite(b, "se_module", y, out / 16);
    if (stride != 1 || x->shape.c != out)
        x = conv_norm(
            b, (const char *[]){"downsample.0", "downsample.1"}, x,
            (tm_conv){.out = out, .kernel = kind == SENET && stride != 1 ? 3 : 1, .stride = stride},
            TM_ACT_NONE);
    return tm_activate(b, tm_add(b, y, x), TM_ACT_RELU);
}

static void build(tm_builder *b, const void *variant)
{
    static const char *const names[] = {"layer1", "layer2", "layer3", "layer4"};
    const senet_variant *v = variant;
    tm_node *x = stem(b, v->block == SENET, b->graph->input);
    tm_tap_stage(b, "layer0", x, 2);
    x = tm_pool2d(b, x, (tm_pool){.max = true, .kernel = 3, .stride = 2, .ceil_mode = true});
    for (int s = 0; s < 4; s++) {
        tm_push(b, "%s", names[s]);
        for (int i = 0; i < v->layers[s]; i++) {
            tm_push(b, "%d", i);
            x = residual_block(b, v->block, x, 64 << s, i == 0 && s ? 2 : 1);
            tm_pop(b);
        }
        tm_pop(b);
        tm_tap_stage(b, names[s], x, 4 << s);
    }
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "last_linear");
}

static const tm_argument arguments[] = {
    TM_TAKES(senet_variant, "layers", LIST, layers, TM_DEPTHS),
};

const tm_family tm_family_senet = {
    .module = "senet", TM_VARIANTS(variants), TM_ARGUMENTS(arguments), .build = build};
