/* SPDX-License-Identifier: Apache-2.0 */
/* timm's xception.py: Xception (1610.02357) as Keras has it. */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/taps.h"
#include "models/model.h"

enum { BLOCKS = 12 };

typedef struct xception_variant {
    const char *name;
} xception_variant;

static const xception_variant variants[] = {{.name = "legacy_xception"}};

typedef struct block {
    int out, convs;
    bool strided;    /* by a max pool at its end */
    bool grows_last; /* the last convolution makes the channels more, not the first */
    bool bare;       /* no activation before the first convolution */
} block;

static const block blocks[BLOCKS] = {
    {.out = 128, .convs = 2, .strided = true, .bare = true},
    {.out = 256, .convs = 2, .strided = true},
    {.out = 728, .convs = 2, .strided = true},
    {.out = 728, .convs = 3},
    {.out = 728, .convs = 3},
    {.out = 728, .convs = 3},
    {.out = 728, .convs = 3},
    {.out = 728, .convs = 3},
    {.out = 728, .convs = 3},
    {.out = 728, .convs = 3},
    {.out = 728, .convs = 3},
    {.out = 1024, .convs = 2, .strided = true, .grows_last = true},
};

static tm_node *norm(tm_builder *b, const char *name, tm_node *x)
{
    return tm_normalize(b, name, x, (tm_norm){.kind = TM_NORM_BATCH});
}

static tm_node *relu(tm_builder *b, tm_node *x)
{
    return tm_activate(b, x, TM_ACT_RELU);
}

static tm_node *separable_conv(tm_builder *b, const char *name, tm_node *x, int out)
{
    tm_conv depthwise = {.out = x->shape.c, .kernel = 3, .groups = TM_DEPTHWISE};
    tm_push(b, "%s", name);
    x = tm_conv2d(b, "conv1", x, depthwise);
    x = tm_conv2d(b, "pointwise", x, (tm_conv){.out = out, .kernel = 1});
    tm_pop(b);
    return x;
}

/* The members of `rep` are numbered: activation, convolution, norm. `active`: x, activated unless
 * the block is bare. */
static tm_node *run_block(tm_builder *b, const block *k, tm_node *x, tm_node *active)
{
    tm_node *y = active;
    for (int i = 0; i < k->convs; i++) {
        char name[16];
        int at = 3 * i + (k->bare ? 0 : 1);
        int out = k->grows_last && i < k->convs - 1 ? x->shape.c : k->out;
        if (i)
            y = relu(b, y);
        snprintf(name, sizeof name, "rep.%d", at);
        y = separable_conv(b, name, y, out);
        snprintf(name, sizeof name, "rep.%d", at + 1);
        y = norm(b, name, y);
    }
    if (!k->strided)
        return tm_add(b, y, x);
    y = tm_pool2d(b, y, (tm_pool){.max = true, .kernel = 3, .stride = 2, .pad = 1});
    x = tm_conv2d(b, "skip", x, (tm_conv){.out = k->out, .kernel = 1, .stride = 2});
    return tm_add(b, y, norm(b, "skipbn", x));
}

static tm_node *stem(tm_builder *b, tm_node *x)
{
    tm_conv conv = {.out = 32, .kernel = 3, .stride = 2, .padding = TM_PAD_VALID};
    x = relu(b, norm(b, "bn1", tm_conv2d(b, "conv1", x, conv)));
    conv.out = 64;
    conv.stride = 1;
    return relu(b, norm(b, "bn2", tm_conv2d(b, "conv2", x, conv)));
}

/* the input of these blocks, once activated, is a feature */
static void tap_block(tm_builder *b, int number, tm_node *active)
{
    int reduction = number == 2 ? 4 : number == 3 ? 8 : number == BLOCKS ? 16 : 0;
    if (!reduction)
        return;
    char module[24];
    snprintf(module, sizeof module, "block%d.rep.0", number);
    tm_tap_stage(b, module, active, reduction);
}

static void build(tm_builder *b, const void *variant)
{
    (void)variant;
    tm_node *x = stem(b, b->graph->input);
    tm_tap_stage(b, "act2", x, 2);
    for (int i = 0; i < BLOCKS; i++) {
        tm_node *active = blocks[i].bare ? x : relu(b, x);
        tap_block(b, i + 1, active);
        tm_push(b, "block%d", i + 1);
        x = run_block(b, &blocks[i], x, active);
        tm_pop(b);
    }
    x = relu(b, norm(b, "bn3", separable_conv(b, "conv3", x, 1536)));
    x = relu(b, norm(b, "bn4", separable_conv(b, "conv4", x, 2048)));
    tm_tap_stage(b, "act4", x, 32);
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "fc");
}

const tm_family tm_family_xception = {.module = "xception", TM_VARIANTS(variants), .build = build};
