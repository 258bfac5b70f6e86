/* SPDX-License-Identifier: Apache-2.0 */
/* A map at another size. */
#ifndef TM_LAYERS_UPSAMPLE_H
#define TM_LAYERS_UPSAMPLE_H

#include "ops/nn.h"

/* torch's interpolate with a given size and mode nearest. */
tm_node *tm_upsample_nearest(tm_builder *b, tm_node *x, int h, int w);
/* The same with mode bilinear and align_corners as `corners` says, or bicubic (a = -0.75) without;
 * no antialias. */
tm_node *tm_resize_bilinear(tm_builder *b, tm_node *x, int h, int w, bool corners);
tm_node *tm_resize_bicubic(tm_builder *b, tm_node *x, int h, int w);

#endif
