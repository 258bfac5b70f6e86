/* SPDX-License-Identifier: Apache-2.0 */
#include "base/dtype.h"

const char *tm_dtype_name(tm_dtype dtype)
{
    static const char *const names[TM_DTYPE_COUNT] = {
#define DTYPE(name, bytes, floating) #name,
#include "base/dtypes.def"
#undef DTYPE
    };
    return names[dtype];
}

const char *tm_dtype_names(void)
{
    static const char names[] =
#define DTYPE(name, bytes, floating) " " #name
#include "base/dtypes.def"
#undef DTYPE
        ;
    return names + 1;
}

bool tm_dtype_is_float(tm_dtype dtype)
{
    static const bool floating[TM_DTYPE_COUNT] = {
#define DTYPE(name, bytes, is_floating) is_floating,
#include "base/dtypes.def"
#undef DTYPE
    };
    return floating[dtype];
}
