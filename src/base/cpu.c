/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "base/cpu.h"

#include <ctype.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#elif defined(__AARCH64EL__)
#include <sys/auxv.h>
#endif

#include "base/cgroup.h"

/* ---- flags ---- */

/* What of XCR0 an instruction's registers are, and of those below them. */
enum { NONE = 0, YMM = 0x6, ZMM = 0xE6, TILES = 0x60000 };

static bool saves(const tm_cpuid *cpu, uint64_t state)
{
    return (cpu->saved & state) == state && (state != TILES || cpu->tiles_allowed);
}

tm_cpu_flags tm_cpu_flags_of(const tm_cpuid *cpu)
{
    tm_cpu_flags flags = 0;
#define BIT(word, number) &&(cpu->word >> (number)&1)
#define FLAG(name, state, bits)                                                                    \
    if (saves(cpu, state) bits)                                                                    \
        flags |= TM_CPU_##name;
    TM_CPU_FLAG_LIST(FLAG, BIT)
#undef FLAG
#undef BIT
    return flags;
}

void tm_cpu_flags_text(tm_cpu_flags flags, char text[static TM_CPU_FLAGS_BYTES])
{
    static const struct {
        const char *name;
        tm_cpu_flags flag;
    } known[] = {
#define NO_BIT(word, number)
#define FLAG(name, state, bits) {#name, TM_CPU_##name},
        TM_CPU_FLAG_LIST(FLAG, NO_BIT)
#undef FLAG
#undef NO_BIT
    };
    size_t used = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (tm_cpu_has(flags, known[i].flag))
            used += (size_t)snprintf(text + used, TM_CPU_FLAGS_BYTES - used, "%s%s",
                                     used ? " " : "", known[i].name);
    if (!used)
        snprintf(text, TM_CPU_FLAGS_BYTES, "none");
    for (char *p = text; *p; p++)
        *p = (char)tolower((unsigned char)*p);
}

#if defined(__x86_64__)

/* Linux saves 8 KB more a thread only for those who ask (Documentation/arch/x86/xstate.rst). */
static bool ask_for_tiles(void)
{
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

static uint64_t saved_registers(uint32_t leaf1_c)
{
    enum { OSXSAVE = 1 << 27 };
    uint32_t low, high;
    if (!(leaf1_c & OSXSAVE))
        return 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static tm_cpuid ask_cpu(void)
{
    tm_cpuid cpu = {0};
    uint32_t a, b, c, d;
    if (__get_cpuid_count(1, 0, &a, &b, &c, &d))
        cpu.leaf1_c = c;
    uint32_t subleaves = 0;
    if (__get_cpuid_count(7, 0, &subleaves, &b, &c, &d)) {
        cpu.leaf7_b = b;
        cpu.leaf7_c = c;
        cpu.leaf7_d = d;
    }
    if (subleaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d))
        cpu.leaf7_1_a = a;
    cpu.saved = saved_registers(cpu.leaf1_c);
    cpu.tiles_allowed = true;
    if (tm_cpu_has(tm_cpu_flags_of(&cpu), TM_CPU_AMX_TILE))
        cpu.tiles_allowed = ask_for_tiles();
    return cpu;
}

#elif defined(__AARCH64EL__)

static tm_cpuid ask_cpu(void)
{
    return (tm_cpuid){.hwcap = getauxval(AT_HWCAP), .hwcap2 = getauxval(AT_HWCAP2)};
}

#else

static tm_cpuid ask_cpu(void)
{
    return (tm_cpuid){0};
}

#endif

tm_cpu_flags tm_cpu_flags_here(void)
{
    enum { ASKED = 1 << 30 };
    _Static_assert(TM_CPU_FLAG_COUNT < 29, "flags, TM_CPU_EMULATED and ASKED share a word");
    static atomic_uint known; /* whoever asks gets the same answer */
    tm_cpu_flags flags = known;
    if (!flags) {
        tm_cpuid cpu = ask_cpu();
        known = flags = tm_cpu_flags_of(&cpu) | ASKED;
    }
    return flags & ~(tm_cpu_flags)ASKED;
}

/* ---- levels ---- */

static const struct {
    const char *name;
    tm_cpu_flags needs, may;
} levels[TM_ISA_COUNT] = {
#define LEVEL(id, name, needs, may) [TM_ISA_##id] = {#name, needs, may},
    TM_ISA_LIST(LEVEL)
#undef LEVEL
};

tm_cpu_flags tm_isa_flags(tm_isa isa)
{
    tm_cpu_flags flags = 0;
    for (int i = 0; i <= (int)isa; i++)
        flags |= levels[i].needs | levels[i].may;
    return flags;
}

bool tm_isa_within(tm_isa isa, tm_cpu_flags flags)
{
    return tm_cpu_has(flags, levels[isa].needs);
}

tm_isa tm_cpu_isa(void)
{
    tm_isa best = TM_ISA_SCALAR;
    for (int i = 0; i < TM_ISA_COUNT; i++)
        if (tm_isa_within((tm_isa)i, tm_cpu_flags_here()))
            best = (tm_isa)i;
    return best;
}

const char *tm_isa_name(tm_isa isa)
{
    return isa < TM_ISA_COUNT ? levels[isa].name : "?";
}

bool tm_isa_parse(const char *name, tm_isa *isa)
{
    for (int i = 0; i < TM_ISA_COUNT; i++)
        if (strcmp(name, levels[i].name) == 0) {
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
