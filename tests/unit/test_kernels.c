/* SPDX-License-Identifier: Apache-2.0 */
/* What CPU and system have, and which kernels are chosen for it: made-up machines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__AARCH64EL__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "kernels/dispatch.h"

/* ---- flags ---- */

enum { YMM = 0x7, ZMM = 0xE7, TILES = 0x600E7 }; /* XCR0 of systems that save so much */

/* Sapphire Rapids, with all that it has. */
static tm_cpuid whole_cpu(void)
{
    return (tm_cpuid){.leaf1_c = 0x7FFAFBFF,
                      .leaf7_b = 0xF1BF07AB,
                      .leaf7_c = 0x1B415F6E,
                      .leaf7_d = 0xFFDD4432,
                      .leaf7_1_a = 0x1C30,
                      .saved = TILES,
                      .tiles_allowed = true};
}

enum {
    AVX2_FLAGS = TM_CPU_AVX2 | TM_CPU_F16C | TM_CPU_AVX_VNNI,
    AVX512_FLAGS = AVX2_FLAGS | TM_CPU_AVX512 | TM_CPU_AVX512_BF16 | TM_CPU_AVX512_VNNI,
    AMX_FLAGS = AVX512_FLAGS | TM_CPU_AMX_TILE | TM_CPU_AMX_BF16 | TM_CPU_AMX_INT8,
    NEON_FLAGS = TM_CPU_NEON | TM_CPU_NEON_DOTPROD | TM_CPU_NEON_I8MM | TM_CPU_NEON_BF16
};

static void flags_of_a_cpu(void **state)
{
    (void)state;
    tm_cpuid cpu = whole_cpu();
    assert_int_equal(tm_cpu_flags_of(&cpu), AMX_FLAGS);
    cpu.leaf1_c &= ~(1u << 29);
    assert_int_equal(tm_cpu_flags_of(&cpu), AMX_FLAGS & ~TM_CPU_F16C);
    cpu = whole_cpu();
    cpu.leaf1_c &= ~(1u << 12); /* AVX2 without FMA is no use to us */
    assert_int_equal(tm_cpu_flags_of(&cpu), AMX_FLAGS & ~TM_CPU_AVX2);
    cpu = whole_cpu();
    cpu.leaf7_b &= ~(1u << 31); /* AVX-512 without VL: Knights Landing */
    assert_int_equal(tm_cpu_flags_of(&cpu), AMX_FLAGS & ~TM_CPU_AVX512);
    cpu = whole_cpu();
    cpu.leaf7_1_a = 0;
    assert_int_equal(tm_cpu_flags_of(&cpu), AMX_FLAGS & ~(TM_CPU_AVX512_BF16 | TM_CPU_AVX_VNNI));
    assert_int_equal(tm_cpu_flags_of(&(tm_cpuid){0}), 0);
}

static void flags_of_an_arm(void **state)
{
    (void)state;
    tm_cpuid neoverse_v1 = {.hwcap = 0xEFFFFFFF, .hwcap2 = 0x2F3FF};
    tm_cpuid graviton2 = {.hwcap = 0x119FFF}; /* Neoverse N1 */
    tm_cpuid cortex_a53 = {.hwcap = 0x8FF}, soft_float = {.hwcap = 0x8FC};
    assert_int_equal(tm_cpu_flags_of(&neoverse_v1), NEON_FLAGS);
    assert_int_equal(tm_cpu_flags_of(&graviton2), TM_CPU_NEON | TM_CPU_NEON_DOTPROD);
    assert_int_equal(tm_cpu_flags_of(&cortex_a53), TM_CPU_NEON);
    assert_int_equal(tm_cpu_flags_of(&soft_float), 0);
}

/* What the system does not save cannot be used, whatever the CPU has. */
static void flags_under_a_system(void **state)
{
    (void)state;
    tm_cpuid cpu = whole_cpu();
    cpu.tiles_allowed = false;
    assert_int_equal(tm_cpu_flags_of(&cpu), AVX512_FLAGS);
    cpu.tiles_allowed = true;
    cpu.saved = ZMM;
    assert_int_equal(tm_cpu_flags_of(&cpu), AVX512_FLAGS);
    cpu.saved = YMM;
    assert_int_equal(tm_cpu_flags_of(&cpu), AVX2_FLAGS);
    cpu.saved = 0x3;
    assert_int_equal(tm_cpu_flags_of(&cpu), 0);
}

