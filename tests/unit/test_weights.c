/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/little_endian.h"
#include "kernels/kernels.h"
#include "tests/unit/emulated.h"
#include "weights/convert.h"
#include "weights/formula.h"
#include "weights/weights.h"

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* ---- conversion ---- */

/* The definition of IEEE half precision, without a trick. */
static double half_value(uint32_t half)
{
    int exponent = (int)(half >> 10 & 0x1F);
    double fraction = half & 0x3FF, sign = half & 0x8000 ? -1 : 1;
    if (exponent == 31)
        return fraction != 0 ? (double)NAN : sign * (double)INFINITY;
    return sign * (exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25));
}

static void f16_exhaustive(void **state)
{
    (void)state;
    enum { COUNT = 65536 };
    unsigned char *halves = malloc(2 * COUNT + 1);
    float *portable = malloc(COUNT * sizeof *portable), *fast = malloc(COUNT * sizeof *fast);
    assert_true(halves && portable && fast);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint16_t half = tm_le16((uint16_t)i);
        memcpy(halves + 1 + 2 * i, &half, 2); /* misaligned on purpose */
    }
    tm_kernels_for(TM_ISA_SCALAR)->f16_to_f32(halves + 1, portable, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        double expected = half_value(i);
        if (isnan(expected))
            assert_true(isnan(portable[i]));
        else
            assert_true((double)portable[i] == expected);
        assert_int_equal(bits_of(portable[i]) >> 31, i >> 15);
    }
    tm_convert_f32(TM_DTYPE_F16, halves + 1, fast, COUNT);
    assert_memory_equal(fast, portable, COUNT * sizeof *fast);
    free(halves);
    free(portable);
    free(fast);
}

static void f16_tails(void **state)
{
    (void)state;
    uint16_t halves[40];
    for (int i = 0; i < 40; i++)
        halves[i] = tm_le16((uint16_t)(0x3C00 + i));
    for (size_t count = 0; count < 40; count++) {
        float *out = malloc((count ? count : 1) * sizeof *out); /* the sanitizer guards its end */
        assert_non_null(out);
        tm_convert_f32(TM_DTYPE_F16, (unsigned char *)halves, out, count);
        for (size_t i = 0; i < count; i++)
            assert_true((double)out[i] == 1 + (double)i / 1024);
        free(out);
    }
}

static void bf16_exhaustive(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 65536; i++) {
        uint16_t half = tm_le16((uint16_t)i);
        float out;
        tm_convert_f32(TM_DTYPE_BF16, (unsigned char *)&half, &out, 1);
        assert_int_equal(bits_of(out), i << 16);
    }
}

/* numbers of so many bytes each as a file has them */
static void to_le(const void *values, size_t count, size_t size, unsigned char *out)
{
    const unsigned char *bytes = values;
    for (size_t i = 0; i < count * size; i++) {
        size_t place = i % size;
        out[i] = bytes[TM_BIG_ENDIAN ? i - place + (size - 1 - place) : i];
    }
}

#define CHECK_CONVERT(dtype, type, ...)                                                            \
    do {                                                                                           \
        const type values[] = {__VA_ARGS__};                                                       \
        enum { COUNT = sizeof values / sizeof *values };                                           \
        float out[COUNT];                                                                          \
        unsigned char bytes[sizeof values + 1];                                                    \
        to_le(values, COUNT, sizeof *values, bytes + 1);                                           \
        tm_convert_f32(dtype, bytes + 1, out, COUNT);                                              \
        for (int i = 0; i < COUNT; i++)                                                            \
            assert_int_equal(bits_of(out[i]), bits_of((float)values[i]));                          \
    } while (0)

static void other_dtypes(void **state)
{
    (void)state;
    CHECK_CONVERT(TM_DTYPE_F64, double, 0, -0.0, 1.0 / 3, 1e-45, 1e300, -1e300, 16777217.0);
    CHECK_CONVERT(TM_DTYPE_F32, float, 0, -0.0F, 1.5F, 1e-45F, 3.4e38F);
    CHECK_CONVERT(TM_DTYPE_I64, int64_t, INT64_MIN, -1, 0, 16777217, INT64_MAX);
    CHECK_CONVERT(TM_DTYPE_I32, int32_t, INT32_MIN, -1, 0, 16777217, INT32_MAX);
    CHECK_CONVERT(TM_DTYPE_I16, int16_t, INT16_MIN, -1, 0, INT16_MAX);
    CHECK_CONVERT(TM_DTYPE_I8, int8_t, INT8_MIN, -1, 0, INT8_MAX);
    CHECK_CONVERT(TM_DTYPE_U8, uint8_t, 0, 1, 255);
    const unsigned char flags[] = {0, 1, 7};
    float out[3];
    tm_convert_f32(TM_DTYPE_BOOL, flags, out, 3);
    assert_true(out[0] == 0 && out[1] == 1 && out[2] == 1);
    tm_convert_f32(TM_DTYPE_F32, NULL, out, 0);
}

