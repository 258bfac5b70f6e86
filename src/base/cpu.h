/* SPDX-License-Identifier: Apache-2.0 */
/* What this CPU and this process may use. */
#ifndef TM_BASE_CPU_H
#define TM_BASE_CPU_H

#include <stdbool.h>

/* Levels in rising order; each includes the ones before it. */
typedef enum tm_isa {
    TM_ISA_SCALAR,
    TM_ISA_AVX2,   /* AVX2, FMA, F16C */
    TM_ISA_AVX512, /* F, BW, DQ, VL */
    TM_ISA_AMX,    /* AMX-TILE, AMX-BF16, AVX512-BF16 */
    TM_ISA_COUNT
} tm_isa;

/* The best level CPU and system allow. The first call asks the kernel for the process's right to
 * AMX's registers. */
tm_isa tm_cpu_isa(void);
const char *tm_isa_name(tm_isa isa);              /* "avx2" */
bool tm_isa_parse(const char *name, tm_isa *isa); /* false: no such level */
tm_isa tm_isa_or_best(const char *name);          /* the level of that name; NULL: the best */

/* The CPUs of the affinity mask, cut to the quota of the control groups; at least 1. */
int tm_cpu_threads(void);

#endif
