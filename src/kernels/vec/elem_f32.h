/* SPDX-License-Identifier: Apache-2.0 */
/* The elements of kernels that are written once for several types: here they are float32. */
#ifndef TM_KERNELS_VEC_ELEM_F32_H
#define TM_KERNELS_VEC_ELEM_F32_H

#include "kernels/vec/vec.h"

typedef float elem;

/* Vectors that it pays to read and write together. */
enum { VE = 1 };

/* tm_act -> tm_act_f32__avx2 */
#define TM_TYPED(op) TM_KERNEL(op##_f32)

VF float f32_of(elem x)
{
    return x;
}

VF elem elem_of(float x)
{
    return x;
}

VF vf ve_load(const elem *p)
{
    return vf_load(p);
}

VF void ve_store(elem *p, vf x)
{
    vf_store(p, x);
}

/* VE vectors; mixed: in any order, the same for all of a kernel's operands */
VF void ve_store_group(elem *p, const vf x[VE])
{
    vf_store(p, x[0]);
}

VF void ve_load_mixed(const elem *p, vf x[VE])
{
    x[0] = vf_load(p);
}

VF void ve_store_mixed(elem *p, const vf x[VE])
{
    vf_store(p, x[0]);
}

VF vf ve_load_first(const elem *p, vmask m)
{
    return vf_load_first(p, m);
}

VF void ve_store_first(elem *p, vf x, vmask m)
{
    vf_store_first(p, x, m);
}

#endif
