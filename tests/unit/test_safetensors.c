/* SPDX-License-Identifier: Apache-2.0 */
/* What the safetensors reader accepts and refuses, row by row; the verdicts are those of the
 * reference implementation except where a row says "stricter". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/little_endian.h"
#include "weights/weights.h"

/* A file image in memory of its own, so that the sanitizer sees one byte too many. */
static unsigned char *image(uint64_t length, const char *header, size_t header_size,
                            size_t data_size, size_t *size)
{
    *size = 8 + header_size + data_size;
    unsigned char *bytes = malloc(*size);
    assert_non_null(bytes);
    length = tm_le64(length);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, header_size);
    for (size_t i = 0; i < data_size; i++)
        bytes[8 + header_size + i] = (unsigned char)i;
    return bytes;
}

static tm_weights *open_image(const unsigned char *bytes, size_t size, tm_error *error)
{
    tm_weights *weights = NULL;
    tm_status status = tm_weights_open_memory(bytes, size, "m.safetensors", false, &weights, error);
    assert_int_equal(status, error->status);
    assert_int_equal(status == TM_OK, weights != NULL);
    return weights;
}

/* refused: part of the message, or NULL where the file is to be accepted */
static void check_sized(const char *header, size_t header_size, size_t data_size,
                        const char *refused)
{
    size_t size;
    unsigned char *bytes = image(header_size, header, header_size, data_size, &size);
    tm_error error = {0};
    tm_weights *weights = open_image(bytes, size, &error);
    if (!refused && !weights)
        fail_msg("%s: refused: %s", header, error.message);
    if (refused && weights)
        fail_msg("%s: accepted", header);
    if (refused) {
        assert_int_equal(error.status, TM_WEIGHTS_INVALID);
        if (strncmp(error.message, "m.safetensors: ", 15) != 0 || strchr(error.message, '\n') ||
            !strstr(error.message, ", offset ") || !strstr(error.message, ": found ") ||
            !strstr(error.message, ", expected ") || !strstr(error.message, refused))
            fail_msg("%s: message '%s' lacks '%s'", header, error.message, refused);
    }
    TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
    free(bytes);
}

static void check(const char *header, size_t data_size, const char *refused)
{
    check_sized(header, strlen(header), data_size, refused);
}

#define TENSOR(name, dtype, shape, begin, end)                                                     \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end   \
    "]}"
#define A TENSOR("a", "F32", "[1]", "0", "4")

static void check_length(uint64_t length, const char *rest, size_t rest_size, const char *refused)
{
    size_t size;
    unsigned char *bytes = image(length, rest, rest_size, 0, &size);
    tm_error error = {0};
    assert_null(open_image(bytes, size, &error));
    assert_int_equal(error.status, TM_WEIGHTS_INVALID);
    assert_non_null(strstr(error.message, refused));
    free(bytes);
}

static void header_length(void **state)
{
    (void)state;
    check_length(0, "", 0, "found length 0, expected 1 to 0");
    check_length(0, "{}", 2, "found length 0, expected 1 to 2");
    check_length(3, "{}", 2, "found length 3, expected 1 to 2");
    check_length(UINT64_MAX, "{}", 2, "found length 18446744073709551615");
    check_length(UINT64_MAX - 7, "{}", 2, "expected 1 to 2");
    check_length(100000001, "{}", 2, "found length 100000001");
    check_length(1ULL << 63, "<html>", 6, "expected one of: .npz, .pth, safetensors");

    /* really there, and yet beyond the cap */
    size_t large = 100000001;
    char *header = malloc(large);
    assert_non_null(header);
    memset(header, ' ', large);
    memcpy(header, "{}", 2);
    check_length(large, header, large, "expected 1 to 100000000");
    check_sized(header, large - 1, 0, NULL);
    free(header);
}

