/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/split.h"

int tm_split_parts(tm_precision precision)
{
    return precision == TM_PRECISION_BF16 ? 1 : precision == TM_PRECISION_BF16X3 ? 2 : 3;
}

#if defined(__x86_64__)

const tm_split_kernels *tm_split_kernels_for(tm_isa isa)
{
    static const tm_split_kernels kernels = {.multiply = tm_split_multiply__amx,
                                             .rows = tm_split_rows__amx,
                                             .f32 = tm_split_f32__amx,
                                             .copy = tm_split_copy__amx,
                                             .panel = tm_split_panel__amx,
                                             .panel_t = tm_split_panel_t__amx};
    return isa >= TM_ISA_AMX ? &kernels : NULL;
}

#else

const tm_split_kernels *tm_split_kernels_for(tm_isa isa)
{
    (void)isa;
    return NULL;
}

#endif
