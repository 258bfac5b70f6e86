/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares every kernel of every ISA level that this CPU has with the scalar reference or with what
 * the contract fixes to the bit; see kernels/kernels.h for the contracts and harness.h for the
 * guards. The lists of cases and of benchmarks come from kernels.def: a kernel that is added there
 * does not compile here until it has both.
 *
 *   check_kernels [--seed N] [--isa LEVEL] [--verbose] [--bench]
 */
#include "tests/kernels/bench_split.h"
#include "tests/kernels/cases_bf16.h"
#include "tests/kernels/cases_gemm.h"
#include "tests/kernels/cases_rows.h"
#include "tests/kernels/cases_split.h"
#include "tests/kernels/cases_windows.h"
#include "tests/kernels/cases_winograd.h"
#include "tests/kernels/curves.h"
#include "tests/kernels/harness.h"

enum { CASES = 2000, WIDTH_CASES = 60 };

typedef void case_fn(check *c);

static const struct {
    const char *name;
    case_fn *run;
} vec_cases[] = {
#define VEC(op) {#op, check_##op},
#define GEMM(rows, panels, isa)
#include "kernels/kernels.def"
#undef GEMM
#undef VEC
};

/* A case depends on the seed, the kernel's name and its number alone. */
static void begin_case(check *c, const char *kernel, int index)
{
    uint64_t hash = 0xCBF29CE484222325U;
    for (const char *p = kernel; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 0x100000001B3U;
    if (index == 0)
        c->reports = 0;
    c->kernel = kernel;
    c->index = index;
    c->random = c->seed * 0x9E3779B97F4A7C15U + hash + (uint64_t)index * 0xD1342543DE82EF95U;
    next_random(c);
    c->used = 0;
    c->case_failed = false;
    c->params[0] = '\0';
}

static void end_case(check *c)
{
    if (c->case_failed)
        c->failed++;
    else
        c->passed++;
}

static void check_vec(check *c)
{
    for (size_t k = 0; k < sizeof vec_cases / sizeof *vec_cases; k++)
        for (int i = 0; i < CASES; i++) {
            begin_case(c, vec_cases[k].name, i);
            vec_cases[k].run(c);
            end_case(c);
        }
}

static void check_gemms(check *c)
{
    for (int e = 0; e < GEMM_ENTRIES; e++)
        for (int i = 0; gemm_entries[e].isa == c->isa && i < CASES / 4; i++) {
            begin_case(c, gemm_entries[e].name, i);
            check_gemm(c, &gemm_entries[e]);
            end_case(c);
        }
    for (int i = 0; i < WIDTH_CASES; i++) {
        begin_case(c, "gemm_f32 widths", i);
        check_gemm_widths(c);
        end_case(c);
    }
}

/* The table holds this level's kernels, and every number of panels can be cut into their widths. */
static void check_table(check *c)
{
    begin_case(c, "dispatch", 0);
    if (c->kernels->isa != (c->isa == TM_ISA_AMX ? TM_ISA_AVX512 : c->isa))
        report(c, "the table is of %s", tm_isa_name(c->kernels->isa));
    for (int e = 0; e < GEMM_ENTRIES; e++) {
        const gemm_entry *entry = &gemm_entries[e];
        const tm_gemm_kernel *kernel = &c->kernels->gemm[entry->panels];
        if (entry->isa == c->isa && (kernel->run != entry->run || kernel->rows != entry->rows))
            report(c, "%s is not the table's kernel for %d panels", entry->name, entry->panels);
        if (entry->rows > TM_MAX_ROWS || entry->panels > TM_MAX_PANELS)
            report(c, "%s is larger than TM_MAX_ROWS or TM_MAX_PANELS", entry->name);
    }
    for (int left = 1; left <= 300; left++) {
        int wide = tm_gemm_width(c->kernels, left);
        if (wide < 1 || wide > left || wide > TM_MAX_PANELS || !c->kernels->gemm[wide].run)
            report(c, "of %d panels left, a tile would span %d", left, wide);
    }
    end_case(c);
}

static void check_curves(check *c, bool verbose)
{
    if (verbose)
        printf("%-8s %-13s %-10s %-17s %-10s\n", "isa", "curve", "error/max(1,|y|)", "",
               "relative error");
    for (int kind = 0; kind < TM_ACT_COUNT; kind++) {
        begin_case(c, "curves", kind);
        check_curve(c, (tm_act_kind)kind, verbose);
        end_case(c);
    }
}

typedef struct options {
    uint64_t seed;
    bool one_isa, verbose, bench;
    tm_isa isa;
} options;

static bool parse(int argc, char **argv, options *o)
{
    for (int i = 1; i < argc; i++) {
        char *end = "";
        if (strcmp(argv[i], "--verbose") == 0)
            o->verbose = true;
        else if (strcmp(argv[i], "--bench") == 0)
            o->bench = true;
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            o->seed = strtoull(argv[++i], &end, 10);
        else if (strcmp(argv[i], "--isa") == 0 && i + 1 < argc && tm_isa_parse(argv[++i], &o->isa))
            o->one_isa = true;
        else
            return false;
        if (*end)
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    static check c;
    options o = {.seed = 1};
    if (!parse(argc, argv, &o)) {
        fprintf(stderr, "usage: check_kernels [--seed N] [--isa scalar|avx2|avx512|amx] "
                        "[--verbose] [--bench]\n");
        return 2;
    }
    c.seed = o.seed;
    c.reference = tm_kernels_for(TM_ISA_SCALAR);
    open_slots(&c);
    catch_faults(&c);
    for (int isa = 0; isa < TM_ISA_COUNT; isa++) {
        c.isa = (tm_isa)isa;
        if (o.one_isa && c.isa != o.isa)
            continue;
        if (c.isa > tm_cpu_isa()) {
            printf("%s: not on this machine, not checked\n", tm_isa_name(c.isa));
            continue;
        }
        c.kernels = tm_kernels_for(c.isa);
        if (o.bench) {
            c.isa == TM_ISA_AMX ? bench_split(&c) : bench_all(&c);
            continue;
        }
        check_table(&c);
        if (c.isa == TM_ISA_AMX) { /* all others are AVX-512's */
            check_split(&c, begin_case, end_case);
            continue;
        }
        check_vec(&c);
        check_gemms(&c);
        check_bf16(&c, begin_case, end_case);
        check_curves(&c, o.verbose);
    }
    printf("check_kernels: %ld passed, %ld failed\n", c.passed, c.failed);
    return c.failed > 0;
}
