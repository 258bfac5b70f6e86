/* SPDX-License-Identifier: Apache-2.0 */
/* Attention in windows of a map, as Swin has it. */
#ifndef TM_LAYERS_WINDOW_H
#define TM_LAYERS_WINDOW_H

#include "ops/nn.h"

typedef struct tm_window {
    int h, w;             /* of a window; at least 1 */
    int shift_h, shift_w; /* the map is rolled up and left before it is cut */
    bool grid; /* pixels of a window are as far apart as there are windows a side (MaxViT's grid;
                  sides that do not divide are not for it) */
} tm_window;

/* Windows of size h x w for maps of that shape: no larger than the map, and where one spans the map
 * there is nothing to shift; shifted ones by half a window. */
tm_window tm_fit_window(tm_shape map, int h, int w, bool shifted);

/* The map, rolled and padded with zeros on the right and below, cut into windows: one row of
 * window.h * window.w tokens each. */
tm_node *tm_window_partition(tm_builder *b, tm_node *x, tm_window window);
/* The way back, to a map of h x w. */
tm_node *tm_window_reverse(tm_builder *b, tm_node *x, int h, int w, tm_window window);

/* Which pixels of a window of an h x w map may not see each other, since the roll brought them
 * together: constant [windows, tokens, tokens] of 0 and -100; NULL without a shift. */
tm_node *tm_window_mask(tm_builder *b, int h, int w, tm_window window);

/* A learned bias for every offset between two pixels of a window: table is [(2h - 1) * (2w - 1),
 * heads]; result [heads, h * w, h * w]. */
tm_node *tm_relative_position_bias(tm_builder *b, tm_node *table, int h, int w);

/* The same with a class token before the pixels: three more rows of the table are for what it sees,
 * for what sees it, and for itself; result [heads, 1 + h * w, 1 + h * w]. */
tm_node *tm_relative_position_token_bias(tm_builder *b, tm_node *table, int h, int w);

/* Swin's PatchMerging: the four pixels of a square (padded with zeros on the right and below)
 * become one, in the order up left, down left, up right, down right; name.norm, name.reduction to
 * `out` channels. */
tm_node *tm_patch_merging(tm_builder *b, const char *name, tm_node *x, int out, tm_norm norm);
/* The same with the norm last, as Swin V2 has it. */
tm_node *tm_patch_merging_post_norm(tm_builder *b, const char *name, tm_node *x, int out,
                                    tm_norm norm);

#endif