/* ---- the formula ---- */

/* Bit patterns that the Python side of the formula (numpy) computed. */
/* clang-format off */
static const struct {
    const char *name; int rank; int64_t shape[4]; uint64_t seed; double gain;
    size_t index[4]; uint32_t bits[4];
} formula_rows[] = {
    {"conv1.weight", 4, {64, 3, 7, 7}, 0U, 1.0, {0, 1, 4704, 9407}, {0x3C530092, 0x3D8F7462, 0x3CB42D52, 0xBDAFB287}},
    {"bn1.weight", 1, {64}, 0U, 1.0, {0, 1, 32, 63}, {0x3F6E1B2A, 0x3F94C31E, 0x3F918879, 0x3F7E0481}},
    {"bn1.running_var", 1, {64}, 7U, 1.0, {0, 1, 32, 63}, {0x3FB1F86E, 0x3F9282B8, 0x3F9E7BC1, 0x3F502664}},
    {"layer1.0.bn2.running_mean", 1, {5}, 18446744073709551615U, 1.0, {0, 1, 2, 4}, {0x3DF7BD9A, 0x3E422055, 0xBC00CAB3, 0x3E32E46E}},
    {"cls_token", 3, {1, 1, 192}, 3U, 0.5, {0, 1, 96, 191}, {0xBD296D40, 0xBE554EF6, 0x3E0D3F2A, 0x3E311A96}},
    {"head.bias", 1, {1000}, 42U, 2.0, {0, 1, 500, 999}, {0xBD865292, 0x3D66C0B0, 0x3D2E6166, 0xBCDAC360}},
    {"blocks.0.ls1.gamma", 1, {384}, 1U, 1.0, {0, 1, 192, 383}, {0x3F5226F2, 0x3F623030, 0x3F997D1D, 0x3F4802EB}},
    {"blocks.3.attn.qkv.weight", 2, {2304, 768}, 12345678901234567890U, 1.25, {0, 1, 884736, 1769471}, {0x3D7742FC, 0xBD003720, 0xBCBE04B5, 0xBD12B1C2}},
    {"logit_scale", 0, {0}, 5U, 1.0, {0, 0, 0, 0}, {0x3DA8817D, 0x3DA8817D, 0x3DA8817D, 0x3DA8817D}},
    {"a.scale", 0, {0}, 5U, 3.0, {0, 0, 0, 0}, {0x3F5269CF, 0x3F5269CF, 0x3F5269CF, 0x3F5269CF}},
    {"gain", 1, {9}, 6U, 1.0, {0, 1, 4, 8}, {0x3F91F5FE, 0x3F806AD0, 0x3F678E47, 0x3F928A52}},
    {"weight", 2, {1, 3}, 6U, 0.5, {0, 1, 2, 2}, {0x3DC8FB5C, 0xBCCA1240, 0xBD09EF60, 0xBD09EF60}},
    {"running_var", 2, {2, 2}, 6U, 0.5, {0, 1, 2, 3}, {0x3F04CB5E, 0x3F560562, 0x3F819D52, 0x3F671A45}},
    {"num\xC3\xA9ro.weight", 2, {4, 4}, 11U, 1.0, {0, 1, 8, 15}, {0xBEB9BCFA, 0x3F235022, 0x3E4B9AF5, 0x3E9A02A5}},
};
/* clang-format on */

static void formula_values(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof formula_rows / sizeof *formula_rows; row++) {
        tm_error error = {0};
        tm_weights *weights;
        assert_int_equal(tm_weights_open_formula(formula_rows[row].seed, formula_rows[row].gain,
                                                 &weights, &error),
                         TM_OK);
        for (int k = 0; k < 4; k++) {
            float out;
            assert_int_equal(tm_weights_read_f32_range(weights, formula_rows[row].name,
                                                       formula_rows[row].rank,
                                                       formula_rows[row].shape,
                                                       formula_rows[row].index[k], 1, &out, &error),
                             TM_OK);
            if (bits_of(out) != formula_rows[row].bits[k])
                fail_msg("%s[%zu]: 0x%08X, expected 0x%08X", formula_rows[row].name,
                         formula_rows[row].index[k], bits_of(out), formula_rows[row].bits[k]);
        }
        TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
    }
}

