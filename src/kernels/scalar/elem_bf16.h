/* SPDX-License-Identifier: Apache-2.0 */
/* The same for bfloat16: elements become float32 when they are read, and are rounded once when they
 * are written. */
#ifndef TM_KERNELS_SCALAR_ELEM_BF16_H
#define TM_KERNELS_SCALAR_ELEM_BF16_H

#include "base/floats.h"
#include "kernels/dispatch.h"

typedef tm_bf16 elem;

/* tm_act -> tm_act_bf16__scalar */
#define TM_TYPED(op) op##_bf16__scalar

static inline float f32_of(elem x)
{
    return tm_f32_of_bf16(x);
}

static inline elem elem_of(float x)
{
    return tm_bf16_of_f32(x);
}

#endif