static void this_machine(void **state)
{
    (void)state;
    tm_cpu_flags here = tm_cpu_flags_here();
    assert_int_equal(here, tm_cpu_flags_here());
    assert_int_equal(here & TM_CPU_EMULATED, 0);
    assert_true(tm_isa_within(tm_cpu_isa(), here));
#if defined(__x86_64__)
    /* the compiler's own answer */
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    assert_int_equal(tm_cpu_has(here, TM_CPU_AVX2), avx2);
    assert_int_equal(tm_cpu_has(here, TM_CPU_AVX512), avx512);
#elif defined(__AARCH64EL__)
    assert_int_equal(here & ~(tm_cpu_flags)NEON_FLAGS, 0);
    unsigned long hwcap = getauxval(AT_HWCAP), hwcap2 = getauxval(AT_HWCAP2);
    assert_int_equal(tm_cpu_has(here, TM_CPU_NEON), (hwcap & HWCAP_ASIMD) != 0);
    assert_int_equal(tm_cpu_has(here, TM_CPU_NEON_DOTPROD), (hwcap & HWCAP_ASIMDDP) != 0);
    assert_int_equal(tm_cpu_has(here, TM_CPU_NEON_I8MM), (hwcap2 & HWCAP2_I8MM) != 0);
    assert_int_equal(tm_cpu_has(here, TM_CPU_NEON_BF16), (hwcap2 & HWCAP2_BF16) != 0);
    assert_int_equal(tm_cpu_isa(), TM_ISA_NEON);
#else
    assert_int_equal(here, 0);
#endif
}

/* ---- levels ---- */

static void levels(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        tm_cpu_flags flags;
    } expected[] = {
        {"scalar", 0},
        {"neon", NEON_FLAGS},
        {"avx2", NEON_FLAGS | AVX2_FLAGS},
        {"avx512", NEON_FLAGS | AVX512_FLAGS},
        {"amx", NEON_FLAGS | AMX_FLAGS},
    };
    assert_int_equal(TM_ISA_COUNT, sizeof expected / sizeof *expected);
    for (int i = 0; i < TM_ISA_COUNT; i++) {
        tm_isa isa;
        assert_string_equal(tm_isa_name((tm_isa)i), expected[i].name);
        assert_int_equal(tm_isa_flags((tm_isa)i), expected[i].flags);
        assert_true(tm_isa_within((tm_isa)i, expected[i].flags));
        assert_true(tm_isa_parse(expected[i].name, &isa) && isa == (tm_isa)i);
    }
#if defined(__x86_64__)
    assert_string_equal(TM_ISA_NAMES, "scalar|avx2|avx512|amx");
#elif defined(__AARCH64EL__)
    assert_string_equal(TM_ISA_NAMES, "scalar|neon");
#else
    assert_string_equal(TM_ISA_NAMES, "scalar");
#endif
    assert_false(tm_isa_within(TM_ISA_AMX, AMX_FLAGS & ~TM_CPU_AVX512_BF16));
    assert_true(tm_isa_within(TM_ISA_AVX512, AVX512_FLAGS & ~TM_CPU_AVX512_BF16));
    assert_true(tm_isa_within(TM_ISA_AVX2, TM_CPU_AVX2));
    assert_false(tm_isa_within(TM_ISA_AVX2, TM_CPU_F16C));
    assert_true(tm_isa_within(TM_ISA_NEON, TM_CPU_NEON));
    assert_false(tm_isa_within(TM_ISA_NEON, AMX_FLAGS));
}

/* ---- the choice ---- */

typedef void kernel_fn(void);