static void formula_whole(void **state)
{
    (void)state;
    const int64_t shape[] = {2304, 768};
    enum { COUNT = 2304 * 768, PART = 700001 };
    float *whole = malloc(COUNT * sizeof *whole), *parts = malloc(COUNT * sizeof *parts);
    assert_true(whole && parts);
    tm_error error = {0};
    tm_weights *weights;
    assert_int_equal(tm_weights_open_formula(9, 1, &weights, &error), TM_OK);
    assert_true(tm_weights_is_formula(weights));
    assert_string_equal(tm_weights_name(weights), "formula:9");
    assert_int_equal(tm_weights_count(weights), 0);
    assert_null(tm_weights_find(weights, "x"));
    const char *name = "blocks.3.attn.qkv.weight";
    assert_int_equal(tm_weights_read_f32(weights, name, 2, shape, whole, &error), TM_OK);
    for (size_t begin = 0; begin < COUNT; begin += PART) {
        size_t count = COUNT - begin < PART ? COUNT - begin : PART;
        tm_weights_read_f32_range(weights, name, 2, shape, begin, count, parts + begin, &error);
    }
    assert_memory_equal(whole, parts, COUNT * sizeof *whole);
    uint64_t hash = 0xCBF29CE484222325U; /* FNV over the first 100,000 bit patterns, by numpy */
    for (int i = 0; i < 100000; i++)
        hash = (hash ^ bits_of(whole[i])) * 0x100000001B3U;
    assert_true(hash == 0xD33732C21BF37C8FU);
    tm_weights_release_pages(weights, name);
    TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
    free(whole);
    free(parts);
}

static void formula_input(void **state)
{
    (void)state;
    static const uint32_t expected[] = {0xBF4DEAC2, 0x3E9C045C, 0xBF17BE90, 0xBEE6F7FC};
    float out[4];
    tm_formula_uniform("input", 0, 0, 1, 0, 4, out);
    assert_memory_equal(out, expected, sizeof expected);
}

/* ---- a file ---- */

/* long enough that the floats after it lie aligned */
static const char header[] =
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},"
    "\"b.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[16,24]},"
    "\"big\":{\"dtype\":\"U8\",\"shape\":[20000],\"data_offsets\":[24,20024]}}      ";

static char path[64];

static int make_file(void **state)
{
    (void)state;
    strcpy(path, "/tmp/tm_weights_XXXXXX");
    int fd = mkstemp(path);
    FILE *f = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (!f)
        return -1;
    const uint64_t length = sizeof header - 1;
    const float a[] = {1, 2, 3, 4};
    tm_write_le64(f, length);
    fwrite(header, 1, length, f);
    tm_write_f32_le(f, a, 4);
    tm_write_le64(f, 77);
    for (int i = 0; i < 20000; i++)
        putc(i % 251, f);
    return fclose(f);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void make_file_again(void **state)
{
    unlink(path);
    assert_int_equal(make_file(state), 0);
}

static tm_weights *open_path(void)
{
    tm_error error = {0};
    tm_weights *weights = NULL;
    assert_int_equal(tm_weights_open_file(path, true, &weights, &error), TM_OK);
    assert_int_equal(tm_weights_settle(weights, &error), TM_OK);
    assert_string_equal(tm_weights_name(weights), path);
    assert_false(tm_weights_is_formula(weights));
    return weights;
}

static void file_reading(void **state)
{
    (void)state;
    tm_weights *weights = open_path();
    tm_error error = {0};
    const int64_t shape[] = {2, 2}, wrong[] = {2, 3}, big[] = {20000};
    float out[4];
    assert_int_equal(tm_weights_read_f32(weights, "a", 2, shape, out, &error), TM_OK);
    assert_true(out[0] == 1 && out[3] == 4);
    assert_int_equal(tm_weights_read_f32_range(weights, "a", 2, shape, 1, 2, out, &error), TM_OK);
    assert_true(out[0] == 2 && out[1] == 3);
    assert_int_equal(tm_weights_read_f32_range(weights, "a", 2, shape, 4, 0, out, &error), TM_OK);
    assert_int_equal(tm_weights_read_f32(weights, "b.num_batches_tracked", 0, NULL, out, &error),
                     TM_OK);
    assert_true(out[0] == 77);
    const float *mapped = tm_weights_f32(weights, "a", 2, shape, 1);
    assert_int_equal(mapped == NULL, TM_BIG_ENDIAN);
    assert_true(!mapped || (mapped[0] == 2 && mapped[2] == 4));

    assert_int_equal(tm_weights_read_f32(weights, "a", 2, wrong, out, &error), TM_WEIGHTS_MISMATCH);
    assert_non_null(strstr(error.message, ": tensor a: found [2,2], expected [2,3]"));
    error = (tm_error){0};
    assert_int_equal(tm_weights_read_f32(weights, "a", 1, shape, out, &error), TM_WEIGHTS_MISMATCH);
    error = (tm_error){0};
    assert_int_equal(tm_weights_read_f32(weights, "c", 2, wrong, out, &error), TM_WEIGHTS_MISMATCH);
    assert_non_null(strstr(error.message, ": tensor c: not found, expected [2,3]"));

    error = (tm_error){0};
    float *bytes = malloc(20000 * sizeof *bytes);
    assert_non_null(bytes);
    for (int round = 0; round < 2; round++) { /* dropped pages come back */
        memset(bytes, 0, 20000 * sizeof *bytes);
        assert_int_equal(tm_weights_read_f32(weights, "big", 1, big, bytes, &error), TM_OK);
        for (int i = 0; i < 20000; i++)
            assert_true(bytes[i] == (float)(i % 251));
        tm_weights_release_pages(weights, "big");
        tm_weights_release_pages(weights, "a");
        tm_weights_release_pages(weights, "no such tensor");
    }
    free(bytes);
    TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
}

static void memory_pages_stay(void **state)
{
    (void)state;
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    unsigned char *bytes = malloc(30000);
    assert_non_null(bytes);
    size_t size = fread(bytes, 1, 30000, f);
    fclose(f);
    tm_error error = {0};
    tm_weights *weights;
    assert_int_equal(tm_weights_open_memory(bytes, size, "m", false, &weights, &error), TM_OK);
    assert_int_equal(tm_weights_settle(weights, &error), TM_OK);
    tm_weights_release_pages(weights, "big"); /* would zero memory that is no file's */
    assert_int_equal(tm_weights_find(weights, "big")->data[10000], 10000 % 251);
    TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
    free(bytes);
}

/* qemu-user turns the address of a bus error round wrongly where the byte orders differ. */
static void need_bus_errors(void)
{
    if (TM_BIG_ENDIAN && emulated())
        skip();
}

/* What somebody does to the file after it was opened. */
static void cut_to_a_page(void)
{
    assert_int_equal(truncate(path, 4096), 0);
}

static void cut_by_a_byte(void)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 1), 0);
}

