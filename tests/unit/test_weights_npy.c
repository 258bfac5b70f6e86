/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/little_endian.h"
#include "weights/npy.h"

/* A file image in memory of its own; the header is padded as NumPy pads it. */
static unsigned char *image(int major, const char *literal, size_t data_size, size_t *size)
{
    size_t width = major == 1 ? 2 : 4, length = strlen(literal);
    *size = 8 + width + length + data_size;
    unsigned char *bytes = malloc(*size);
    assert_non_null(bytes);
    const unsigned char start[] = {0x93, 'N', 'U', 'M', 'P', 'Y', (unsigned char)major, 0};
    memcpy(bytes, start, 8);
    for (size_t i = 0; i < width; i++)
        bytes[8 + i] = (unsigned char)(length >> (8 * i));
    memcpy(bytes + 8 + width, literal, length);
    for (size_t i = 0; i < data_size; i++)
        bytes[8 + width + length + i] = (unsigned char)i;
    return bytes;
}

/* refused: part of the message, or NULL with TM_OK */
static void check(const char *literal, size_t data_size, tm_status expected, const char *refused)
{
    size_t size;
    unsigned char *bytes = image(1, literal, data_size, &size);
    tm_npy npy;
    tm_error error = {0};
    tm_status status = tm_npy_parse("x.npy", bytes, size, &npy, &error);
    if (status != expected || status != error.status)
        fail_msg("%s: status %d, expected %d: %s", literal, status, expected, error.message);
    if (refused &&
        (!strstr(error.message, refused) || !strstr(error.message, "x.npy: npy header, ")))
        fail_msg("%s: message '%s' lacks '%s'", literal, error.message, refused);
    free(bytes);
}

#define DICT(descr, order, shape)                                                                  \
    "{'descr': '" descr "', 'fortran_order': " order ", 'shape': " shape ", }   \n"

static void accepted(void **state)
{
    (void)state;
    check(DICT("<f4", "False", "(1, 3, 2, 2)"), 48, TM_OK, NULL);
    check(DICT("<f4", "False", "()"), 4, TM_OK, NULL);
    check(DICT("<f4", "False", "(1,)"), 4, TM_OK, NULL);
    check(DICT("<f4", "True", "(2,)"), 8, TM_OK, NULL); /* one axis has one order */
    check(DICT("<f4", "False", "(0, 7)"), 0, TM_OK, NULL);
    check(DICT("<f4", "False", "(1,1,1,1,1,1,1,1)"), 4, TM_OK, NULL);
    check(DICT("<f2", "False", "(2, 1,)"), 4, TM_OK, NULL);
    check(DICT("<f8", "False", "(1,)"), 8, TM_OK, NULL);
    check(DICT("|u1", "False", "(3,)"), 3, TM_OK, NULL);
    check(DICT("|b1", "False", "(3,)"), 3, TM_OK, NULL);
    check("{\"shape\":(1,),\"fortran_order\":False,\"descr\":\"<i8\"}", 8, TM_OK, NULL);
}