static const struct {
    kernel_fn *kernel;
    const char *name;
} kernels[] = {
#define ROW(name, target) {(kernel_fn *)name##__##target, #name " " #target},
#define KERNEL(op, target) ROW(tm_##op, target)
#define BF16(op, target) ROW(tm_##op, target)
#define I8(op, target) ROW(tm_i8_##op, target)
#define GEMM_I8(rows, panels, target) ROW(tm_gemm_i8_##rows##x##panels, target)
#define SPLIT(op, target) ROW(tm_split_##op, target)
#define GEMM(rows, panels, target) ROW(tm_gemm_f32_##rows##x##panels, target)
#define GEMM_HALF(rows, panels, target) ROW(tm_gemm_f32_half_##rows##x##panels, target)
#define GEMM_BF16(rows, panels, target) ROW(tm_gemm_bf16_##rows##x##panels, target)
#define ROW_BF16(panels, target) GEMM_BF16(1, panels, target)
#include "kernels/kernels.def"
#undef ROW
};

/* "tm_act_f32 avx2"; "none" */
static const char *name_of(kernel_fn *kernel)
{
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (kernels[i].kernel == kernel)
            return kernels[i].name;
    assert_null(kernel);
    return "none";
}

#define NAME_OF(kernel) name_of((kernel_fn *)(kernel))

/* what a machine should take */
typedef struct expected {
    const char *vec, *f16, *gemm[TM_MAX_PANELS + 1], *half[TM_MAX_PANELS + 1];
    const char *i8, *gemm_i8[TM_MAX_PANELS + 1]; /* of rows the target; "10x1 avx512vnni" */
    bool bf16, split;
} expected;

