/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares every kernel that this CPU can run with the scalar reference or with what the contract
 * fixes to the bit; see kernels/kernels.h for the contracts and harness.h for the guards. The lists
 * of cases and of benchmarks come from kernels.def: a kernel that is added there does not compile
 * here until it has both.
 *
 *   check_kernels [--seed N] [--target TARGET] [--verbose] [--bench]
 */
#include "tests/kernels/bench_i8.h"
#include "tests/kernels/bench_split.h"
#include "tests/kernels/cases_convert.h"
#include "tests/kernels/cases_split.h"
#include "tests/kernels/cases_windows.h"
#include "tests/kernels/cases_winograd.h"
#include "tests/kernels/curves.h"

#ifndef FLAGS_HERE /* else by who includes this */
#define FLAGS_HERE tm_cpu_flags_here()
#endif

enum {
    CASES = 2000,
    SPLIT_CASES = 400,
    GEMM_CASES = 500,
    GEMM_BF16_CASES = 60,
    GEMM_I8_CASES = 200,
    WIDTH_CASES = 60
};

typedef void case_fn(check *c);
typedef void bench_fn(const bench *b);
typedef void kernel_fn(void);

static const struct {
    const char *name;
    tm_cpu_flags needs;
} targets[] = {
#define TARGET(name, needs, ...) {#name, needs},
#include "kernels/kernels.def"
};

/* A kernel, and its place in the tables. */
static const struct {
    const char *name, *target;
    size_t place;
    kernel_fn *kernel;
    int cases;
    case_fn *check;
    bench_fn *bench;
} kernels[] = {
#define ROW(table, entry, prefix, name, target, cases)                                             \
    {#name,                                                                                        \
     #target,                                                                                      \
     offsetof(tm_kernel_tables, table.entry),                                                      \
     (kernel_fn *)prefix##name##__##target,                                                        \
     cases,                                                                                        \
     check_##name,                                                                                 \
     bench_##name},
#define KERNEL(op, target) ROW(f32, op, tm_, op, target, CASES)
#define BF16(op, target) ROW(bf16, op, tm_, op, target, CASES)
#define I8(op, target) ROW(i8, op, tm_, i8_##op, target, CASES)
#define SPLIT(op, target) ROW(split, op, tm_, split_##op, target, SPLIT_CASES)
#include "kernels/kernels.def"
#undef ROW
};

enum { TARGETS = sizeof targets / sizeof *targets, KERNELS = sizeof kernels / sizeof *kernels };

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

/* The tables of a CPU that has what the target needs, and this kernel in its place. */
static void put_kernel(check *c, int k)
{
    memcpy((char *)&c->tables + kernels[k].place, &kernels[k].kernel, sizeof(kernel_fn *));
}

static void check_kernel(check *c, int k)
{
    put_kernel(c, k);
    for (int i = 0; i < kernels[k].cases; i++) {
        begin_case(c, kernels[k].name, i);
        kernels[k].check(c);
        end_case(c);
    }
}

static bool is_ours(const check *c, const char *target)
{
    return strcmp(c->target, target) == 0;
}

static void check_gemms(check *c)
{
    bool has_gemms = false;
    for (int e = 0; e < GEMM_ENTRIES; e++) {
        has_gemms = has_gemms || is_ours(c, gemm_entries[e].target);
        for (int i = 0; is_ours(c, gemm_entries[e].target) && i < GEMM_CASES; i++) {
            begin_case(c, gemm_entries[e].name, i);
            check_gemm(c, &gemm_entries[e]);
            end_case(c);
        }
    }
    for (int i = 0; has_gemms && i < WIDTH_CASES; i++) {
        begin_case(c, "gemm_f32 widths", i);
        check_gemm_widths(c);
        end_case(c);
    }
    for (int e = 0; e < GEMM_BF16_ENTRIES; e++)
        for (int i = 0; is_ours(c, gemm_bf16_entries[e].target) && i < GEMM_BF16_CASES; i++) {
            begin_case(c, gemm_bf16_entries[e].name, i);
            check_gemm_bf16(c, &gemm_bf16_entries[e]);
            end_case(c);
        }
    for (int e = 0; e < GEMM_I8_ENTRIES; e++)
        for (int i = 0; is_ours(c, gemm_i8_entries[e].target) && i < GEMM_I8_CASES; i++) {
            begin_case(c, gemm_i8_entries[e].name, i);
            check_gemm_i8(c, &gemm_i8_entries[e]);
            end_case(c);
        }
}

/* Tiles are no larger than said, and every number of panels can be cut into their widths. */
static void check_table(check *c)
{
    begin_case(c, "table", 0);
    for (int panels = 1; panels <= TM_MAX_PANELS; panels++) {
        if (c->kernels->gemm[panels].rows > TM_MAX_ROWS)
            report(c, "a tile of %d rows, more than TM_MAX_ROWS", c->kernels->gemm[panels].rows);
        if (c->kernels->gemm_half[panels].rows > TM_MAX_ROWS)
            report(c, "%d rows of a half, more than TM_MAX_ROWS",
                   c->kernels->gemm_half[panels].rows);
        if (c->i8->gemm[panels].rows > TM_I8_MAX_ROWS)
            report(c, "%d rows of bytes, more than TM_I8_MAX_ROWS", c->i8->gemm[panels].rows);
    }
    for (int left = 1; left <= 300; left++) {
        int wide = tm_gemm_width(c->kernels, left);
        if (wide < 1 || wide > left || wide > TM_MAX_PANELS || !c->kernels->gemm[wide].run)
            report(c, "of %d panels left, a tile would span %d", left, wide);
        const tm_gemm_kernel *next = tm_gemm_next(c->kernels, left, &wide);
        bool half = next == &c->kernels->gemm_half[wide];
        if (!next->run || (!half && next != &c->kernels->gemm[wide]) ||
            wide * TM_PANEL >= left + TM_PANEL || (half && left > wide * TM_PANEL - TM_PANEL / 2))
            report(c, "of %d columns left, a tile would span %d panels", left, wide);
        wide = tm_gemm_i8_width(c->i8, left);
        if (wide < 1 || wide > left || wide > TM_MAX_PANELS || !c->i8->gemm[wide].run)
            report(c, "of %d panels left, a tile of bytes would span %d", left, wide);
    }
    end_case(c);
}

static void check_curves(check *c, bool verbose)
{
    if (verbose)
        printf("%-8s %-13s %-10s %-17s %-10s\n", "target", "curve", "error/max(1,|y|)", "",
               "relative error");
    for (int kind = 0; kind < TM_ACT_COUNT; kind++) {
        begin_case(c, "curves", kind);
        check_curve(c, (tm_act_kind)kind, verbose);
        end_case(c);
    }
}

/* Conversions and roundings of every number, where a target's kernels do them. */
static void check_numbers(check *c)
{
    static case_fn *const checks[] = {check_every_f32_of_bf16, check_every_bf16_of_f32,
                                      check_every_product};
    for (int i = 0; i < (int)(sizeof checks / sizeof *checks); i++) {
        begin_case(c, "every bfloat16", i);
        checks[i](c);
        end_case(c);
    }
}

typedef struct options {
    uint64_t seed;
    const char *target; /* NULL: all */
    bool verbose, bench;
} options;

static void check_target(check *c, const options *o)
{
    check_table(c);
    for (int k = 0; k < KERNELS; k++)
        if (is_ours(c, kernels[k].target)) {
            check_kernel(c, k);
            if (kernels[k].check == check_act_f32)
                check_curves(c, o->verbose);
            if (kernels[k].check == check_bf16_of_f32)
                check_numbers(c);
        }
    check_gemms(c);
}

static void bench_target(check *c)
{
    bench b = {.c = c, .peak = peak_of(c->kernels)};
    printf("%s: %.1f GFLOP/s in float32 on registers alone\n", c->target, b.peak);
    for (int k = 0; k < KERNELS; k++)
        if (is_ours(c, kernels[k].target)) {
            put_kernel(c, k);
            kernels[k].bench(&b);
        }
    bench_gemms(&b);
    bench_gemms_bf16(&b);
    bench_gemms_i8(&b);
}

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
        else if (strcmp(argv[i], "--target") == 0 && i + 1 < argc)
            o->target = argv[++i];
        else
            return false;
        if (*end)
            return false;
    }
    return true;
}

