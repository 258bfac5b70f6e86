/* SPDX-License-Identifier: Apache-2.0 */
/* Rounding of channel counts. */
#ifndef TM_LAYERS_MAKE_DIVISIBLE_H
#define TM_LAYERS_MAKE_DIVISIBLE_H

/* timm's make_divisible: v rounded to a multiple of divisor, at least divisor, and one step up
 * where rounding took more than 1 - limit of it (0.9 is usual; 0: no limit). */
int tm_divisible(double v, int divisor, double limit);

#endif
