/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/vec/vec.h"

/* A multiply-add takes 4 or 5 cycles, and two begin in each. */
enum { CHAINS = 10 };

double TM_KERNEL(tm_peak_f32)(size_t rounds)
{
    const vf a = vf_set(0.999f), b = vf_set(0.001f);
    vf acc[CHAINS];
#pragma GCC unroll 10
    for (int i = 0; i < CHAINS; i++)
        acc[i] = vf_set((float)i);
    for (size_t r = 0; r < rounds; r++) {
#pragma GCC unroll 10
        for (int i = 0; i < CHAINS; i++) {
            acc[i] = vf_fma(acc[i], a, b);
            VF_KEEP(acc[i]);
        }
    }
    return 2.0 * VL * CHAINS * (double)rounds;
}
