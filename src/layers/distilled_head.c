/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/distilled_head.h"

static tm_node *classify(tm_builder *b, const char *name, tm_node *x, const char *linear)
{
    if (!linear)
        return tm_linear(b, name, x, b->options.num_classes, true);
    tm_push(b, "%s", name);
    x = tm_normalize(b, "bn", x, (tm_norm){.kind = TM_NORM_BATCH});
    x = tm_linear(b, linear, x, b->options.num_classes, true);
    tm_pop(b);
    return x;
}

void tm_distilled_head(tm_builder *b, tm_node *x, tm_layout layout, tm_distilled head)
{
    bool fits = layout == TM_LAYOUT_VECTOR || (layout == TM_LAYOUT_TOKENS && !head.linear);
    tm_tap_output(b, TM_TAP_PRE_LOGITS, x, layout);
    if (b->options.num_classes > 0 && !fits)
        tm_refuse(b, "pooling can only be left out together with the classifier (num_classes 0)");
    if (b->options.num_classes > 0) {
        tm_node *y = classify(b, head.head, x, head.linear);
        if (head.dist)
            y = tm_affine(b, tm_add(b, y, classify(b, head.dist, x, head.linear)), 0.5f, 0.0f);
        x = y;
    }
    tm_tap_output(b, TM_TAP_LOGITS, x, layout);
}

void tm_mean_of_heads(tm_builder *b, tm_node *before, tm_node *const xs[2],
                      const char *const names[2])
{
    int classes = b->options.num_classes;
    tm_node *x = before;
    tm_tap_output(b, TM_TAP_PRE_LOGITS, x, TM_LAYOUT_VECTOR);
    if (classes > 0) {
        tm_node *first = tm_linear(b, names[0], xs[0], classes, true);
        tm_node *second = tm_linear(b, names[1], xs[1], classes, true);
        x = tm_affine(b, tm_add(b, first, second), 0.5f, 0.0f);
    }
    tm_tap_output(b, TM_TAP_LOGITS, x, TM_LAYOUT_VECTOR);
}

void tm_distilled_token_head(tm_builder *b, tm_node *x)
{
    tm_node *tokens[] = {tm_slice_w(b, x, 0, 1), tm_slice_w(b, x, 1, 1)};
    x = tm_affine(b, tm_add(b, tokens[0], tokens[1]), 0.5f, 0.0f);
    tm_mean_of_heads(b, x, tokens, (const char *const[]){"head", "head_dist"});
}
