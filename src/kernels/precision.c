/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/split.h"

#include <string.h>

static const char *const names[TM_PRECISION_COUNT] = {"f32", "bf16x3", "bf16", "int8"};

const char *tm_precision_name(tm_precision precision)
{
    return names[precision];
}

bool tm_precision_parse(const char *name, tm_precision *precision)
{
    for (int i = 0; i < TM_PRECISION_COUNT; i++)
        if (strcmp(name, names[i]) == 0) {
            *precision = (tm_precision)i;
            return true;
        }
    return false;
}

bool tm_precision_takes_bf16(tm_precision precision)
{
    return precision == TM_PRECISION_BF16 || precision == TM_PRECISION_BF16X3;
}

int tm_split_parts(tm_precision precision)
{
    return precision == TM_PRECISION_BF16 ? 1 : precision == TM_PRECISION_BF16X3 ? 2 : 3;
}
