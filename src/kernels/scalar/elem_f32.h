/* SPDX-License-Identifier: Apache-2.0 */
/* The elements of kernels that are written once for several types: here they are float32. */
#ifndef TM_KERNELS_SCALAR_ELEM_F32_H
#define TM_KERNELS_SCALAR_ELEM_F32_H

#include "kernels/dispatch.h"

typedef float elem;

/* tm_act -> tm_act_f32__scalar */
#define TM_TYPED(op) op##_f32__scalar

static inline float f32_of(elem x)
{
    return x;
}

static inline elem elem_of(float x)
{
    return x;
}

#endif