static bool choose_target(check *c, int t)
{
    c->target = targets[t].name;
    if (!tm_cpu_has(FLAGS_HERE | TM_CPU_EMULATED, targets[t].needs)) {
        printf("%s: this machine lacks what its kernels need, they are not run\n", c->target);
        return false;
    }
    tm_kernels_choose(targets[t].needs, &c->tables);
    c->fused = c->tables.f32.gemm[1].run != c->reference->gemm[1].run;
    return true;
}

int main(int argc, char **argv)
{
    static check c;
    static tm_kernel_tables scalar;
    options o = {.seed = 1};
    if (!parse(argc, argv, &o)) {
        fprintf(stderr,
                "usage: check_kernels [--seed N] [--target TARGET] [--verbose] [--bench]\n");
        return 2;
    }
    tm_kernels_choose(0, &scalar);
    c.seed = o.seed;
    c.reference = &scalar.f32;
    c.kernels = &c.tables.f32;
    c.bf16 = &c.tables.bf16;
    c.i8 = &c.tables.i8;
    c.split = &c.tables.split;
    open_slots(&c);
    catch_faults(&c);
    for (int t = 0; t < TARGETS; t++)
        if ((!o.target || strcmp(o.target, targets[t].name) == 0) && choose_target(&c, t))
            o.bench ? bench_target(&c) : check_target(&c, &o);
    printf("check_kernels: %ld passed, %ld failed\n", c.passed, c.failed);
    return c.failed > 0 || (!o.bench && c.passed == 0);
}
