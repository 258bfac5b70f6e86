/* SPDX-License-Identifier: Apache-2.0 */
/* Anti-aliasing. */
#ifndef TM_LAYERS_BLUR_POOL_H
#define TM_LAYERS_BLUR_POOL_H

#include "ops/nn.h"

/* timm's BlurPool2d: binomial 3x3 filter of every channel. */
tm_node *tm_blur_pool(tm_builder *b, tm_node *x, int stride, tm_pad_mode padding);

/* Anti-aliasing in place of a stride (timm's create_aa). */
typedef enum tm_aa_kind {
    TM_AA_NONE,
    TM_AA_AVG,      /* average of stride x stride pixels */
    TM_AA_BLUR,     /* blur pool, reflect padding */
    TM_AA_BLUR_ZERO /* blur pool, zero padding: timm's "blurpc" */
} tm_aa_kind;

tm_node *tm_anti_alias(tm_builder *b, tm_node *x, tm_aa_kind kind, int stride);

#endif
