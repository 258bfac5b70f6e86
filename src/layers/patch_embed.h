/* SPDX-License-Identifier: Apache-2.0 */
/* A picture as patches, a map as tokens (1 x tokens x channels). */
#ifndef TM_LAYERS_PATCH_EMBED_H
#define TM_LAYERS_PATCH_EMBED_H

#include "ops/nn.h"

/* timm's PatchEmbed without its norm: name.proj, a map of patches, floor(image / patch) a side. */
tm_node *tm_patch_embed(tm_builder *b, const char *name, tm_node *x, int width, int patch,
                        bool bias);
/* Refuses a picture that patches do not divide, as timm's models of no fixed size do. */
void tm_require_whole_patches(tm_builder *b, int patch);

/* The same where timm refuses it when the model runs, and makes the model: graph->unfit. */
void tm_want_whole_patches(tm_builder *b, int patch);

/* timm's dynamic_img_size and dynamic_img_pad. */
typedef struct tm_any_size {
    bool allowed, pad;
} tm_any_size;

/* The picture, with zeros on the right and below where patches do not divide it and `pad` says so.
 */
tm_node *tm_patch_picture(tm_builder *b, int patch, tm_any_size any);
/* Positions for h x w patches, [1, prefix + h * w, width]: the parameter pos_embed is for those
 * that lie whole in the picture; in a model of any size, in one of those that it is made for. */
tm_node *tm_patch_positions(tm_builder *b, int patch, tm_any_size any, int prefix, int h, int w,
                            int width);
/* The pixels of a map as tokens, row by row. */
tm_node *tm_map_tokens(tm_builder *b, tm_node *x);
/* A map and the learned position embedding name, [1, channels, h, w] as it is stored. */
tm_node *tm_add_map_positions(tm_builder *b, const char *name, tm_node *x);

#endif
