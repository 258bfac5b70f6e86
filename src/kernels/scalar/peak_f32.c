/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/dispatch.h"

enum { CHAINS = 8 };

double tm_peak_f32__scalar(size_t rounds)
{
    float acc[CHAINS] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (size_t r = 0; r < rounds; r++)
        for (int i = 0; i < CHAINS; i++)
            acc[i] = acc[i] * 0.999f + 0.001f;
    volatile float result[CHAINS]; /* so that nothing is left out */
    for (int i = 0; i < CHAINS; i++)
        result[i] = acc[i];
    (void)result;
    return 2.0 * CHAINS * (double)rounds;
}