static void write_at(off_t at)
{
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "x", 1, at), 1);
    close(fd);
}

static void overwrite(void)
{
    write_at(5000);
}

/* With the old time on it, as rsync --times leaves it. */
static void overwrite_unseen(void)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    write_at(5000);
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[]){st.st_atim, st.st_mtim}, 0), 0);
}

static void lengthen(void)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    write_at(st.st_size);
}

/* Another file takes its place; the open one stays whole. */
static void replace(void)
{
    char other[80];
    snprintf(other, sizeof other, "%s.other", path);
    close(open(other, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(rename(other, path), 0);
}

static void leave(void)
{
}

/* Whatever happens to a file that is open is told when it is closed; without the guard the first
 * of them dies. */
static void changed_while_mapped(void **state)
{
    (void)state;
    need_bus_errors();
    static const struct {
        void (*act)(void);
        const char *told; /* NULL: nothing */
    } changes[] = {{leave, NULL},
                   {cut_to_a_page, "was cut while it was read"},
                   {cut_by_a_byte, "was cut while it was read"},
                   {overwrite, "was written to while it was read"},
                   {overwrite_unseen, "was written to while it was read"},
                   {lengthen, "was written to while it was read"},
                   {replace, NULL}};
    const int64_t shape[] = {20000};
    float *values = malloc(20000 * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        tm_error error = {0};
        make_file_again(state);
        tm_weights *weights = open_path();
        tm_weights_release_pages(weights, "big");
        changes[i].act();
        assert_int_equal(tm_weights_read_f32(weights, "big", 1, shape, values, &error), TM_OK);
        assert_int_equal(tm_weights_close(weights, TM_OK, &error),
                         changes[i].told ? TM_WEIGHTS_INVALID : TM_OK);
        assert_true(!changes[i].told || strstr(error.message, changes[i].told));
        assert_true(!changes[i].told || strstr(error.message, path));
    }
    /* a failure stays what it was */
    tm_error error = {0};
    make_file_again(state);
    tm_weights *weights = open_path();
    cut_to_a_page();
    assert_int_equal(tm_weights_close(weights, TM_NO_MEMORY, &error), TM_NO_MEMORY);
    assert_int_equal(error.status, TM_OK);
    make_file_again(state);
    free(values);
}

/* As many as there are: each is guarded. */
static void many_maps_are_cut(void **state)
{
    (void)state;
    need_bus_errors();
    enum { MAPS = 200 };
    static tm_map maps[MAPS];
    unsigned sum = 0;
    make_file_again(state);
    for (int i = 0; i < MAPS; i++)
        assert_int_equal(tm_map_file(path, &maps[i], NULL), TM_OK);
    cut_to_a_page();
    for (int i = 0; i < MAPS; i++)
        sum += maps[i].data[maps[i].size - 1];
    assert_int_equal(sum, 0);
    for (int i = 0; i < MAPS; i++) {
        assert_int_equal(tm_map_check(&maps[i], NULL), TM_READ);
        assert_int_equal(tm_unmap(&maps[i], TM_OK, NULL), TM_READ);
    }
    make_file_again(state);
}

static void no_file(void **state)
{
    (void)state;
    tm_error error = {0};
    tm_weights *weights = NULL;
    assert_int_equal(tm_weights_open_file("/tmp/no such file", true, &weights, &error),
                     TM_NOT_FOUND);
    error = (tm_error){0};
    assert_int_equal(tm_weights_open_file("/tmp", true, &weights, &error), TM_READ);
    error = (tm_error){0};
    assert_int_equal(tm_weights_open_file("/dev/null", true, &weights, &error), TM_READ);
    assert_null(weights);
}

static void comparison(void **state)
{
    (void)state;
    tm_weights *weights = open_path();
    tm_error error = {0};
    tm_weights_diff diff;
    tm_buffer report = {0};
    const tm_tensor_spec same[] = {{"big", 1, {20000}}, {"a", 2, {2, 2}}};
    assert_int_equal(tm_weights_compare(weights, same, 2, &diff, &report, &error), TM_OK);
    assert_true(diff.missing == 0 && diff.unexpected == 0 && diff.mismatched == 0);
    assert_int_equal(report.length, 0);

    const tm_tensor_spec other[] = {
        {"a", 2, {2, 3}}, {"c.weight", 1, {5}}, {"d", 0, {0}}, {"x.num_batches_tracked", 0, {0}}};
    assert_int_equal(tm_weights_compare(weights, other, 4, &diff, &report, &error), TM_OK);
    assert_true(diff.missing == 2 && diff.unexpected == 1 && diff.mismatched == 1);
    assert_string_equal(report.data, "2 missing: c.weight [5], d []\n"
                                     "1 unexpected: big [20000]\n"
                                     "1 mismatched: a [2,2] for [2,3]\n");
    assert_int_equal(tm_weights_compare(weights, other, 4, &diff, NULL, &error), TM_OK);
    tm_buffer_clear(&report);

    char names[30][8];
    tm_tensor_spec many[30];
    for (int i = 0; i < 30; i++) {
        snprintf(names[i], sizeof names[i], "t%d", i);
        many[i] = (tm_tensor_spec){names[i], 1, {1}};
    }
    assert_int_equal(tm_weights_compare(weights, many, 30, &diff, &report, &error), TM_OK);
    assert_int_equal(diff.missing, 30);
    assert_non_null(strstr(report.data, "30 missing: t0 [1], t1 [1]"));
    assert_non_null(strstr(report.data, ", t19 [1], ...\n"));
    assert_null(strstr(report.data, "t20"));
    tm_buffer_free(&report);
    TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);

    assert_int_equal(tm_weights_open_formula(0, 1.5, &weights, &error), TM_OK);
    assert_string_equal(tm_weights_name(weights), "formula:0:1.5");
    assert_int_equal(tm_weights_compare(weights, many, 30, &diff, NULL, &error), TM_OK);
    assert_int_equal(diff.missing, 0);
    TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
}

static void dtype_facts(void **state)
{
    (void)state;
    assert_string_equal(tm_dtype_name(TM_DTYPE_BF16), "BF16");
    assert_int_equal(tm_dtype_size(TM_DTYPE_BF16), 2);
    assert_int_equal(tm_dtype_size(TM_DTYPE_BOOL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f16_exhaustive),       cmocka_unit_test(f16_tails),
        cmocka_unit_test(bf16_exhaustive),      cmocka_unit_test(other_dtypes),
        cmocka_unit_test(formula_values),       cmocka_unit_test(formula_whole),
        cmocka_unit_test(formula_input),        cmocka_unit_test(file_reading),
        cmocka_unit_test(memory_pages_stay),    cmocka_unit_test(no_file),
        cmocka_unit_test(comparison),           cmocka_unit_test(dtype_facts),
        cmocka_unit_test(changed_while_mapped), cmocka_unit_test(many_maps_are_cut),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