static void too_short(void **state)
{
    (void)state;
    for (size_t size = 0; size < 8; size++) {
        unsigned char *bytes = calloc(1, size + 1);
        tm_error error = {0};
        assert_null(open_image(bytes, size, &error));
        assert_int_equal(error.status, TM_WEIGHTS_INVALID);
        free(bytes);
    }
}

static void accepted(void **state)
{
    (void)state;
    check("{}", 0, NULL);
    check("{" A "}", 4, NULL);
    check(" \t\r\n{" A "}", 4, NULL); /* leading space */
    check("{" A "}   \n", 4, NULL);   /* trailing space */
    check(
        " { \"a\" : { \"dtype\" : \"F32\" , \"shape\" : [ 1 ] , \"data_offsets\" : [ 0 , 4 ] } } ",
        4, NULL);
    check("{" TENSOR("a", "F32", "[]", "0", "4") "}", 4, NULL); /* rank 0 */
    check("{" TENSOR("a", "F32", "[1,1,1,1,1,1,1,1]", "0", "4") "}", 4, NULL);
    check("{" TENSOR("a", "U8", "[3]", "0", "3") "," TENSOR("b", "F32", "[1]", "3", "7") "}", 7,
          NULL); /* misaligned */
    check("{\"a\":{\"x\":[1,-2.5e+3,{\"y\":null},true,false,\"\\u00e9\"],\"dtype\":\"F32\","
          "\"shape\":[1],\"data_offsets\":[0,4]}}",
          4, NULL); /* unknown inner field */
    check("{\"a\":{\"x\":1,\"x\":2,\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
          NULL);
    check("{\"__metadata__\":{\"format\":\"pt\",\"\":\"\"}," A "}", 4, NULL);
    check("{\"__metadata__\":null," A "}", 4, NULL);
    check("{" A ",\"__metadata__\":{}}", 4, NULL);
    check("{\"\\u0061\\ud83d\\ude3a/"
          "\\\"\\\\\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
          4, NULL);
}

static void accepted_zero_size(void **state)
{
    (void)state;
    check("{" TENSOR("a", "F32", "[0]", "0", "0") "}", 0, NULL);
    check("{" TENSOR("z", "F32", "[0]", "0", "0") "," A "}", 4, NULL);
    check("{" A "," TENSOR("z", "F32", "[4,0]", "4", "4") "}", 4, NULL);
    check("{" TENSOR("b", "F32", "[1]", "4", "8") "," TENSOR("z", "I64", "[0]", "4", "4") "," A "}",
          8, NULL);
    check("{" TENSOR("a", "F32", "[2]", "0", "8") "," TENSOR("z", "I64", "[0]", "4", "4") "}", 8,
          "expected data from 8 to");
}

static void all_dtypes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *offsets;
        size_t bytes;
    } rows[] = {{"F64", "[0,8]", 8}, {"F32", "[0,4]", 4}, {"F16", "[0,2]", 2}, {"BF16", "[0,2]", 2},
                {"I64", "[0,8]", 8}, {"I32", "[0,4]", 4}, {"I16", "[0,2]", 2}, {"I8", "[0,1]", 1},
                {"U8", "[0,1]", 1},  {"BOOL", "[0,1]", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char header[128];
        snprintf(header, sizeof header,
                 "{\"a\":{\"dtype\":\"%s\",\"shape\":[1],\"data_offsets\":%s}}", rows[i].name,
                 rows[i].offsets);
        check(header, rows[i].bytes, NULL);
    }
    static const char *const unknown[] = {"F4",  "F6_E2M3", "F8_E5M2", "F8_E4M3", "U16",
                                          "U32", "U64",     "C64",     "f32",     "F32 ",
                                          "",    "F3",      "F32\\n"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        char header[128];
        snprintf(header, sizeof header,
                 "{\"a\":{\"dtype\":\"%s\",\"shape\":[1],\"data_offsets\":[0,4]}}", unknown[i]);
        check(header, 4, "found dtype ");
    }
}

