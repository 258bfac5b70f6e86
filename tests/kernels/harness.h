/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every kernel check needs: random numbers, memory whose ends are guarded, comparison.
 *
 * A block lies against a page that nobody may touch, before or behind it, so that reading or
 * writing one float too many faults; its other side and the gaps between rows hold a pattern that
 * must survive. The pattern is a NaN: what reads it and uses it shows in the result.
 */
#ifndef TESTS_KERNELS_HARNESS_H
#define TESTS_KERNELS_HARNESS_H

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/floats.h"
#include "kernels/dispatch.h"

enum {
    SLOT_BYTES = 1 << 21,
    SLOT_COUNT = 320,
    MARGIN = 64, /* elements of pattern beside a block */
    MAX_OUT = 1 << 16,
    PATTERN = 0x7FC5A5A5,
    PATTERN_BF16 = 0x7FE5,
    MAX_REPORTS = 8
};

typedef struct check {
    const char *kernel;
    const char *target;                    /* whose kernels are checked */
    tm_kernel_tables tables;               /* what a CPU for it takes */
    const tm_kernels *kernels, *reference; /* of the tables; scalar */
    const tm_bf16_kernels *bf16;
    const tm_i8_kernels *i8;
    const tm_split_kernels *split;
    bool fused; /* products and sums with one rounding */
    uint64_t seed, random;
    int index; /* of the case */
    char params[256];
    long passed, failed;
    int reports; /* of this kernel */
    bool case_failed;
    char *slots[SLOT_COUNT]; /* usable bytes, between two pages that fault */
    size_t page;
    int used;
    float want[MAX_OUT];
    double bound[MAX_OUT];
    float wide[MAX_OUT];
} check;

typedef enum elem { F32, BF16 } elem;

/* rows x n elements, ld apart, in guarded memory */
typedef struct block {
    elem type;
    union {
        void *at;
        float *data;
        tm_bf16 *halves;
    };
    size_t rows, n, ld;
    char *slot;
} block;

static size_t elem_bytes(elem type)
{
    return type == BF16 ? sizeof(tm_bf16) : sizeof(float);
}

/* a name of a typed kernel's table entry */
#define TYPED(kernels, op, type) ((type) == BF16 ? (kernels)->op##_bf16 : (kernels)->op##_f32)

/* ---- random numbers ---- */

