/* SPDX-License-Identifier: Apache-2.0 */
#include "models/swin.h"

#include <stdio.h>

#include "layers/classifier.h"
#include "layers/patch_embed.h"

enum { PATCH = 4 };

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};

static bool is_any(tm_swin_any any)
{
    return any.dynamic || any.not_strict;
}

tm_shape tm_swin_map(const tm_builder *b, int index, tm_swin_any any)
{
    const tm_build_options *o = &b->options;
    int h = is_any(any) ? o->own_h : o->img_h, w = is_any(any) ? o->own_w : o->img_w;
    int scale = 1 << index;
    return (tm_shape){(h / PATCH + scale - 1) / scale, (w / PATCH + scale - 1) / scale, 0};
}

void tm_swin_check_size(tm_builder *b, tm_swin_any any)
{
    if (is_any(any))
        tm_require_whole_patches(b, PATCH);
}

void tm_swin_build(tm_builder *b, int width, tm_swin_stage *stage, const void *variant)
{
    tm_node *x = tm_patch_embed(b, "patch_embed", b->graph->input, width, PATCH, true);
    x = tm_normalize(b, "patch_embed.norm", x, norm);
    for (int i = 0; i < TM_SWIN_STAGES; i++) {
        char module[16];
        x = stage(b, variant, x, i);
        snprintf(module, sizeof module, "layers.%d", i);
        tm_tap_feature_as(b, module, x, PATCH << i, TM_LAYOUT_NHWC);
        bool last = i == TM_SWIN_STAGES - 1 && tm_option_norm_intermediates(b);
        tm_tap_intermediate(b, last ? tm_normalize(b, "norm", x, norm) : x, TM_LAYOUT_MAP);
    }
    x = tm_normalize(b, "norm", x, norm);
    tm_tap_output(b, TM_TAP_FINAL, x, TM_LAYOUT_NHWC);
    tm_tap_output(b, TM_TAP_FORWARD_FEATURES, x, TM_LAYOUT_NHWC);
    const char *pool = tm_pool_kind(b, "avg");
    x = tm_global_pool(b, x, pool);
    tm_classifier(b, x, pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_NHWC, "head.fc");
}
