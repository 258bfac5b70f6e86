/* SPDX-License-Identifier: Apache-2.0 */
/* Vision towers of language models, as timm wraps them: an encoder of patches, perhaps a projector
 * to the language model's width, and either a classifier around it or nothing. */
#ifndef TM_LAYERS_VISION_TOWER_H
#define TM_LAYERS_VISION_TOWER_H

#include "layers/mlp.h"
#include "ops/nn.h"

typedef struct tm_tower_block {
    int heads;
    tm_norm norm;
    tm_ffn ffn;
} tm_tower_block;

/* timm's PatchEmbed of a size that is not fixed: patches that do not divide the picture are
 * refused.
 */
tm_node *tm_tower_patches(tm_builder *b, int width, int patch);

/* `depth` blocks with rotary positions in halves of a head (timm's AttentionRope in x + attn(norm1
 * x), then x + mlp(norm2 x)) on the map of patches x; taps each block, with the scope's norm
 * `final` where intermediates are normed (NULL: there is none). Result a map. */
tm_node *tm_tower_blocks(tm_builder *b, tm_node *x, int depth, const tm_tower_block *block,
                         const tm_norm *final, int patch);

/* timm's classifier around a tower: the mean of what the encoder gives (a map, or its projector's
 * tokens), a norm without parameters, "head". Taps all outputs. */
void tm_tower_classifier(tm_builder *b, tm_node *x, tm_layout layout, tm_norm norm);

typedef struct tm_tower_width {
    const char *tag; /* of the pretrained weights */
    int width;       /* of the language model that they are from */
} tm_tower_width;

/* The projector's width: `asked` (timm's out_features), or where it is 0, that of the model's tag.
 */
int tm_tower_out_features(tm_builder *b, int asked, const tm_tower_width *table, size_t count);

/* The encoder's own pool: the option "", "avg" or `projector`, else `projector`. */
const char *tm_tower_pool(tm_builder *b, const char *projector);
/* timm's encoder alone, of class `name`: x is forward_features, y what the pool makes of it. There
 * are no logits; a number of classes is refused. */
void tm_tower_encoder(tm_builder *b, const char *name, tm_node *x, tm_layout x_layout, tm_node *y,
                      tm_layout y_layout);
/* What a model without a classifier ends with: y is the model's answer; there are no logits, and a
 * number of classes is refused. `name`: of timm's class. */
void tm_tap_embedding(tm_builder *b, const char *name, tm_node *y, tm_layout layout);

/* A tower of patches whose projector may be left out. */
typedef struct tm_tower {
    const char *encoder;   /* timm's class */
    const char *projector; /* its pool that projects */
    tm_norm norm;          /* of the classifier */
    /* of the family's variant: a map of patches, and the language model's tokens of it */
    tm_node *(*encode)(tm_builder *b, const void *variant);
    tm_node *(*project)(tm_builder *b, const void *variant, tm_node *x);
} tm_tower;

/* The encoder alone, with the pool that is asked for, else the projector. */
void tm_tower_build_encoder(tm_builder *b, const tm_tower *tower, const void *variant);
/* The classifier around it, in the scope "encoder", with or without the projector. */
void tm_tower_build_classifier(tm_builder *b, const tm_tower *tower, const void *variant,
                               bool projects);

#endif
