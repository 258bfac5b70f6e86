/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "base/cpu.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#endif

#include "base/cgroup.h"

static const char *const isa_names[TM_ISA_COUNT] = {"scalar", "avx2", "avx512", "amx"};

#if defined(__x86_64__)

/* Whether the CPU has the tiles and their bfloat16 products, and Linux lets this process have
 * them: it saves 8 KB more a thread only for those who ask (Documentation/arch/x86/xstate.rst). */
static bool may_use_amx(void)
{
    enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & AMX_BF16) && (d & AMX_TILE) &&
           __builtin_cpu_supports("avx512bf16") &&
           syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

#endif

tm_isa tm_cpu_isa(void)
{
#if defined(__x86_64__)
    /* These ask XCR0 as well, so a system that does not save the registers answers no. */
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                __builtin_cpu_supports("avx");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    static atomic_int amx = -1;
    if (amx < 0)
        amx = avx512 && may_use_amx();
    return amx ? TM_ISA_AMX : avx512 ? TM_ISA_AVX512 : avx2 ? TM_ISA_AVX2 : TM_ISA_SCALAR;
#else
    return TM_ISA_SCALAR;
#endif
}

const char *tm_isa_name(tm_isa isa)
{
    return isa < TM_ISA_COUNT ? isa_names[isa] : "?";
}

bool tm_isa_parse(const char *name, tm_isa *isa)
{
    for (int i = 0; i < TM_ISA_COUNT; i++)
        if (strcmp(name, isa_names[i]) == 0) {
            *isa = (tm_isa)i;
            return true;
        }
    return false;
}

tm_isa tm_isa_or_best(const char *name)
{
    tm_isa isa = tm_cpu_isa();
    if (name)
        tm_isa_parse(name, &isa);
    return isa;
}

int tm_cpu_threads(void)
{
    cpu_set_t set;
    int count = 0;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        count = CPU_COUNT(&set);
    else /* more CPUs than the set has room for */
        count = (int)sysconf(_SC_NPROCESSORS_ONLN);
    int quota = tm_cgroup_cpus("/proc", "/sys/fs/cgroup");
    if (quota > 0 && quota < count)
        count = quota;
    return count > 0 ? count : 1;
}
