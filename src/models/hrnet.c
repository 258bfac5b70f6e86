/* SPDX-License-Identifier: Apache-2.0 */
/* timm's hrnet.py: high-resolution networks (1908.07919), whose branches of halved sizes run side
 * by side and exchange what they see. */
#include <stdlib.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/residual.h"
#include "layers/taps.h"
#include "models/model.h"

enum { BRANCHES = 4, EXPANSION = 4, FEATURES = 2048 };

typedef struct hrnet_variant {
    const char *name;
    int stem_planes, stem_blocks; /* bottlenecks of the first stage; 0 blocks: as many as .blocks */
    int blocks;                   /* of a branch in a module */
    int width;                    /* of the first branch; each next one has twice */
    int modules[BRANCHES];        /* by how many branches there are before the stage */
    bool no_head_bias;
} hrnet_variant;

/* clang-format off */
static const hrnet_variant variants[] = {
    {.name = "hrnet_w18", .stem_planes = 64, .blocks = 4, .width = 18, .modules = {0, 1, 4, 3}},
    {.name = "hrnet_w18_small", .stem_planes = 32, .stem_blocks = 1, .blocks = 2, .width = 16,
     .modules = {0, 1, 1, 1}},
    {.name = "hrnet_w18_small_v2", .stem_planes = 64, .blocks = 2, .width = 18,
     .modules = {0, 1, 3, 2}},
    {.name = "hrnet_w18_ssld", .stem_planes = 64, .blocks = 4, .width = 18,
     .modules = {0, 1, 4, 3}, .no_head_bias = true},
    {.name = "hrnet_w30", .stem_planes = 64, .blocks = 4, .width = 30, .modules = {0, 1, 4, 3}},
    {.name = "hrnet_w32", .stem_planes = 64, .blocks = 4, .width = 32, .modules = {0, 1, 4, 3}},
    {.name = "hrnet_w40", .stem_planes = 64, .blocks = 4, .width = 40, .modules = {0, 1, 4, 3}},
    {.name = "hrnet_w44", .stem_planes = 64, .blocks = 4, .width = 44, .modules = {0, 1, 4, 3}},
    {.name = "hrnet_w48", .stem_planes = 64, .blocks = 4, .width = 48, .modules = {0, 1, 4, 3}},
    {.name = "hrnet_w48_ssld", .stem_planes = 64, .blocks = 4, .width = 48,
     .modules = {0, 1, 4, 3}, .no_head_bias = true},
    {.name = "hrnet_w64", .stem_planes = 64, .blocks = 4, .width = 64, .modules = {0, 1, 4, 3}},
};
/* clang-format on */

static tm_node *relu(tm_builder *b, tm_node *x)
{
    return tm_activate(b, x, TM_ACT_RELU);
}

/* ---- blocks ---- */

/* `count` blocks in the scope; planes: channels of a bottleneck's middle, 0: basic blocks */
static tm_node *layer(tm_builder *b, tm_node *x, int out, int planes, int count)
{
    for (int i = 0; i < count; i++) {
        tm_push(b, "%d", i);
        tm_node *y =
            tm_residual_branch(b, x, (tm_residual){.out = out, .bottleneck = planes, .stride = 1});
        if (x->shape.c != out)
            x = tm_conv_norm(b, "downsample.0", "downsample.1", x,
                             (tm_conv){.out = out, .kernel = 1});
        x = relu(b, tm_add(b, y, x));
        tm_pop(b);
    }
    return x;
}

/* `count` 3x3 convolutions of stride 2 in the scope, the last of `out` channels */
static tm_node *downsample(tm_builder *b, tm_node *x, int out, int count, bool active_end)
{
    for (int i = 0; i < count; i++) {
        bool last = i == count - 1;
        tm_conv conv = {.out = last ? out : x->shape.c, .kernel = 3, .stride = 2};
        tm_push(b, "%d", i);
        x = tm_conv_norm(b, "0", "1", x, conv);
        tm_pop(b);
        if (!last || active_end)
            x = relu(b, x);
    }
    return x;
}

/* every pixel `factor` times across and down */
static tm_node *upsample(tm_builder *b, tm_node *x, int factor)
{
    int h = x->shape.h * factor, w = x->shape.w * factor;
    int *from = malloc((size_t)h * (size_t)w * sizeof *from);
    if (!from) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for a map of %d x %d pixels", h, w);
        return x;
    }
    for (int i = 0; i < h * w; i++)
        from[i] = i / w / factor * x->shape.w + i % w / factor;
    x = tm_gather_pixels(b, x, h, w, from);
    free(from);
    return x;
}

/* ---- branches ---- */

typedef struct branches {
    tm_node *x[BRANCHES];
    int count;
} branches;

