/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_kernels, linked with the avxvnni kernels as AVX512-VNNI encodes their one instruction: the
 * compiler's code with nothing else changed, so that it runs on many more machines. Of use with
 * --target avxvnni.
 */
#include "base/cpu.h"

static tm_cpu_flags encodable(tm_cpu_flags flags)
{
    bool runs = tm_cpu_has(flags, TM_CPU_AVX512 | TM_CPU_AVX512_VNNI);
    return runs ? flags | TM_CPU_AVX_VNNI : flags & ~(tm_cpu_flags)TM_CPU_AVX_VNNI;
}

#define FLAGS_HERE encodable(tm_cpu_flags_here())
#include "tests/kernels/check_kernels.c"
