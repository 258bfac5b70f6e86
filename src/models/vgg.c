/* SPDX-License-Identifier: Apache-2.0 */
/* timm's vgg.py: VGG (1409.1556), with and without batch norm; its first two linear layers are
 * convolutions. */
#include <stdio.h>

#include "layers/classifier.h"
#include "layers/taps.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 5, HIDDEN = 4096, WINDOW = 7 };

typedef struct vgg_variant {
    const char *name;
    int convs[STAGES];
    bool norm;
    double mlp_ratio; /* of the hidden layers, 1 */
} vgg_variant;

static const vgg_variant variants[] = {
    {.name = "vgg11", .convs = {1, 1, 2, 2, 2}},
    {.name = "vgg11_bn", .convs = {1, 1, 2, 2, 2}, .norm = true},
    {.name = "vgg13", .convs = {2, 2, 2, 2, 2}},
    {.name = "vgg13_bn", .convs = {2, 2, 2, 2, 2}, .norm = true},
    {.name = "vgg16", .convs = {2, 2, 3, 3, 3}},
    {.name = "vgg16_bn", .convs = {2, 2, 3, 3, 3}, .norm = true},
    {.name = "vgg19", .convs = {2, 2, 4, 4, 4}},
    {.name = "vgg19_bn", .convs = {2, 2, 4, 4, 4}, .norm = true},
};

/* Convolution, norm and activation are numbered one by one; `index` counts on. */
static tm_node *conv(tm_builder *b, const vgg_variant *v, tm_node *x, int out, int *index)
{
    char name[16];
    snprintf(name, sizeof name, "%d", (*index)++);
    x = tm_conv2d(b, name, x, (tm_conv){.out = out, .kernel = 3, .bias = true});
    if (v->norm) {
        snprintf(name, sizeof name, "%d", (*index)++);
        x = tm_normalize(b, name, x, (tm_norm){.kind = TM_NORM_BATCH});
    }
    (*index)++;
    return tm_activate(b, x, TM_ACT_RELU);
}

static tm_node *features(tm_builder *b, const vgg_variant *v, tm_node *x)
{
    static const int widths[STAGES] = {64, 128, 256, 512, 512};
    char module[32];
    int index = 0;
    tm_push(b, "features");
    for (int s = 0; s < STAGES; s++) {
        for (int i = 0; i < v->convs[s]; i++)
            x = conv(b, v, x, widths[s], &index);
        snprintf(module, sizeof module, "features.%d", index - 1);
        tm_tap_stage(b, module, x, 1 << s);
        x = tm_pool2d(b, x, (tm_pool){.max = true, .kernel = 2});
        index++;
    }
    tm_pop(b);
    snprintf(module, sizeof module, "features.%d", index - 1);
    tm_tap_stage(b, module, x, 1 << STAGES);
    return x;
}

/* The hidden layers see windows of 7x7 pixels; a smaller map is stretched to one. */
static tm_node *hidden_layers(tm_builder *b, const vgg_variant *v, tm_node *x)
{
    int h = x->shape.h < WINDOW ? WINDOW : x->shape.h,
        w = x->shape.w < WINDOW ? WINDOW : x->shape.w;
    if (h != x->shape.h || w != x->shape.w)
        x = tm_adaptive_avg_pool2d(b, x, h, w);
    tm_conv layer = {.out = (int)(HIDDEN * (v->mlp_ratio > 0 ? v->mlp_ratio : 1)),
                     .kernel = WINDOW,
                     .padding = TM_PAD_VALID,
                     .bias = true};
    tm_push(b, "pre_logits");
    x = tm_activate(b, tm_conv2d(b, "fc1", x, layer), TM_ACT_RELU);
    layer.out = HIDDEN;
    layer.kernel = 1;
    x = tm_activate(b, tm_conv2d(b, "fc2", x, layer), TM_ACT_RELU);
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    tm_node *x = features(b, variant, b->graph->input);
    tm_tap_final(b, x);
    tm_classifier_head(b, hidden_layers(b, variant, x), "avg", "head.fc");
}

static void as_convolution(tm_state_dict *dict, const char *name, int in, int kernel)
{
    tm_tensor_view *view = tm_state_find(dict, name);
    if (view && view->rank == 2)
        tm_state_reshape(dict, view, 4, (int64_t[]){view->shape[0], in, kernel, kernel});
}

/* torchvision's hidden layers are linear. */
static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement table[] = {{"classifier.0", "pre_logits.fc1"},
                                           {"classifier.3", "pre_logits.fc2"},
                                           {"classifier.6", "head.fc"}};
    (void)graph, (void)variant;
    tm_replace_all(dict, table, sizeof table / sizeof *table);
    as_convolution(dict, "pre_logits.fc1.weight", 512, WINDOW);
    as_convolution(dict, "pre_logits.fc2.weight", HIDDEN, 1);
}

static const tm_argument arguments[] = {
    TM_TAKES(vgg_variant, "mlp_ratio", NUMBER, mlp_ratio, TM_RATIOS),
};

const tm_family tm_family_vgg = {.module = "vgg",
                                 TM_VARIANTS(variants),
                                 TM_ARGUMENTS(arguments),
                                 .build = build,
                                 .filter = filter};