/* Branch `from` as branch `to` sees it. */
static tm_node *seen(tm_builder *b, const branches *all, int from, int to)
{
    tm_node *x = all->x[from], *target = all->x[to];
    tm_push(b, "%d.%d", to, from);
    if (from > to) {
        x = tm_conv_norm(b, "0", "1", x, (tm_conv){.out = target->shape.c, .kernel = 1});
        x = upsample(b, x, 1 << (from - to));
    } else if (from < to) {
        x = downsample(b, x, target->shape.c, to - from, false);
    }
    tm_pop(b);
    if (x->shape.h == target->shape.h && x->shape.w == target->shape.w)
        return x;
    tm_refuse(b, "image of %d x %d: this family halves its branches and takes multiples of 32",
              b->options.img_h, b->options.img_w);
    return target;
}

/* Every branch becomes the sum of all as it sees them. */
static branches fuse(tm_builder *b, const branches *all)
{
    branches fused = {.count = all->count};
    tm_push(b, "fuse_layers");
    for (int to = 0; to < all->count; to++) {
        tm_node *sum = seen(b, all, 0, to);
        for (int from = 1; from < all->count; from++)
            sum = tm_add(b, sum, seen(b, all, from, to));
        fused.x[to] = relu(b, sum);
    }
    tm_pop(b);
    return fused;
}

static branches module(tm_builder *b, const hrnet_variant *v, branches all)
{
    for (int i = 0; i < all.count; i++) {
        tm_push(b, "branches.%d", i);
        all.x[i] = layer(b, all.x[i], all.x[i]->shape.c, 0, v->blocks);
        tm_pop(b);
    }
    return fuse(b, &all);
}

/* A new branch of half the size of the last; the very first branch gets its channels, too. */
static void transition(tm_builder *b, const hrnet_variant *v, branches *all)
{
    tm_node *last = all->x[all->count - 1];
    tm_push(b, "transition%d", all->count);
    if (all->count == 1)
        all->x[0] =
            relu(b, tm_conv_norm(b, "0.0", "0.1", last, (tm_conv){.out = v->width, .kernel = 3}));
    tm_push(b, "%d", all->count);
    all->x[all->count] = downsample(b, last, v->width << all->count, 1, true);
    tm_pop(b);
    tm_pop(b);
    all->count++;
}

static branches stages(tm_builder *b, const hrnet_variant *v, tm_node *x)
{
    branches all = {.x = {x}, .count = 1};
    while (all.count < BRANCHES) {
        int modules = v->modules[all.count];
        transition(b, v, &all);
        for (int i = 0; i < modules; i++) {
            tm_push(b, "stage%d.%d", all.count, i);
            all = module(b, v, all);
            tm_pop(b);
        }
    }
    return all;
}

/* ---- ends ---- */

static tm_node *stem(tm_builder *b, const hrnet_variant *v)
{
    tm_conv conv = {.out = 64, .kernel = 3, .stride = 2};
    tm_node *x = relu(b, tm_conv_norm(b, "conv1", "bn1", b->graph->input, conv));
    tm_tap_stage(b, "stem", x, 2);
    x = relu(b, tm_conv_norm(b, "conv2", "bn2", x, conv));
    tm_push(b, "layer1");
    x = layer(b, x, EXPANSION * v->stem_planes, v->stem_planes,
              v->stem_blocks ? v->stem_blocks : v->blocks);
    tm_pop(b);
    return x;
}

/* The branches with more channels, each added to the one before it at half its size. */
static tm_node *aggregate(tm_builder *b, const hrnet_variant *v, const branches *all)
{
    static const char *const names[BRANCHES] = {"stage1", "stage2", "stage3", "stage4"};
    tm_node *sum = NULL;
    for (int i = 0; i < BRANCHES; i++) {
        int planes = 32 << i;
        tm_push(b, "incre_modules.%d", i);
        tm_node *x = layer(b, all->x[i], EXPANSION * planes, planes, 1);
        tm_pop(b);
        tm_tap_stage(b, names[i], x, 4 << i);
        if (!sum) {
            sum = x;
            continue;
        }
        tm_conv conv = {.out = x->shape.c, .kernel = 3, .stride = 2, .bias = !v->no_head_bias};
        tm_push(b, "downsamp_modules.%d", i - 1);
        sum = tm_add(b, x, relu(b, tm_conv_norm(b, "0", "1", sum, conv)));
        tm_pop(b);
    }
    tm_push(b, "final_layer");
    sum = tm_conv_norm(b, "0", "1", sum,
                       (tm_conv){.out = FEATURES, .kernel = 1, .bias = !v->no_head_bias});
    tm_pop(b);
    return relu(b, sum);
}

static void build(tm_builder *b, const void *variant)
{
    const hrnet_variant *v = variant;
    branches all = stages(b, v, stem(b, v));
    tm_node *x = aggregate(b, v, &all);
    b->graph->pruning = TM_PRUNING_OWN;
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "classifier");
}

const tm_family tm_family_hrnet = {.module = "hrnet", TM_VARIANTS(variants), .build = build};
