/* SPDX-License-Identifier: Apache-2.0 */
/* Activations as bytes: of a row or of a whole picture. */
#ifndef TM_PRODUCTS_I8_PICTURE_H
#define TM_PRODUCTS_I8_PICTURE_H

#include "products/product.h"

/* Appends the steps that convert the pictures of a product's input, with one scale each, and with
 * the pixels that pad them; its window is then one of bytes without padding, and of one tap for
 * each line of taps that lie together. p->bytes.kc and lines are set. */
void tm_i8_lower_picture(tm_lowering *lowering, const tm_node *node, tm_product *p);

/* How picture n is meant. */
const tm_i8_scale *tm_i8_picture_scale(const tm_product *p, const tm_run_state *run, int n);

#endif