static void refused(void **state)
{
    (void)state;
    check("", 4, TM_CORRUPT, "the end of the header, expected '{'");
    check("{}", 4, TM_CORRUPT, "a key missing");
    check("{'descr': '<f4', 'fortran_order': False}", 4, TM_CORRUPT, "a key missing");
    check("{'descr': '<f4' 'fortran_order': False}", 4, TM_CORRUPT, "expected ',' or '}'");
    check("{,}", 4, TM_CORRUPT, "a quoted key");
    check("{'descr': '<f4', 'descr': '<f4'}", 4, TM_CORRUPT, "a key twice");
    check("{'other': 1}", 4, TM_CORRUPT, "an unknown key");
    check("{'descr' '<f4'}", 4, TM_CORRUPT, "expected ':'");
    check("{'descr': '<f4", 4, TM_CORRUPT, "the rest of a quoted word");
    check("{'de\\x73cr': '<f4'}", 4, TM_CORRUPT, "the rest of a quoted word");
    check("{'descr': 4}", 4, TM_CORRUPT, "a quoted element type");
    check("{'descr': [('a', '<f4')]}", 4, TM_UNSUPPORTED, "an array of records");
    check(DICT("|O", "False", "(1,)"), 4, TM_UNSUPPORTED, "type '|O'");
    check(DICT(">f4", "False", "(1,)"), 4, TM_UNSUPPORTED, "type '>f4'");
    check(DICT("<c8", "False", "(1,)"), 8, TM_UNSUPPORTED, "type '<c8'");
    check(DICT("<f4<f4<f4<f4<f4<f4<f4<f4<f4", "False", "(1,)"), 4, TM_UNSUPPORTED, "type '<f4<f4");
    check(DICT("<f4", "True", "(2, 1)"), 8, TM_UNSUPPORTED, "Fortran order");
    check(DICT("<f4", "0", "(1,)"), 4, TM_CORRUPT, "False or True");
    check(DICT("<f4", "Fals", "(1,)"), 4, TM_CORRUPT, "False or True");
    check(DICT("<f4", "False", "1"), 4, TM_CORRUPT, "'(' of a shape");
    check(DICT("<f4", "False", "(1)"), 4, TM_CORRUPT, "expected a tuple");
    check(DICT("<f4", "False", "(1 2)"), 8, TM_CORRUPT, "',' or ')'");
    check(DICT("<f4", "False", "(-1,)"), 4, TM_CORRUPT, "a dimension");
    check(DICT("<f4", "False", "(1.0,)"), 4, TM_CORRUPT, "',' or ')'");
    check(DICT("<f4", "False", "(,)"), 4, TM_CORRUPT, "a dimension");
    check(DICT("<f4", "False", "(9223372036854775808,)"), 4, TM_CORRUPT, "beyond 2^63");
    check(DICT("<f4", "False", "(4294967296, 4294967296)"), 4, TM_CORRUPT, "beyond 2^48 elements");
    check(DICT("<f4", "False", "(4611686018427387904,)"), 0, TM_CORRUPT, "beyond 2^48 elements");
    check(DICT("<f4", "False", "(1,1,1,1,1,1,1,1,1)"), 4, TM_UNSUPPORTED, "a ninth dimension");
    check(DICT("<f4", "False", "(2,)"), 7, TM_TRUNCATED, "7 bytes of data, expected 8");
    check(DICT("<f4", "False", "(2,)"), 9, TM_CORRUPT, "9 bytes of data, expected 8");
    check(DICT("<f4", "False", "(1,)") "x", 4, TM_CORRUPT, "only spaces");
}

static void frame(void **state)
{
    (void)state;
    const char *literal = DICT("<f4", "False", "(2, 1)");
    tm_npy npy;
    for (int major = 0; major < 5; major++) {
        size_t size;
        unsigned char *bytes = image(major, literal, 8, &size);
        tm_error error = {0};
        bool good = major >= 1 && major <= 3;
        assert_int_equal(tm_npy_parse("x", bytes, size, &npy, &error),
                         good ? TM_OK : TM_UNSUPPORTED);
        for (size_t cut = 0; good && cut < size; cut++) { /* any cut is noticed */
            unsigned char *part = malloc(cut ? cut : 1);
            assert_non_null(part);
            memcpy(part, bytes, cut);
            error = (tm_error){0};
            tm_status status = tm_npy_parse("x", part, cut, &npy, &error);
            assert_true(status == TM_TRUNCATED || (status == TM_CORRUPT && cut < 10));
            free(part);
        }
        for (size_t at = 0; good && at < size; at++) /* nor does any byte do harm */
            for (int value = 0; value < 256; value++) {
                unsigned char saved = bytes[at];
                float out[64];
                bytes[at] = (unsigned char)value;
                if (tm_npy_parse("x", bytes, size, &npy, NULL) == TM_OK)
                    assert_int_equal(tm_npy_read_f32(&npy, 0, npy.elements, out, NULL), TM_OK);
                bytes[at] = saved;
            }
        free(bytes);
    }
    assert_int_equal(tm_npy_parse("x", NULL, 0, &npy, NULL), TM_CORRUPT);

    size_t length = 10001, size;
    char *wide = malloc(length + 1);
    assert_non_null(wide);
    memset(wide, ' ', length);
    memcpy(wide, DICT("<f4", "False", "(1,)"), strlen(DICT("<f4", "False", "(1,)")));
    wide[length] = '\0';
    unsigned char *bytes = image(1, wide, 4, &size);
    tm_error error = {0};
    assert_int_equal(tm_npy_parse("x", bytes, size, &npy, &error), TM_CORRUPT);
    assert_non_null(strstr(error.message, "more than 10000 bytes"));
    free(bytes);
    wide[length - 1] = '\0';
    bytes = image(2, wide, 4, &size);
    assert_int_equal(tm_npy_parse("x", bytes, size, &npy, NULL), TM_OK);
    free(bytes);
    free(wide);
}

