/* SPDX-License-Identifier: Apache-2.0 */
/* Files that appear whole and replace nothing that was not there when they were begun; on file
 * systems that have files without a name, and on others. */
#define _GNU_SOURCE /* O_TMPFILE */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/outfile.h"

static char folder[64];
static bool no_nameless; /* the file system has none */

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int mode = va_arg(args, int);
    va_end(args);
    if (no_nameless && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/tm_outfile_XXXXXX");
    return mkdtemp(folder) ? chdir(folder) : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return chdir("/") == 0 ? rmdir(folder) : -1; /* fails when a test left anything behind */
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void expect(const char *path, const char *text)
{
    char found[64] = "";
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fgets(found, sizeof found, f) || !*text);
    fclose(f);
    assert_string_equal(found, text);
}

static tm_outfile begin(const char *path, bool force)
{
    tm_outfile out;
    tm_error error = {0};
    if (tm_outfile_open(&out, path, force, &error) != TM_OK)
        fail_msg("%s", error.message);
    fputs("mine", out.stream);
    return out;
}

static void appears_at_commit(void **state)
{
    (void)state;
    tm_outfile out = begin("a", false);
    assert_int_equal(access("a", F_OK), -1);
    assert_int_equal(tm_outfile_commit(&out, NULL), TM_OK);
    expect("a", "mine");
    tm_error error = {0};
    assert_int_equal(tm_outfile_open(&out, "a", false, &error), TM_WRITE);
    put("a", "old");
    out = begin("a", true);
    assert_int_equal(tm_outfile_commit(&out, NULL), TM_OK);
    expect("a", "mine");
    out = begin("b", false);
    tm_outfile_abandon(&out);
    assert_int_equal(access("b", F_OK), -1);
    unlink("a");
}

/* The other's file stays, and one's own is where the message says. */
static void check_refused(tm_outfile *out)
{
    tm_error error = {0};
    assert_int_equal(tm_outfile_commit(out, &error), TM_WRITE);
    expect("a", "other");
    const char *own = strstr(error.message, " is in ");
    assert_non_null(own);
    expect(own + strlen(" is in "), "mine");
    unlink(own + strlen(" is in "));
    unlink("a");
}

static void made_meanwhile(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/a", folder);
    for (int force = 0; force < 2; force++) {
        tm_outfile out = begin(path, force);
        put("a", "other");
        check_refused(&out);
    }
    put("a", "old");
    tm_outfile out = begin(path, true);
    put("b", "other");
    assert_int_equal(rename("b", "a"), 0);
    check_refused(&out);
}

static void same_name_by_two(void **state)
{
    (void)state;
    tm_outfile first = begin("a", false), second = begin("a", false);
    if (no_nameless)
        assert_string_not_equal(first.temporary, second.temporary);
    assert_int_equal(tm_outfile_commit(&first, NULL), TM_OK);
    second.replaces_any = true;
    assert_int_equal(tm_outfile_commit(&second, NULL), TM_OK);
    unlink("a");
}

