/* SPDX-License-Identifier: Apache-2.0 */
/* timm's hieradet_sam2.py: the image encoder of SAM 2 (2408.00714). */
#include "layers/classifier.h"
#include "models/filters.h"
#include "models/hiera.h"

enum { WINDOW = 8 /* of the first stage */ };

typedef struct hieradet_variant {
    const char *name;
    tm_hiera hiera;
    int positions; /* side of those of the whole map */
} hieradet_variant;

/* clang-format off */
static const hieradet_variant variants[] = {
    {"sam2_hiera_tiny", {.width = 96, .heads = 1, .depths = {1, 2, 7, 2},
                         .windows = {WINDOW, 4, 14, 7}, .global_blocks = {5, 7, 9}}, 7},
    {"sam2_hiera_small", {.width = 96, .heads = 1, .depths = {1, 2, 11, 2},
                          .windows = {WINDOW, 4, 14, 7}, .global_blocks = {7, 10, 13}}, 7},
    {"sam2_hiera_base_plus", {.width = 112, .heads = 2, .depths = {2, 3, 16, 3},
                              .windows = {WINDOW, 4, 14, 7}, .global_blocks = {12, 16, 20}}, 14},
    {"sam2_hiera_large", {.width = 144, .heads = 2, .depths = {2, 6, 36, 4},
                          .windows = {WINDOW, 4, 16, 8}, .global_blocks = {23, 33, 43}}, 7},
    {"hieradet_small", {.width = 96, .heads = 1, .depths = {1, 2, 11, 2},
                        .windows = {WINDOW, 4, 16, 8}, .global_blocks = {7, 10, 13},
                        .layer_scale = true}, 7},
};
/* clang-format on */

static void build(tm_builder *b, const void *variant)
{
    const hieradet_variant *v = variant;
    tm_node *x = tm_hiera_patches(b, v->hiera.width);
    if (x->shape.h % WINDOW || x->shape.w % WINDOW) {
        tm_refuse(b, "picture %dx%d: its %dx%d patches do not divide into windows of %dx%d",
                  b->options.img_h, b->options.img_w, x->shape.h, x->shape.w, WINDOW, WINDOW);
        return;
    }
    x = tm_hiera_add_positions(b, x,
                               (tm_hiera_positions){.window = "pos_embed_window",
                                                    .side = v->positions,
                                                    .how = {.no_antialias = true}});
    x = tm_hiera_blocks(b, x, &v->hiera);
    tm_tap_output(b, TM_TAP_FINAL, x, TM_LAYOUT_NHWC);
    tm_tap_output(b, TM_TAP_FORWARD_FEATURES, x, TM_LAYOUT_NHWC);
    tm_channels_last_head(b, "head", x, TM_LAYOUT_NHWC, tm_hiera_norm);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    (void)graph, (void)variant;
    tm_state_replace(dict, "mlp.layers.0", "mlp.fc1");
    tm_state_replace(dict, "mlp.layers.1", "mlp.fc2");
}

static const tm_argument arguments[] = {
    TM_TAKES(hieradet_variant, "embed_dim", INTEGER, hiera.width, TM_WIDTHS),
    TM_TAKES(hieradet_variant, "num_heads", INTEGER, hiera.heads, TM_HEADS),
    TM_TAKES(hieradet_variant, "stages", LIST, hiera.depths, TM_DEPTHS),
};

const tm_family tm_family_hieradet_sam2 = {.module = "hieradet_sam2",
                                           TM_VARIANTS(variants),
                                           TM_ARGUMENTS(arguments),
                                           .build = build,
                                           .filter = filter};
