/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/json.h"
#include "tests/unit/emulated.h"

static void check_string(const char *text, const char *expected)
{
    tm_buffer buffer = {0};
    tm_json_string(&buffer, text);
    assert_false(buffer.failed);
    assert_string_equal(buffer.data, expected);
    tm_buffer_free(&buffer);
}

static void strings(void **state)
{
    (void)state;
    check_string("", "\"\"");
    check_string("cat.jpg", "\"cat.jpg\"");
    check_string("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
    check_string("\b\t\n\f\r\x01\x1f\x7f", "\"\\b\\t\\n\\f\\r\\u0001\\u001f\\u007f\"");
    check_string("\xC2\x80\xC2\x9B\xC2\x9F\xC2\xA0", "\"\\u0080\\u009b\\u009f\xC2\xA0\"");
    check_string("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\xBA",
                 "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\xBA\"");
}

#define FFFD "\xEF\xBF\xBD"

static void strings_not_utf8(void **state)
{
    (void)state;
    check_string("a\xFFz", "\"a" FFFD "z\"");
    check_string("\x80", "\"" FFFD "\"");
    check_string("\xC0\xAF", "\"" FFFD FFFD "\"");          /* overlong */
    check_string("\xE0\x80\x80", "\"" FFFD FFFD FFFD "\""); /* overlong */
    check_string("\xED\xA0\x80", "\"" FFFD FFFD FFFD "\""); /* surrogate */
    check_string("\xF4\x90\x80\x80", "\"" FFFD FFFD FFFD FFFD "\"");
    check_string("\xE2\x82", "\"" FFFD "\""); /* cut: one replacement */
    check_string("\xF0\x9F\x98x", "\"" FFFD "x\"");
}

static void number(char out[64], double value, bool single)
{
    tm_buffer buffer = {0};
    if (single)
        tm_json_f32(&buffer, (float)value);
    else
        tm_json_f64(&buffer, value);
    assert_true(!buffer.failed && buffer.length < 64);
    memcpy(out, buffer.data, buffer.length + 1);
    tm_buffer_free(&buffer);
}

static void check_number(double value, bool single, const char *expected)
{
    char text[64];
    number(text, value, single);
    assert_string_equal(text, expected);
}

static void numbers(void **state)
{
    (void)state;
    check_number(0, true, "0");
    check_number(-0.0, true, "-0");
    check_number(1, true, "1");
    check_number(-1.5, true, "-1.5");
    check_number(100, true, "100");
    check_number(0.1F, true, "0.1");
    check_number(0.1F, false, "0.10000000149011612");
    check_number(0.3931F, true, "0.3931");
    check_number(0.0001F, true, "0.0001");
    check_number(0.00001F, true, "1e-5");
    check_number(1234567.0F, true, "1234567");
    check_number(16777216.0F, true, "16777216");
    check_number(1e15F, true, "1000000000000000");
    check_number(1e16F, true, "1e16");
    check_number((double)FLT_MAX, true, "3.4028235e38");
    check_number((double)FLT_MIN, true, "1.1754944e-38");
    check_number((double)FLT_TRUE_MIN, true, "1e-45");
    check_number(DBL_MAX, false, "1.7976931348623157e308");
    check_number(DBL_TRUE_MIN, false, "5e-324");
    check_number(9007199254740993.0, false, "9007199254740992");
    /* 2^-44: the nearest 16-digit decimal is wrong, its neighbour right */
    check_number(0x1p-44, false, "5.684341886080802e-14");
    check_number((double)NAN, true, "null");
    check_number((double)INFINITY, true, "null");
    check_number((double)-INFINITY, false, "null");
}

static uint64_t random_bits(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int significant_digits(const char *text)
{
    char digits[64];
    int count = 0;
    for (const char *p = text; *p && *p != 'e'; p++)
        if (*p >= '0' && *p <= '9' && (count > 0 || *p != '0'))
            digits[count++] = *p;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    return count;
}

/* No decimal of one digit fewer lies on either side of value and reads back to it. */
static void check_shortest(const char *text, double value, bool single)
{
    int count = significant_digits(text);
    if (count < 2)
        return;
    char around[64];
    snprintf(around, sizeof around, "%.*e", count - 2, value);
    double shorter = strtod(around, NULL);
    double step = pow(10, floor(log10(fabs(value))) - (count - 2));
    for (int k = -1; k <= 1; k++) {
        snprintf(around, sizeof around, "%.*e", count - 2, shorter + k * step);
        if (single ? strtof(around, NULL) == (float)value : strtod(around, NULL) == value)
            fail_msg("%s is shorter than %s", around, text);
    }
}

static void numbers_round_trip(void **state)
{
    (void)state;
    uint64_t bits = 88172645463325252ULL;
    for (int i = 0; i < rounds(200000); i++) {
        uint64_t r = random_bits(&bits);
        uint32_t low = (uint32_t)(r >> 16);
        if (i % 8 == 0)
            low &= 0xFF800000U, r &= 0xFFF0000000000000U; /* powers of two */
        else if (i % 8 == 1)
            low &= 0x807FFFFFU; /* subnormal */
        float f;
        double d;
        memcpy(&f, &low, sizeof f);
        memcpy(&d, &r, sizeof d);
        char text[64];
        if (isfinite(f) && f != 0) {
            number(text, (double)f, true);
            assert_true(strtof(text, NULL) == f);
            check_shortest(text, (double)f, true);
        }
        if (isfinite(d)) {
            number(text, d, false);
            assert_true(strtod(text, NULL) == d);
            if (fabs(d) > DBL_MIN)
                check_shortest(text, d, false);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings),
        cmocka_unit_test(strings_not_utf8),
        cmocka_unit_test(numbers),
        cmocka_unit_test(numbers_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
