/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs of a product in bfloat16 parts on their way to row tiles. */
#ifndef TM_PRODUCTS_SPLIT_H
#define TM_PRODUCTS_SPLIT_H

#include "products/product.h"

/* Inputs [begin, end) of taps * kc: a block of whole steps, but for the last one. */
typedef struct tm_input_block {
    size_t begin, end, steps;
} tm_input_block;

/* The unit's pixels of a group, a block of inputs, as row tiles; of a pointwise convolution. */
void tm_split_pixels(const tm_product *p, const tm_unit *unit, tm_input_block block,
                     tm_bf16 *tiles);

/* Sets line and region: elements of a split line of the picture, and such lines under a unit of
 * `most` output pixels. */
void tm_split_measure_lines(tm_product *p, int most);
/* The lines of the pictures under the unit, in the order of its pixels, between their padding. */
void tm_split_lines(const tm_product *p, const tm_unit *unit, tm_bf16 *region);
/* From these the unit's pixels, a block of all taps' inputs, as row tiles. */
void tm_split_copy_pixels(const tm_product *p, const tm_unit *unit, const tm_bf16 *region,
                          tm_input_block block, tm_bf16 *tiles);

#endif
