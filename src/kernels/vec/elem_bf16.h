/* SPDX-License-Identifier: Apache-2.0 */
/* The same for bfloat16: elements become float32 when they are read, and are rounded once when they
 * are written. */
#ifndef TM_KERNELS_VEC_ELEM_BF16_H
#define TM_KERNELS_VEC_ELEM_BF16_H

#include "base/floats.h"
#include "kernels/vec/vec.h"

typedef tm_bf16 elem;

enum { VE = 2 };

#define TM_TYPED(op) TM_KERNEL(op##_bf16)

VF float f32_of(elem x)
{
    return tm_f32_of_bf16(x);
}

VF elem elem_of(float x)
{
    return tm_bf16_of_f32(x);
}

VF vf ve_load(const elem *p)
{
    return vf_load_bf16(p);
}

VF void ve_store(elem *p, vf x)
{
    vf_store_bf16(p, x);
}

VF void ve_store_group(elem *p, const vf x[VE])
{
    vf_store_bf16_pair(p, x);
}

VF void ve_load_mixed(const elem *p, vf x[VE])
{
    vf_load_bf16_mixed(p, x);
}

VF void ve_store_mixed(elem *p, const vf x[VE])
{
    vf_store_bf16_mixed(p, x);
}

VF vf ve_load_first(const elem *p, vmask m)
{
    return vf_load_bf16_first(p, m);
}

VF void ve_store_first(elem *p, vf x, vmask m)
{
    vf_store_bf16_first(p, x, m);
}

#endif
