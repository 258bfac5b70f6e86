/* SPDX-License-Identifier: Apache-2.0 */
/* Positions as sines and cosines of the coordinates, brought to the model's width. */
#ifndef TM_LAYERS_POS_EMBED_FOURIER_H
#define TM_LAYERS_POS_EMBED_FOURIER_H

#include "ops/nn.h"

/* timm's PositionalEncodingFourier of XCiT and EdgeNeXt, for a map of h x w: constant
 * [h * w, width]; name.token_projection */
tm_node *tm_fourier_positions(tm_builder *b, const char *name, int h, int w, int width);

#endif
