/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/make_divisible.h"

int tm_divisible(double v, int divisor, double limit)
{
    int rounded = (int)(v + divisor / 2.0) / divisor * divisor;
    if (rounded < divisor)
        rounded = divisor;
    return rounded < limit * v ? rounded + divisor : rounded;
}