static uint64_t next_random(check *c)
{
    uint64_t z = c->random += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

/* in [0, count) */
static size_t below(check *c, size_t count)
{
    return (size_t)((next_random(c) >> 16) % count);
}

static bool coin(check *c)
{
    return below(c, 2) == 1;
}

/* in [lo, hi) */
static float uniform(check *c, double lo, double hi)
{
    double u = (double)(next_random(c) >> 11) * 0x1p-53;
    return (float)(lo + (hi - lo) * u);
}

static size_t any_size(check *c)
{
    static const size_t sizes[] = {1,  2,  3,  5,  7,  8,  9,  13, 15,  16,  17,  24, 31,
                                   32, 33, 47, 48, 49, 63, 64, 65, 124, 127, 128, 200};
    return sizes[below(c, sizeof sizes / sizeof *sizes)];
}

/* ---- values ---- */

typedef enum values {
    VALUES_PLAIN,   /* [-1, 1) */
    VALUES_SHIFTED, /* [9, 11): what cancels */
    VALUES_CURVE,   /* [-12, 12) and now and then +-200: where curves bend and saturate */
    VALUES_WIDE,    /* any sign and exponent */
    VALUES_SPECIAL  /* zeros, denormals, +-1e30, infinities, NaN among plain ones */
} values;

/* Of either sign, quiet or signalling, of any payload but the patterns': arithmetic on bits may
 * make a number of it. */
static float any_nan(check *c)
{
    uint32_t sign = coin(c) ? 0x80000000 : 0, quiet = coin(c) ? 0x400000 : 0;
    return tm_f32_of_bits(sign | 0x7F800000 | quiet | (1 + (uint32_t)below(c, 0x1FFFFF)));
}

static float special(check *c)
{
    static const float list[] = {0.0f,    -0.0f,   1e-45f,   -1e-45f,   1e-39f, -1e-39f, 0x1p-126f,
                                 1e30f,   -1e30f,  INFINITY, -INFINITY, 88.5f,  -88.5f,  104.0f,
                                 -104.0f, 3.0e38f, -3.0e38f, 20.0f,     -3.0f,  3.0f};
    enum { LISTED = sizeof list / sizeof *list };
    size_t i = below(c, LISTED + 1);
    return i < LISTED ? list[i] : any_nan(c);
}

static float value(check *c, values kind)
{
    switch (kind) {
    case VALUES_PLAIN:
        break;
    case VALUES_SHIFTED:
        return uniform(c, 9, 11);
    case VALUES_CURVE:
        return below(c, 16) ? uniform(c, -12, 12) : uniform(c, -200, 200);
    case VALUES_WIDE:
        return ldexpf(uniform(c, -1, 1), (int)below(c, 270) - 145);
    case VALUES_SPECIAL:
        if (below(c, 3) == 0)
            return special(c);
        break;
    }
    return uniform(c, -1, 1);
}

/* ---- guarded memory ---- */

static void open_slots(check *c)
{
    c->page = (size_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < SLOT_COUNT; i++) {
        char *whole = mmap(NULL, SLOT_BYTES + 2 * c->page, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (whole == MAP_FAILED || mprotect(whole + c->page, SLOT_BYTES, PROT_READ | PROT_WRITE)) {
            perror("check_kernels: mmap");
            exit(1);
        }
        c->slots[i] = whole + c->page;
    }
}

static uint32_t bits_of(float x)
{
    return tm_f32_bits(x);
}

/* element `at` of a block, which may lie beside it */
static float get(const block *b, ptrdiff_t at)
{
    return b->type == BF16 ? tm_f32_of_bf16(b->halves[at]) : b->data[at];
}

static void put(const block *b, ptrdiff_t at, float x)
{
    if (b->type == BF16)
        b->halves[at] = tm_bf16_of_f32(x);
    else
        b->data[at] = x;
}

static float pattern_of(elem type)
{
    return tm_f32_of_bits(type == BF16 ? (uint32_t)PATTERN_BF16 << 16 : PATTERN);
}

/* the elements from *begin to *end, counted from the block's first, hold it and its pattern */
static void window(const block *b, ptrdiff_t *begin, ptrdiff_t *end)
{
    ptrdiff_t size = (ptrdiff_t)elem_bytes(b->type);
    ptrdiff_t before = ((char *)b->at - b->slot) / size, all = SLOT_BYTES / size;
    ptrdiff_t stop = (ptrdiff_t)((b->rows - 1) * b->ld + b->n);
    *begin = before < MARGIN ? -before : -MARGIN;
    *end = all - before - stop < MARGIN ? all - before : stop + MARGIN;
}

/* A block full of the pattern, at the end of a slot or at its beginning. */
static block take_as(check *c, elem type, size_t rows, size_t n, size_t ld)
{
    size_t bytes = ((rows - 1) * ld + n) * elem_bytes(type);
    if (c->used == SLOT_COUNT || bytes > SLOT_BYTES)
        abort();
    block b = {.type = type, .rows = rows, .n = n, .ld = ld, .slot = c->slots[c->used++]};
    mprotect(b.slot, SLOT_BYTES, PROT_READ | PROT_WRITE);
    b.at = below(c, 4) ? b.slot + SLOT_BYTES - bytes : b.slot;
    ptrdiff_t begin, end;
    window(&b, &begin, &end);
    for (ptrdiff_t at = begin; at < end; at++)
        put(&b, at, pattern_of(type));
    return b;
}

static block take(check *c, size_t rows, size_t n, size_t ld)
{
    return take_as(c, F32, rows, n, ld);
}

/* `count` bytes in guarded memory, at the very end of it or at its beginning. */
static unsigned char *take_bytes(check *c, size_t count)
{
    block b = take(c, 1, (count + 3) / 4, (count + 3) / 4);
    return (unsigned char *)b.data + ((uintptr_t)b.data == (uintptr_t)b.slot ? 0 : -count & 3);
}

/* Nobody may write any more to what was taken last. */
static void seal(check *c)
{
    mprotect(c->slots[c->used - 1], SLOT_BYTES, PROT_READ);
}

static void fill(check *c, const block *b, values kind)
{
    for (size_t i = 0; i < b->rows; i++)
        for (size_t j = 0; j < b->n; j++)
            put(b, (ptrdiff_t)(i * b->ld + j), value(c, kind));
}

/* A filled input; nobody may write to it. */
static block input_as(check *c, elem type, size_t rows, size_t n, size_t ld, values kind)
{
    block b = take_as(c, type, rows, n, ld);
    fill(c, &b, kind);
    mprotect(b.slot, SLOT_BYTES, PROT_READ);
    return b;
}

static block input(check *c, size_t rows, size_t n, size_t ld, values kind)
{
    return input_as(c, F32, rows, n, ld, kind);
}

/* The block's numbers in float32, row behind row, at `to`. */
static const float *widened(const block *b, float *to)
{
    for (size_t i = 0; i < b->rows; i++)
        for (size_t j = 0; j < b->n; j++)
            to[i * b->n + j] = get(b, (ptrdiff_t)(i * b->ld + j));
    return to;
}

/* ---- reporting ---- */

__attribute__((format(printf, 2, 3))) static void describe(check *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(c->params, sizeof c->params, format, args);
    va_end(args);
}

__attribute__((format(printf, 2, 3))) static void report(check *c, const char *format, ...)
{
    if (!c->case_failed && c->reports++ < MAX_REPORTS) {
        printf("FAIL %s %s --seed %" PRIu64 " case %d: %s\n     ", c->kernel, c->target, c->seed,
               c->index, c->params);
        va_list args;
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        printf("\n");
    }
    c->case_failed = true;
}

static check *faulting; /* for the signal handler */

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    const check *c = faulting;
    char text[512];
    int n = snprintf(text, sizeof text,
                     "FAIL %s %s --seed %" PRIu64 " case %d: %s\n     signal %d: touched %p, "
                     "outside of its extents\ncheck_kernels: stopped\n",
                     c->kernel, c->target, c->seed, c->index, c->params, number, info->si_addr);
    if (write(STDOUT_FILENO, text, (size_t)n) < 0)
        _exit(2);
    _exit(1);
}

static void catch_faults(check *c)
{
    faulting = c;
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGILL, &action, NULL);
}