static void file_reading(void **state)
{
    (void)state;
    char path[] = "/tmp/tm_npy_XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fd >= 0 ? fdopen(fd, "wb") : NULL;
    assert_non_null(f);
    const float values[] = {0.5F, -1, 2, 3, 4, 5};
    const char *literal = DICT("<f4", "False", "(1, 2, 3)");
    size_t size;
    unsigned char *start = image(1, literal, 0, &size);
    fwrite(start, 1, size, f);
    assert_true(tm_write_f32_le(f, values, 6));
    assert_int_equal(fclose(f), 0);
    free(start);

    tm_npy npy;
    tm_error error = {0};
    float out[6];
    assert_int_equal(tm_npy_open(path, &npy, &error), TM_OK);
    assert_int_equal(npy.dtype, TM_DTYPE_F32);
    assert_int_equal(npy.rank, 3);
    assert_true(npy.shape[0] == 1 && npy.shape[1] == 2 && npy.shape[2] == 3 && npy.elements == 6);
    assert_int_equal(tm_npy_read_f32(&npy, 0, 6, out, NULL), TM_OK);
    assert_memory_equal(out, values, sizeof values);
    assert_int_equal(tm_npy_read_f32(&npy, 2, 3, out, NULL), TM_OK);
    assert_memory_equal(out, values + 2, 3 * sizeof *values);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 4), 0); /* reads as zeros */
    assert_int_equal(tm_npy_read_f32(&npy, 0, 6, out, &error), TM_READ);
    assert_non_null(strstr(error.message, "was cut while it was read"));
    error = (tm_error){0};
    tm_npy_close(&npy);

    assert_int_equal(truncate(path, 20), 0);
    assert_int_equal(tm_npy_open(path, &npy, &error), TM_TRUNCATED);
    assert_int_equal(truncate(path, 0), 0);
    error = (tm_error){0};
    assert_int_equal(tm_npy_open(path, &npy, &error), TM_CORRUPT);
    unlink(path);
    error = (tm_error){0};
    assert_int_equal(tm_npy_open(path, &npy, &error), TM_NOT_FOUND);
}

static void converted(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = image(1, DICT("<f2", "False", "(2,)"), 4, &size);
    memcpy(bytes + size - 4, "\x00\x3C\x00\xC0", 4); /* 1, -2 */
    tm_npy npy;
    float out[3];
    assert_int_equal(tm_npy_parse("x", bytes, size, &npy, NULL), TM_OK);
    assert_int_equal(tm_npy_read_f32(&npy, 0, 2, out, NULL), TM_OK);
    assert_true(out[0] == 1 && out[1] == -2);
    free(bytes);
    bytes = image(1, DICT("|u1", "False", "(3,)"), 3, &size);
    bytes[size - 1] = 255;
    assert_int_equal(tm_npy_parse("x", bytes, size, &npy, NULL), TM_OK);
    assert_int_equal(tm_npy_read_f32(&npy, 0, 3, out, NULL), TM_OK);
    assert_true(out[0] == 0 && out[1] == 1 && out[2] == 255);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),     cmocka_unit_test(refused),   cmocka_unit_test(frame),
        cmocka_unit_test(file_reading), cmocka_unit_test(converted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