static void links(void **state)
{
    (void)state;
    tm_error error = {0};
    tm_outfile out;
    put("real", "old");
    assert_int_equal(symlink("real", "link"), 0);
    out = begin("link", true);
    assert_int_equal(tm_outfile_commit(&out, NULL), TM_OK);
    struct stat st;
    assert_int_equal(lstat("link", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    expect("real", "mine");
    unlink("real");
    assert_int_equal(tm_outfile_open(&out, "link", true, &error), TM_WRITE);
    unlink("link");
}

static void devices_are_written_to(void **state)
{
    (void)state;
    tm_outfile out = begin("/dev/null", false);
    assert_int_equal(tm_outfile_commit(&out, NULL), TM_OK);
    struct stat st;
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    tm_error error = {0};
    out = begin("/dev/full", false);
    assert_int_equal(tm_outfile_commit(&out, &error), TM_WRITE);
    assert_int_equal(tm_outfile_open(&out, ".", true, NULL), TM_WRITE);
}

static int entries(void)
{
    DIR *dir = opendir(".");
    assert_non_null(dir);
    int count = 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

/* What a process that dies leaves: nothing, or what its signal handler removes. */
static void signals_leave_nothing(void **state)
{
    (void)state;
    tm_outfile a = begin("a", false), b = begin("b", false);
    assert_int_equal(entries(), no_nameless ? 2 : 0);
    tm_outfile_remove_pending();
    assert_int_equal(entries(), 0);
    tm_outfile_abandon(&a);
    tm_outfile_abandon(&b);
}

/* ---- files that grow ---- */

static tm_outfile grow(const char *path, tm_growth growth)
{
    tm_outfile out;
    tm_error error = {0};
    if (tm_outfile_grow(&out, path, false, growth, &error) != TM_OK)
        fail_msg("%s", error.message);
    return out;
}

static void grows_in_sight(void **state)
{
    (void)state;
    tm_outfile out = grow("a", TM_GROWTH_NEW);
    fputs("one torn", out.stream);
    assert_int_equal(tm_outfile_leave(&out, NULL), TM_OK);
    expect("a.part", "one torn");
    assert_int_equal(access("a", F_OK), -1);
    out = grow("a", TM_GROWTH_PART);
    assert_int_equal(tm_outfile_cut(&out, 3, NULL), TM_OK);
    fputs(" two", out.stream);
    tm_outfile_remove_pending(); /* a signal takes nothing from it */
    assert_int_equal(tm_outfile_commit(&out, NULL), TM_OK);
    expect("a", "one two");
    assert_int_equal(access("a.part", F_OK), -1);
    assert_int_equal(tm_outfile_grow(&out, "a", false, TM_GROWTH_NEW, NULL), TM_WRITE);
    unlink("a");
}

static void goes_on_with_a_whole_one(void **state)
{
    (void)state;
    put("a", "whole");
    tm_outfile out = grow("a", TM_GROWTH_WHOLE);
    assert_int_equal(tm_outfile_commit(&out, NULL), TM_OK); /* nothing was added */
    expect("a", "whole");
    out = grow("a", TM_GROWTH_PART); /* whoever gave it its name got no further */
    assert_int_equal(tm_outfile_cut(&out, 5, NULL), TM_OK);
    assert_int_equal(tm_outfile_take_back(&out, NULL), TM_OK);
    assert_int_equal(access("a", F_OK), -1);
    fputs(", more", out.stream);
    assert_int_equal(tm_outfile_commit(&out, NULL), TM_OK);
    expect("a", "whole, more");
    out = grow("a", TM_GROWTH_WHOLE);
    tm_outfile_abandon(&out);
    expect("a", "whole, more");
    unlink("a");
}

static void grows_for_one_process(void **state)
{
    (void)state;
    tm_error error = {0};
    tm_outfile out = grow("a", TM_GROWTH_NEW), other;
    assert_int_equal(tm_outfile_grow(&other, "a", true, TM_GROWTH_PART, &error), TM_WRITE);
    assert_non_null(strstr(error.message, "a.part: another process is writing it"));
    put("a", "other");
    fputs("mine", out.stream);
    check_refused(&out);
    assert_int_equal(tm_outfile_grow(&out, "a", false, TM_GROWTH_PART, NULL), TM_WRITE);
    assert_int_equal(access("a.part", F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appears_at_commit),      cmocka_unit_test(made_meanwhile),
        cmocka_unit_test(same_name_by_two),       cmocka_unit_test(links),
        cmocka_unit_test(devices_are_written_to), cmocka_unit_test(signals_leave_nothing),
        cmocka_unit_test(grows_in_sight),         cmocka_unit_test(goes_on_with_a_whole_one),
        cmocka_unit_test(grows_for_one_process),
    };
    int failed = cmocka_run_group_tests_name("without a name", tests, make_folder, remove_folder);
    no_nameless = true;
    return failed + cmocka_run_group_tests_name("with a name", tests, make_folder, remove_folder);
}