static void expect_vec(const tm_kernels *k, const char *target)
{
    char name[64];
#define EXPECT(op)                                                                                 \
    snprintf(name, sizeof name, "tm_" #op " %s", target);                                          \
    assert_string_equal(NAME_OF(k->op), name);
    EXPECT(act_bf16)
    EXPECT(act_f32)
    EXPECT(affine_bf16)
    EXPECT(affine_f32)
    EXPECT(bf16_of_f32)
    EXPECT(binary_bf16)
    EXPECT(binary_f32)
    EXPECT(colreduce_bf16)
    EXPECT(colreduce_f32)
    EXPECT(dwconv_bf16)
    EXPECT(dwconv_f32)
    EXPECT(f32_of_bf16)
    EXPECT(layernorm_bf16)
    EXPECT(layernorm_f32)
    EXPECT(pack_f32)
    EXPECT(peak_f32)
    EXPECT(pool_bf16)
    EXPECT(pool_f32)
    EXPECT(resample_u8)
    EXPECT(softmax_f32)
    EXPECT(winograd_in_f32)
    EXPECT(winograd_out_f32)
#undef EXPECT
}

static void expect_bf16(const tm_bf16_kernels *k, bool any)
{
    static const char *const tiles[] = {"24x1", "14x2", "8x3", "6x4"};
    static const int rows[] = {24, 14, 8, 6};
    assert_string_equal(NAME_OF(k->to_bf16), any ? "tm_to_bf16 avx512bf16" : "none");
    for (int p = 1; p <= TM_MAX_PANELS; p++) {
        char name[64];
        snprintf(name, sizeof name, "tm_gemm_bf16_%s avx512bf16", tiles[p - 1]);
        assert_string_equal(NAME_OF(k->gemm[p].run), any ? name : "none");
        assert_int_equal(k->gemm[p].rows, any ? rows[p - 1] : 0);
        snprintf(name, sizeof name, "tm_gemm_bf16_1x%d avx512bf16", p);
        assert_string_equal(NAME_OF(k->gemm_row[p].run), any ? name : "none");
        assert_int_equal(k->gemm_row[p].rows, any);
    }
}

static void expect_split(const tm_split_kernels *k, bool any)
{
    assert_string_equal(NAME_OF(k->multiply), any ? "tm_split_multiply amx" : "none");
    assert_string_equal(NAME_OF(k->rows), any ? "tm_split_rows amx" : "none");
    assert_string_equal(NAME_OF(k->f32), any ? "tm_split_f32 amx" : "none");
    assert_string_equal(NAME_OF(k->copy), any ? "tm_split_copy amx" : "none");
    assert_string_equal(NAME_OF(k->panel), any ? "tm_split_panel amx" : "none");
    assert_string_equal(NAME_OF(k->panel_t), any ? "tm_split_panel_t amx" : "none");
}

static void expect_i8(const tm_i8_kernels *k, const expected *e)
{
    char name[64];
    snprintf(name, sizeof name, "tm_i8_range %s", e->i8);
    assert_string_equal(NAME_OF(k->range), name);
    snprintf(name, sizeof name, "tm_i8_bytes %s", e->i8);
    assert_string_equal(NAME_OF(k->bytes), name);
    snprintf(name, sizeof name, "tm_i8_rows %s", e->i8);
    assert_string_equal(NAME_OF(k->rows), name);
    for (int p = 1; p <= TM_MAX_PANELS; p++) {
        const char *tile = e->gemm_i8[p];
        snprintf(name, sizeof name, "tm_gemm_i8_%s", tile ? tile : "");
        assert_string_equal(NAME_OF(k->gemm[p].run), tile ? name : "none");
        assert_int_equal(k->gemm[p].rows, tile ? atoi(tile) : 0);
    }
}

/* tile: "6x1 avx2"; NULL: no kernel */
static void expect_gemm(const tm_gemm_kernel *k, const char *kind, const char *tile)
{
    char name[64];
    snprintf(name, sizeof name, "tm_gemm_f32_%s%s", kind, tile ? tile : "");
    assert_string_equal(NAME_OF(k->run), tile ? name : "none");
    assert_int_equal(k->rows, tile ? atoi(tile) : 0);
}

static void expect_choice(tm_cpu_flags flags, expected e)
{
    tm_kernel_tables tables;
    tm_kernels_choose(flags, &tables);
    expect_vec(&tables.f32, e.vec);
    assert_string_equal(NAME_OF(tables.f32.f16_to_f32), e.f16);
    for (int p = 1; p <= TM_MAX_PANELS; p++) {
        expect_gemm(&tables.f32.gemm[p], "", e.gemm[p]);
        expect_gemm(&tables.f32.gemm_half[p], "half_", e.half[p]);
    }
    expect_bf16(&tables.bf16, e.bf16);
    expect_i8(&tables.i8, &e);
    expect_split(&tables.split, e.split);
}

#define SCALAR .vec = "scalar", .gemm = {[1] = "4x1 scalar"}
#define AVX2                                                                                       \
    .vec = "avx2", .gemm = {[1] = "6x1 avx2"}, .half = {[1] = "10x1 avx2", [2] = "4x2 avx2"}
#define AVX512                                                                                     \
    .vec = "avx512",                                                                               \
    .gemm = {[1] = "10x1 avx512", [2] = "10x2 avx512", [3] = "8x3 avx512", [4] = "6x4 avx512"},    \
    .half = {[1] = "10x1 avx2", [2] = "10x2 avx512", [3] = "8x3 avx512", [4] = "6x4 avx512"}
#define BYTES .i8 = "scalar", .gemm_i8 = {[1] = "4x1 scalar"}
#define WORDS .i8 = "avx2", .gemm_i8 = {[1] = "4x1 avx2"}
#define VNNI256 .i8 = "avxvnni", .gemm_i8 = {[1] = "6x1 avxvnni"}
#define VNNI512                                                                                    \
    .i8 = "avx512vnni", .gemm_i8 = {[1] = "10x1 avx512vnni",                                       \
                                    [2] = "10x2 avx512vnni",                                       \
                                    [3] = "8x3 avx512vnni",                                        \
                                    [4] = "6x4 avx512vnni"}
#define TILES                                                                                      \
    .gemm_i8 = {                                                                                   \
        [1] = "32x1 amxint8", [2] = "32x2 amxint8", [3] = "32x3 amxint8", [4] = "32x4 amxint8"}
#define TILES_VNNI .i8 = "avx512vnni", TILES
#define TILES_WORDS .i8 = "avx2", TILES
#define NEON_I8(tile) .i8 = "neon", .gemm_i8 = {[1] = tile}
#define NEON                                                                                       \
    .vec = "neon", .gemm = {[1] = "6x1 neon"}, .half = {[2] = "4x2 neon"},                         \
    .f16 = "tm_f16_to_f32 neon"
#define PORTABLE_F16 .f16 = "tm_f16_to_f32 scalar"
#define F16C .f16 = "tm_f16_to_f32 f16c"

static void choice(void **state)
{
    (void)state;
    expect_choice(0, (expected){SCALAR, BYTES, PORTABLE_F16});
#if defined(__x86_64__)
    tm_cpu_flags skylake_x = TM_CPU_AVX2 | TM_CPU_F16C | TM_CPU_AVX512;
    tm_cpu_flags no_vnni = ~(tm_cpu_flags)(TM_CPU_AVX_VNNI | TM_CPU_AVX512_VNNI);
    expect_choice(AVX2_FLAGS, (expected){AVX2, VNNI256, F16C});
    expect_choice(AVX512_FLAGS, (expected){AVX512, VNNI512, F16C, .bf16 = true});
    expect_choice(AMX_FLAGS, (expected){AVX512, TILES_VNNI, F16C, .bf16 = true, .split = true});
    /* what levels in a row could not say */
    expect_choice(TM_CPU_F16C, (expected){SCALAR, BYTES, F16C});
    expect_choice(TM_CPU_AVX2, (expected){AVX2, WORDS, PORTABLE_F16});
    expect_choice(skylake_x, (expected){AVX512, WORDS, F16C});
    expect_choice(skylake_x | TM_CPU_AVX512_VNNI, (expected){AVX512, VNNI512, F16C});
    expect_choice(AMX_FLAGS & no_vnni,
                  (expected){AVX512, TILES_WORDS, F16C, .bf16 = true, .split = true});
    expect_choice(AMX_FLAGS & ~TM_CPU_AMX_TILE, (expected){AVX512, VNNI512, F16C, .bf16 = true});
    expect_choice(AMX_FLAGS & ~TM_CPU_AMX_INT8,
                  (expected){AVX512, VNNI512, F16C, .bf16 = true, .split = true});
    expect_choice(AMX_FLAGS & ~TM_CPU_AMX_BF16, (expected){AVX512, TILES_VNNI, F16C, .bf16 = true});
    expect_choice(AMX_FLAGS & ~TM_CPU_AVX512_BF16, (expected){AVX512, TILES_VNNI, F16C});
    expect_choice(AMX_FLAGS & ~TM_CPU_AVX2, (expected){SCALAR, BYTES, F16C});
#elif defined(__AARCH64EL__)
    tm_cpu_flags graviton2 = TM_CPU_NEON | TM_CPU_NEON_DOTPROD;
    expect_choice(TM_CPU_NEON, (expected){NEON, NEON_I8("4x1 neon")});
    expect_choice(graviton2, (expected){NEON, NEON_I8("6x1 neondot")});
    expect_choice(NEON_FLAGS, (expected){NEON, NEON_I8("6x1 neoni8mm")});
    expect_choice(NEON_FLAGS & ~TM_CPU_NEON, (expected){SCALAR, BYTES, PORTABLE_F16});
#endif
}

/* The levels' tables are those of this machine's flags and no others. */
static void choice_of_levels(void **state)
{
    (void)state;
    for (int i = 0; i < TM_ISA_COUNT; i++) {
        tm_kernel_tables tables;
        tm_isa isa = (tm_isa)i;
        tm_kernels_choose(tm_cpu_flags_here() & tm_isa_flags(isa), &tables);
        const tm_kernels *k = tm_kernels_for(isa);
        assert_memory_equal(k, &tables.f32, sizeof *k);
        const tm_bf16_kernels *bf16 = tm_bf16_kernels_for(isa);
        const tm_split_kernels *split = tm_split_kernels_for(isa);
        assert_memory_equal(tm_i8_kernels_for(isa), &tables.i8, sizeof tables.i8);
        assert_int_equal(bf16 != NULL, tables.bf16.to_bf16 != NULL);
        assert_int_equal(split != NULL, tables.split.multiply != NULL);
        if (bf16)
            assert_memory_equal(bf16, &tables.bf16, sizeof *bf16);
        if (split)
            assert_memory_equal(split, &tables.split, sizeof *split);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_of_a_cpu),
        cmocka_unit_test(flags_of_an_arm),
        cmocka_unit_test(flags_under_a_system),
        cmocka_unit_test(this_machine),
        cmocka_unit_test(levels),
        cmocka_unit_test(choice),
        cmocka_unit_test(choice_of_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
