/* SPDX-License-Identifier: Apache-2.0 */
/* One record in every format, as text that is compared whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "output/record.h"

static const tm_record_type type = {
    .columns = "file,picture,rank,value,error",
    .heading = "FILE\n",
    .text = "{file:-6}|<{index}|>< faults {warnings}|><error: {error}>\n",
};
static const tm_record_type item_type = {.text = "  {file}: {score:8.2f} % {shape} <{none}>\n"};

static void tell_score(const void *list, size_t i, tm_record *item)
{
    static const int64_t shape[] = {1, 2};
    TM_TELL(item, "rank", tm_value_integer((int64_t)i + 1), .only = TM_IN_TABLES);
    TM_TELL(item, "score", tm_value_single(((const float *)list)[i]), .column = "value",
            .unit = TM_UNIT_PERCENT);
    TM_TELL(item, "shape", tm_value_integers(shape, 2), .only = TM_IN_JSON | TM_IN_TEXT);
    TM_TELL(item, "none", tm_value_text(NULL));
}

static tm_record record_of(const char *file, int warnings, const tm_error *error)
{
    tm_record record = {.type = &type};
    TM_TELL(&record, "file", tm_value_text(file));
    TM_TELL(&record, "index", tm_value_count(error ? 3 : -1), .column = "picture");
    TM_TELL(&record, "warnings", tm_value_integer(warnings), .only = TM_IN_JSON | TM_IN_TEXT,
            .sparse = true);
    TM_TELL(&record, "tag", tm_value_stated(""), .only = TM_IN_JSON, .null = true);
    TM_TELL(&record, "error", tm_value_error(error));
    return record;
}

static void expect(const char *format, bool terminal, const tm_record *record, const char *expected)
{
    tm_buffer out = {0};
    const tm_record_format *f = tm_record_format_find(format);
    assert_non_null(f);
    if (f->head)
        f->head(&out, f, &type);
    f->write(&out, f, record, terminal);
    tm_buffer_puts(&out, tm_or_empty(f->after));
    assert_string_equal(tm_buffer_text(&out, NULL), expected);
    tm_buffer_free(&out);
}

/* Items, absent fields, and what each format leaves out. */
static void lists(void **state)
{
    const float scores[] = {0.5f, 0.1f};
    tm_record record = record_of("a,\"b", 0, NULL);
    (void)state;
    TM_TELL(&record, "top", tm_value_list(&item_type, tell_score, scores, 2));
    expect("jsonl", false, &record,
           "{\"file\":\"a,\\\"b\",\"tag\":null,\"top\":[{\"score\":0.5,\"shape\":[1,2]},"
           "{\"score\":0.1,\"shape\":[1,2]}]}\n");
    expect("csv", false, &record,
           "file,picture,rank,value,error\n\"a,\"\"b\",,1,0.5,\n\"a,\"\"b\",,2,0.1,\n");
    expect("tsv", false, &record,
           "file\tpicture\trank\tvalue\terror\na,\"b\t\t1\t0.5\t\na,\"b\t\t2\t0.1\t\n");
    expect("text", false, &record,
           "FILE\na,\"b  |\n  a,\"b:    50.00 % [1,2] \n  a,\"b:    10.00 % [1,2] \n");
}

static void empty_lists(void **state)
{
    tm_record record = record_of("a", 2, NULL);
    (void)state;
    TM_TELL(&record, "top", tm_value_list(&item_type, tell_score, NULL, 0));
    expect("json", false, &record, "{\"file\":\"a\",\"warnings\":2,\"tag\":null,\"top\":[]}");
    expect("csv", false, &record, "file,picture,rank,value,error\na,,,,\n");
    expect("text", false, &record, "FILE\na     | faults 2|\n");
}