/* ---- comparison ---- */

/* Nothing but the block's rows was written. */
static void expect_kept(check *c, const block *b)
{
    ptrdiff_t begin, end;
    window(b, &begin, &end);
    for (ptrdiff_t at = begin; at < end; at++) {
        bool inside =
            at >= 0 && at < (ptrdiff_t)((b->rows - 1) * b->ld + b->n) && (size_t)at % b->ld < b->n;
        if (!inside && bits_of(get(b, at)) != bits_of(pattern_of(b->type))) {
            report(c, "wrote element %td of an output of %zu x %zu, ld %zu", at, b->rows, b->n,
                   b->ld);
            return;
        }
    }
}

static float rounded(double x)
{
    return tm_f32_of_bf16(tm_bf16_of_f32((float)x));
}

/* bound < 0: the same bits. A bfloat16 is what a number within the bound is rounded to. */
static bool near(elem type, float got, float want, double bound)
{
    if (isnan(want))
        return isnan(got) && bits_of(got) != bits_of(pattern_of(type));
    if (bits_of(got) == bits_of(type == BF16 ? rounded((double)want) : want))
        return true;
    if (type == BF16)
        return bound >= 0 && got >= rounded((double)want - bound) &&
               got <= rounded((double)want + bound);
    return fabs((double)got - (double)want) <= bound;
}

/* The block holds c->want (dense rows), rounded to its type: within c->bound, or the same bits but
 * for the NaN's. */
static void expect(check *c, const block *b, bool bounded)
{
    for (size_t i = 0; i < b->rows; i++)
        for (size_t j = 0; j < b->n; j++) {
            float got = get(b, (ptrdiff_t)(i * b->ld + j)), want = c->want[i * b->n + j];
            double bound = bounded ? c->bound[i * b->n + j] : -1.0;
            if (near(b->type, got, want, bound))
                continue;
            report(c, "row %zu, column %zu: got %.9g (%a), want %.9g (%a), bound %.3g", i, j,
                   (double)got, (double)got, (double)want, (double)want, bound);
            return;
        }
    expect_kept(c, b);
}

static void expect_same(check *c, const block *b)
{
    expect(c, b, false);
}

static void expect_near(check *c, const block *b)
{
    expect(c, b, true);
}

#endif