static void refused_syntax(void **state)
{
    (void)state;
    check(" ", 0, "the end of the header");
    check("[]", 0, "found '['");
    check("null", 0, "found 'n'");
    check("{", 0, "a quoted name");
    check("{}x", 0, "only spaces after the header");
    check_sized("{}\0", 3, 0, "found byte 0x00");
    check("{}{}", 0, "only spaces");
    check("{,}", 0, "a quoted name");
    check("{" A ",}", 4, "a quoted name");
    check("{" A " " A "}", 4, "',' or '}'");
    check("{'a':1}", 0, "a quoted name");
    check("{\"a\" 1}", 0, "expected ':'");
    check("{\"a\":1}", 0, "'{' of a tensor");
    check("{\"a\":null}", 0, "'{' of a tensor");
    check("{\"a\":[\"F32\",[1],[0,4]]}", 4, "'{' of a tensor"); /* stricter */
    check("{\"a\xff\":1}", 0, "UTF-8");
    check("{\"a\xc0\x80\":1}", 0, "UTF-8");
    check("{\"a\xe0\x80\x80\":1}", 0, "UTF-8");
    check("{\"a\xed\xa0\x80\":1}", 0, "UTF-8");
    check("{\"a\xf4\x90\x80\x80\":1}", 0, "UTF-8");
    check("{\"a\xf8\x88\x80\x80\x80\":1}", 0, "UTF-8");
    check("{\"\xe2\x82", 0, "UTF-8");
    check("{\"a\nb\":1}", 0, "the rest of a string");
    check("{\"a", 0, "the rest of a string");
    check("{\"a\\x\":1}", 0, "an escape of JSON");
    check("{\"a\\u12g4\":1}", 0, "hexadecimal");
    check("{\"\\ud800\":1}", 0, "lone surrogate");
    check("{\"\\ud800\\u0041\":1}", 0, "lone surrogate");
    check("{\"\\udc00\":1}", 0, "lone surrogate");
    check("{\"a\\u0000b\":1}", 0, "NUL"); /* stricter */
    check_sized("{\"a\0b\":1}", 9, 0, "found byte 0x00");
}

