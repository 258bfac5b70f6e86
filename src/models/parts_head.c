/* SPDX-License-Identifier: Apache-2.0 */
#include "models/parts_head.h"

#include "models/parts.h"

void tm_conv_classifier_head(tm_builder *b, tm_node *x, const char *pool, const char *classifier)
{
    pool = tm_pool_kind(b, pool);
    tm_layout layout = pool[0] ? TM_LAYOUT_VECTOR : TM_LAYOUT_MAP;
    x = tm_global_pool(b, x, pool);
    tm_tap_output(b, TM_TAP_PRE_LOGITS, x, layout);
    if (b->options.num_classes > 0)
        x = tm_conv2d(b, classifier, x,
                      (tm_conv){.out = b->options.num_classes, .kernel = 1, .bias = true});
    tm_tap_output(b, TM_TAP_LOGITS, x, layout);
}