static void errors(void **state)
{
    tm_error error = {0};
    (void)state;
    tm_fail(&error, TM_EMPTY, "b: \033 \"x\"");
    const tm_record record = record_of("b\t\033", 0, &error);
    expect("jsonl", true, &record,
           "{\"file\":\"b\\t\\u001b\",\"index\":3,\"tag\":null,\"error\":{\"code\":\"empty_file\","
           "\"message\":\"b: \\\\x1b \\\"x\\\"\"}}\n");
    expect("csv", false, &record,
           "file,picture,rank,value,error\nb\t\033,3,,,\"b: \\x1b \"\"x\"\"\"\n");
    expect("csv", true, &record,
           "file,picture,rank,value,error\nb\\t\\x1b,3,,,\"b: \\\\x1b \"\"x\"\"\"\n");
    expect("tsv", false, &record,
           "file\tpicture\trank\tvalue\terror\nb\\t\\x1b\t3\t\t\tb: \\\\x1b \"x\"\n");
    expect("text", false, &record, "FILE\nb\\t\\x1b|3|error: b: \\x1b \"x\"\n");
}

/* What is no number is null, and what is absent is not. */
static void values(void **state)
{
    static const tm_record_type own = {
        .columns = "s,d,big,yes,raw,bytes,data,none",
        .text = "{s:.3g} {d:8.1f} {big:.1f} {yes:-4} {none:3}{none:-3} {raw} {dims:x}\n"};
    const float singles[] = {1.5f, -0.0f};
    const int64_t dims[] = {64, 3, 7};
    tm_record record = {.type = &own};
    (void)state;
    TM_TELL(&record, "s", tm_value_single(1.0 / 3));
    TM_TELL(&record, "d", tm_value_double(1.0 / 3));
    TM_TELL(&record, "inf", tm_value_single(INFINITY), .only = TM_IN_JSON);
    TM_TELL(&record, "big", tm_value_integer(INT64_MAX), .unit = TM_UNIT_MEGABYTES);
    TM_TELL(&record, "yes", tm_value_boolean(true));
    TM_TELL(&record, "raw", {TM_VALUE_SINGLES, .singles = singles, .count = 2});
    TM_TELL(&record, "bytes", {TM_VALUE_BYTES, .text = "fo"});
    TM_TELL(&record, "data", {TM_VALUE_SINGLES_BASE64, .singles = singles, .count = 2});
    TM_TELL(&record, "dims", tm_value_integers(dims, 3), .only = TM_IN_TEXT);
    TM_TELL(&record, "none", tm_value_text(NULL), .null = true);
    TM_TELL(&record, "absent", tm_value_count(-1));
    tm_buffer out = {0};
    tm_record_to_json(&out, &record);
    assert_string_equal(out.data, "{\"s\":0.33333334,\"d\":0.3333333333333333,\"inf\":null,"
                                  "\"big\":9223372036854775807,\"yes\":true,\"raw\":[1.5,-0],"
                                  "\"bytes\":\"Zm8=\",\"data\":\"AADAPwAAAIA=\",\"none\":null}");
    tm_buffer_clear(&out);
    tm_record_csv.write(&out, &tm_record_csv, &record, false);
    assert_string_equal(out.data, "0.33333334,0.3333333333333333,9223372036854775807,true,"
                                  "\"[1.5,-0]\",Zm8=,AADAPwAAAIA=,\n");
    tm_buffer_clear(&out);
    tm_record_text.write(&out, &tm_record_text, &record, false);
    assert_string_equal(out.data, "0.333      0.3 9223372036854.8 yes    --   [1.5,-0] 64x3x7\n");
    tm_buffer_free(&out);
}

/* The process ends where a field has no column, and says nowhere that it needs none. */
static void columns(void **state)
{
    int how;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        tm_record record = {.type = &type};
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        TM_TELL(&record, "colour", tm_value_text("red"));
        _exit(0);
    }
    assert_true(child > 0 && waitpid(child, &how, 0) == child);
    assert_true(WIFSIGNALED(how));
}

static void formats(void **state)
{
    char names[64];
    (void)state;
    snprintf(names, sizeof names, "%s", TM_RECORD_FORMATS);
    for (char *rest = names, *name; (name = strsep(&rest, "|"));)
        assert_string_equal(tm_record_format_find(name)->name, name);
    assert_null(tm_record_format_find("npy"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),  cmocka_unit_test(empty_lists), cmocka_unit_test(errors),
        cmocka_unit_test(values), cmocka_unit_test(columns),     cmocka_unit_test(formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