static void refused_numbers(void **state)
{
    (void)state;
    check("{" TENSOR("a", "F32", "[-1]", "0", "4") "}", 4, "an integer from 0");
    check("{" TENSOR("a", "F32", "[1.0]", "0", "4") "}", 4, "found 1.0");
    check("{" TENSOR("a", "F32", "[1e0]", "0", "4") "}", 4, "found 1e0");
    check("{" TENSOR("a", "F32", "[\"1\"]", "0", "4") "}", 4, "an integer from 0");
    check("{" TENSOR("a", "F32", "[01]", "0", "4") "}", 4, "',' or ']'");
    check("{" TENSOR("a", "F32", "[+1]", "0", "4") "}", 4, "an integer from 0");
    check("{" TENSOR("a", "F32", "[1", "0", "4") "}", 4, "an integer from 0");
    check("{" TENSOR("a", "F32", "[1]", "-0", "4") "}", 4, "an integer from 0");
    check("{" TENSOR("a", "F32", "[1]", "0", "4.0") "}", 4, "found 4.0");
    check("{" TENSOR("a", "F32", "[4]", "0", "1.6e1") "}", 16, "found 1.6e1");
    check("{" TENSOR("a", "F32", "[1]", "0", "18446744073709551620") "}", 4,
          "found 18446744073709551620");
    check("{" TENSOR("a", "F32", "1", "0", "4") "}", 4, "'[' of a shape");
    check("{\"a\":{\"x\":-,\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "a digit");
    check("{\"a\":{\"x\":1.,\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
          "a digit");
    check("{\"a\":{\"x\":1e,\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
          "a digit");
    check("{\"a\":{\"x\":tru,\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
          "a value");
}

static void refused_fields(void **state)
{
    (void)state;
    check("{\"a\":{}}", 0, "with a field missing");
    check("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "with a field missing");
    check("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
          "a field twice");
    check("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
          "a field twice");
    check("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"data_offsets\":[0,4]}}",
          4, "a field twice");
    check("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "a second offset");
    check("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", 4,
          "after two offsets");
    check("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[]}}", 4, "an integer");
    check("{\"a\":{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "a dtype name");
    check("{" A "," A "}", 4, "tensor a a second time");                              /* stricter */
    check("{" A "," TENSOR("\\u0061", "F32", "[0]", "4", "4") "}", 4, "second time"); /* stricter */
    check("{\"__metadata__\":{\"a\":1}}", 0, "as all metadata");
    check("{\"__metadata__\":{\"a\":null}}", 0, "as all metadata");
    check("{\"__metadata__\":[]}", 0, "'{' of the metadata");
    check("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "__metadata__ twice");
    check("{\"__metadata__\":{},\"\\u005f_metadata__\":{}}", 0, "__metadata__ twice");
}

static void refused_sizes(void **state)
{
    (void)state;
    check("{" TENSOR("a", "F32", "[4294967296,4294967296]", "0", "4") "}", 4,
          "beyond 2^48 elements");
    check("{" TENSOR("a", "F32", "[4294967296,4294967296,0]", "0", "0") "}", 0,
          "beyond 2^48 elements");
    check("{" TENSOR("a", "F32", "[4611686018427387904]", "0", "0") "}", 0, "beyond 2^48 elements");
    check("{" TENSOR("a", "F32", "[2]", "0", "4") "}", 4, "expected 8 bytes");
    check("{" TENSOR("a", "F32", "[1]", "0", "8") "}", 8, "expected 4 bytes");
    check("{" TENSOR("a", "F32", "[1]", "4", "0") "}", 4, "expected 4 bytes");
    check("{" TENSOR("a", "F32", "[1]", "4", "8") "}", 8, "expected data from 0 to");
    check("{" A "}", 5, "expected 4");
    check("{}", 1, "expected 0");
    check("{" A "}", 3, "to at most 3");
    check("{" A "," TENSOR("b", "F32", "[1]", "8", "12") "}", 12, "expected data from 4 to");
    check("{" A "," TENSOR("b", "F32", "[1]", "0", "4") "}", 4, "expected data from 4 to");
    check("{" A "," TENSOR("b", "F32", "[1]", "2", "6") "}", 6, "expected data from 4 to");
    check("{" TENSOR("a", "F32", "[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 4, "a ninth dimension");
}

static void refused_nesting(void **state)
{
    (void)state;
    for (int depth = 120; depth <= 130; depth++) {
        char header[512];
        int n = snprintf(header, sizeof header, "{\"a\":{\"x\":");
        memset(header + n, '[', (size_t)depth);
        memset(header + n + depth, ']', (size_t)depth);
        snprintf(header + n + 2 * depth, sizeof header - (size_t)(n + 2 * depth),
                 ",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}");
        check(header, 4, depth + 2 <= 127 ? NULL : "nesting");
    }
    size_t size = 1000000;
    char *deep = malloc(size);
    assert_non_null(deep);
    memset(deep, '[', size);
    memcpy(deep, "{\"a\":{\"x\":", 10);
    check_sized(deep, size, 0, "nesting");
    free(deep);
}

static void too_many_tensors(void **state)
{
    (void)state;
    size_t room = 80 * 200001;
    char *header = malloc(room);
    assert_non_null(header);
    size_t n = 0;
    header[n++] = '{';
    for (int i = 0; i <= 200000; i++) {
        n += (size_t)snprintf(header + n, room - n,
                              "%s\"%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
                              i ? "," : "", i);
        if (i == 199999) {
            header[n] = '}';
            check_sized(header, n + 1, 0, NULL);
        }
    }
    header[n++] = '}';
    check_sized(header, n, 0, "at most 200000");
    free(header);
}

static const char sample[] =
    "{\"__metadata__\":{\"k\":\"v\",\"u\":\"\\u00e9\",\"k\":\"w\"}," TENSOR("b", "U8", "[2,1]", "4",
                                                                            "6") "," A "}  ";

static void every_truncation(void **state)
{
    (void)state;
    size_t size, header_size = strlen(sample);
    unsigned char *bytes = image(header_size, sample, header_size, 6, &size);
    for (size_t cut = 0; cut < size; cut++) {
        unsigned char *part = malloc(cut ? cut : 1);
        assert_non_null(part);
        memcpy(part, bytes, cut);
        tm_error error = {0};
        assert_null(open_image(part, cut, &error));
        assert_int_equal(error.status, TM_WEIGHTS_INVALID);
        free(part);
    }
    /* the header itself cut, with a length that agrees */
    for (size_t cut = 1; cut < header_size - 2; cut++)
        check_sized(sample, cut, 6, "");
    free(bytes);
}

/* Any byte may be wrong: never a crash, and what is accepted can be read. */
static void every_byte_changed(void **state)
{
    (void)state;
    size_t size, header_size = strlen(sample);
    unsigned char *bytes = image(header_size, sample, header_size, 6, &size);
    int opened = 0;
    for (size_t at = 0; at < size; at++)
        for (int value = 0; value < 256; value++) {
            unsigned char saved = bytes[at];
            bytes[at] = (unsigned char)value;
            tm_error error = {0};
            tm_weights *weights = open_image(bytes, size, &error);
            bool settled = weights && tm_weights_settle(weights, &error) == TM_OK;
            for (size_t i = 0; settled && i < tm_weights_count(weights); i++) {
                const tm_tensor_view *t = tm_weights_at(weights, i);
                float out[6];
                assert_int_equal(
                    tm_weights_read_f32(weights, t->name, t->rank, t->shape, out, &error), TM_OK);
            }
            opened += weights != NULL;
            TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
            bytes[at] = saved;
        }
    assert_in_range(opened, 6 * 256, 20000); /* all of the data bytes, and some names */
    free(bytes);
}

static void contents(void **state)
{
    (void)state;
    size_t size, header_size = strlen(sample);
    unsigned char *bytes = image(header_size, sample, header_size, 6, &size);
    tm_error error = {0};
    tm_weights *weights = open_image(bytes, size, &error);
    assert_non_null(weights);
    assert_int_equal(tm_weights_count(weights), 2);
    const tm_tensor_view *a = tm_weights_at(weights, 0), *b = tm_weights_find(weights, "b");
    assert_string_equal(a->name, "a");
    assert_ptr_equal(b, tm_weights_at(weights, 1));
    assert_int_equal(b->dtype, TM_DTYPE_U8);
    assert_int_equal(b->rank, 2);
    assert_int_equal(b->shape[0], 2);
    assert_int_equal(b->shape[1], 1);
    assert_int_equal(b->bytes, 2);
    assert_ptr_equal(b->data, bytes + 8 + header_size + 4);
    assert_null(tm_weights_find(weights, "c"));
    assert_string_equal(tm_weights_metadata(weights, "k"), "w"); /* the last one */
    assert_string_equal(tm_weights_metadata(weights, "u"), "\xC3\xA9");
    assert_null(tm_weights_metadata(weights, "x"));
    assert_string_equal(tm_weights_metadata_key(weights, 1), "u");
    assert_null(tm_weights_metadata_key(weights, 3));
    TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_length),      cmocka_unit_test(too_short),
        cmocka_unit_test(accepted),           cmocka_unit_test(accepted_zero_size),
        cmocka_unit_test(all_dtypes),         cmocka_unit_test(refused_syntax),
        cmocka_unit_test(refused_numbers),    cmocka_unit_test(refused_fields),
        cmocka_unit_test(refused_sizes),      cmocka_unit_test(refused_nesting),
        cmocka_unit_test(too_many_tensors),   cmocka_unit_test(every_truncation),
        cmocka_unit_test(every_byte_changed), cmocka_unit_test(contents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
