/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "output/text.h"

static void expect_escaped(const char *text, const char *expected)
{
    tm_buffer out = {0};
    tm_text_escaped(&out, text);
    assert_string_equal(out.data ? out.data : "", expected);
    tm_buffer_free(&out);
}

static void nothing_steers(void **state)
{
    (void)state;
    expect_escaped("", "");
    expect_escaped("a cat.jpg", "a cat.jpg");
    expect_escaped("a\tb\nc\rd\\e", "a\\tb\\nc\\rd\\\\e");
    expect_escaped("\033[31m\a\177", "\\x1b[31m\\x07\\x7f");
    expect_escaped("\xC2\x9B"
                   "31m\xC2\xA0",
                   "\\xc2\\x9b31m\xC2\xA0"); /* C1 */
    expect_escaped("\xC3\xA9\xE7\x8C\xAB\xF0\x9F\x90\xB1", "\xC3\xA9\xE7\x8C\xAB\xF0\x9F\x90\xB1");
    expect_escaped("\xFF\xE7\x8C", "\\xff\\xe7\\x8c");
}

static void utf8(void **state)
{
    (void)state;
    assert_true(tm_is_utf8("") && tm_is_utf8("cat") && tm_is_utf8("\xC3\xA9"));
    assert_false(tm_is_utf8("\xC3") || tm_is_utf8("a\xFF") || tm_is_utf8("\xED\xA0\x80"));
}

static void base64(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"\xFF\xFE", "//4="}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        tm_buffer out = {0};
        tm_base64(&out, pairs[i][0], strlen(pairs[i][0]));
        assert_string_equal(out.data ? out.data : "", pairs[i][1]);
        tm_buffer_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_steers),
        cmocka_unit_test(utf8),
        cmocka_unit_test(base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
