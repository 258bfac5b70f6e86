/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this CPU and this process may use. Instructions are flags, of which a kernel names those
 * that it needs (kernels/kernels.def); a level is a set of flags that may be used, for tests and
 * comparisons. Both are told once, in the lists below.
 */
#ifndef TM_BASE_CPU_H
#define TM_BASE_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* ---- flags ---- */

/*
 * FLAG(name, state, bits): the registers that the system must save, and the bits of what CPU and
 * system answer, BIT(word of tm_cpuid, number), all of which the flag stands for.
 */
#define TM_CPU_FLAG_LIST(FLAG, BIT)                                                                \
    FLAG(AVX2, YMM, BIT(leaf7_b, 5) BIT(leaf1_c, 12) BIT(leaf1_c, 28)) /* with FMA */              \
    FLAG(F16C, YMM, BIT(leaf1_c, 29) BIT(leaf1_c, 28))                                             \
    FLAG(AVX_VNNI, YMM, BIT(leaf7_1_a, 4))                                                         \
    FLAG(AVX512, ZMM,                                                                              \
         BIT(leaf7_b, 16) BIT(leaf7_b, 17) BIT(leaf7_b, 30) BIT(leaf7_b, 31)) /* F, DQ, BW, VL */  \
    FLAG(AVX512_BF16, ZMM, BIT(leaf7_1_a, 5))                                                      \
    FLAG(AVX512_VNNI, ZMM, BIT(leaf7_c, 11))                                                       \
    FLAG(AMX_TILE, TILES, BIT(leaf7_d, 24))                                                        \
    FLAG(AMX_BF16, TILES, BIT(leaf7_d, 22))                                                        \
    FLAG(AMX_INT8, TILES, BIT(leaf7_d, 25))                                                        \
    FLAG(NEON, NONE, BIT(hwcap, 1))                                                                \
    FLAG(NEON_DOTPROD, NONE, BIT(hwcap, 20))                                                       \
    FLAG(NEON_I8MM, NONE, BIT(hwcap2, 13))                                                         \
    FLAG(NEON_BF16, NONE, BIT(hwcap2, 14))

enum {
#define TM_CPU_INDEX(name, state, bits) TM_CPU_INDEX_##name,
#define TM_CPU_NO_BIT(word, number)
    TM_CPU_FLAG_LIST(TM_CPU_INDEX, TM_CPU_NO_BIT)
#undef TM_CPU_INDEX
        TM_CPU_FLAG_COUNT
};

enum {
#define TM_CPU_FLAG(name, state, bits) TM_CPU_##name = 1 << TM_CPU_INDEX_##name,
    TM_CPU_FLAG_LIST(TM_CPU_FLAG, TM_CPU_NO_BIT)
#undef TM_CPU_FLAG
#undef TM_CPU_NO_BIT
        TM_CPU_EMULATED =
            1 << 29 /* no machine has it: kernels that stand in for others' in tests */
};

typedef uint32_t tm_cpu_flags;

/* What CPU and system answer. On x86 the words of CPUID that the flags lie in, the registers that
 * the system saves (XCR0), and whether it lets this process have the tiles; on ARM the system's
 * list of what may be used (AT_HWCAP and AT_HWCAP2). What another processor answers is 0. */
typedef struct tm_cpuid {
    uint32_t leaf1_c, leaf7_b, leaf7_c, leaf7_d, leaf7_1_a;
    uint64_t saved;
    bool tiles_allowed;
    uint64_t hwcap, hwcap2;
} tm_cpuid;

/* The flags that such an answer gives. */
tm_cpu_flags tm_cpu_flags_of(const tm_cpuid *cpu);

/* Those of this machine. The first call asks the kernel for the process's right to AMX's
 * registers. */
tm_cpu_flags tm_cpu_flags_here(void);

enum { TM_CPU_FLAGS_BYTES = 256 };
/* "avx2 f16c"; "none" */
void tm_cpu_flags_text(tm_cpu_flags flags, char text[static TM_CPU_FLAGS_BYTES]);

static inline bool tm_cpu_has(tm_cpu_flags flags, tm_cpu_flags needs)
{
    return (flags & needs) == needs;
}

/* ---- levels ---- */

/*
 * LEVEL(id, name, needs, may): in rising order. A machine has a level if it has the flags that the
 * level needs; what may be used are these, `may`, and all that lower levels may use. Those of every
 * processor are known everywhere; names are told of one's own alone.
 */
#define TM_ISA_LIST(LEVEL)                                                                         \
    LEVEL(SCALAR, scalar, 0, 0)                                                                    \
    TM_ISA_ARM(LEVEL)                                                                              \
    TM_ISA_X86(LEVEL)

#define TM_ISA_ARM(LEVEL)                                                                          \
    LEVEL(NEON, neon, TM_CPU_NEON, TM_CPU_NEON_DOTPROD | TM_CPU_NEON_I8MM | TM_CPU_NEON_BF16)

#define TM_ISA_X86(LEVEL)                                                                          \
    LEVEL(AVX2, avx2, TM_CPU_AVX2, TM_CPU_F16C | TM_CPU_AVX_VNNI)                                  \
    LEVEL(AVX512, avx512, TM_CPU_AVX2 | TM_CPU_AVX512, TM_CPU_AVX512_BF16 | TM_CPU_AVX512_VNNI)    \
    LEVEL(AMX, amx,                                                                                \
          TM_CPU_AVX2 | TM_CPU_AVX512 | TM_CPU_AVX512_BF16 | TM_CPU_AMX_TILE | TM_CPU_AMX_BF16,    \
          TM_CPU_AMX_INT8)

typedef enum tm_isa {
#define TM_ISA_ID(id, name, needs, may) TM_ISA_##id,
    TM_ISA_LIST(TM_ISA_ID)
#undef TM_ISA_ID
        TM_ISA_COUNT
} tm_isa;

/* "scalar|avx2|...": the names of the levels that such a processor may have */
#define TM_ISA_OR_NAME(id, name, needs, may) "|" #name
#if defined(__x86_64__)
#define TM_ISA_NAMES "scalar" TM_ISA_X86(TM_ISA_OR_NAME)
#elif defined(__AARCH64EL__)
#define TM_ISA_NAMES "scalar" TM_ISA_ARM(TM_ISA_OR_NAME)
#else
#define TM_ISA_NAMES "scalar"
#endif

/* The flags that a level may use, whatever machine this is; and whether flags make it whole. */
tm_cpu_flags tm_isa_flags(tm_isa isa);
bool tm_isa_within(tm_isa isa, tm_cpu_flags flags);

/* The best level CPU and system allow. */
tm_isa tm_cpu_isa(void);
const char *tm_isa_name(tm_isa isa);              /* "avx2" */
bool tm_isa_parse(const char *name, tm_isa *isa); /* false: no such level */
tm_isa tm_isa_or_best(const char *name);          /* the level of that name; NULL: the best */

/* ---- threads ---- */

/* The CPUs of the affinity mask, cut to the quota of the control groups; at least 1. */
int tm_cpu_threads(void);

#endif
