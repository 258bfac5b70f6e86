/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/text.h"
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

/* A whole text keeps its lines, and '\\' as it is. */
static void whole_texts(void **state)
{
    tm_buffer out = {0};
    (void)state;
    tm_text_lines(&out, "a\tb\nc\\d\r\033[31m\xC2\x9B\xC3\xA9\xFF\n");
    assert_string_equal(out.data, "a\tb\nc\\d\\r\\x1b[31m\\xc2\\x9b\xC3\xA9\\xff\n");
    tm_buffer_free(&out);
}

static void single_lines(void **state)
{
    char line[12];
    (void)state;
    tm_text_line(line, sizeof line, "a\nb\\\033");
    assert_string_equal(line, "a\\nb\\\\x1b");
    tm_text_line(line, sizeof line, "12345678\033x"); /* nothing is cut in two */
    assert_string_equal(line, "12345678");
    tm_text_line(line, sizeof line, "1234567890\xC3\xA9");
    assert_string_equal(line, "1234567890");
    tm_text_line(line, 1, "x");
    assert_string_equal(line, "");
}

/* What strangers of the library print. */
static void messages(void **state)
{
    char name[6001] = "";
    tm_error error = {0};
    (void)state;
    tm_fail(&error, TM_READ, "%s: gone", "x\033[31m\n\xC2\x9B\x9B");
    assert_string_equal(error.message, "x\\x1b[31m\\n\\xc2\\x9b\\x9b: gone");
    for (size_t i = 0; i + 2 < sizeof name; i += 2)
        memcpy(name + i, "\xC3\xA9", 2);
    for (int shift = 0; shift < 2; shift++) { /* cut between characters, wherever they begin */
        error = (tm_error){0};
        tm_fail(&error, TM_READ, "%s%s: gone", shift ? "x" : "", name);
        assert_true(tm_is_utf8(error.message));
        assert_non_null(strstr(error.message, " ... "));
        assert_non_null(strstr(error.message, "\xC3\xA9: gone"));
    }
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

static void lists(void **state)
{
    (void)state;
    assert_true(tm_lists_text("ab; c", "; ", "ab"));
    assert_true(tm_lists_text("ab; c", "; ", "c"));
    assert_false(tm_lists_text("ab; c", "; ", "a"));
    assert_false(tm_lists_text("ab; c", "; ", "b"));
    assert_false(tm_lists_text("ab; c", "; ", "b; c"));
    assert_true(tm_lists_text("b; c; d", "; ", "b; c")); /* an item may hold it */
    assert_true(tm_lists_text("; a; ", "; ", "a"));
    assert_false(tm_lists_text("", "; ", "a"));
    assert_false(tm_lists_text("; ", "; ", "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_steers), cmocka_unit_test(whole_texts),
        cmocka_unit_test(single_lines),   cmocka_unit_test(messages),
        cmocka_unit_test(utf8),           cmocka_unit_test(base64),
        cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
