/* SPDX-License-Identifier: Apache-2.0 */
/* Losses that a file system does not give on demand; the others are in tests/cli/t023_inputs.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli/endings.h"
#include "cli/inputs.h"

static const tm_input_options no_options = TM_INPUT_OPTIONS_DEFAULT;

/* A list that cannot be read on did not end, whichever shard would have had the rest. */
static void test_list_breaks_off(void **state)
{
    (void)state;
    tm_inputs inputs;
    tm_error error = {0};
    tm_input_options options = {.files_from = "/dev/null", .shard = {1, 2}};
    assert_int_equal(tm_inputs_open(&inputs, &options, NULL, 0, &error), TM_OK);
    close(inputs.list.fd);
    inputs.list.fd = open("/", O_RDONLY); /* opens, and every read fails */
    assert_true(inputs.list.fd >= 0);
    assert_string_equal(tm_inputs_next(&inputs, &error), "/dev/null");
    assert_int_equal(error.status, TM_READ);
    assert_non_null(strstr(error.message, "the list of inputs broke off after line 0: "));
    error = (tm_error){0};
    assert_null(tm_inputs_next(&inputs, &error)); /* told once */
    assert_int_equal(error.status, TM_OK);
    tm_inputs_close(&inputs);
}

/* Names for which there was no memory are one record behind those that there are. */
static void test_lost_names(void **state)
{
    (void)state;
    tm_inputs inputs;
    tm_error error = {0};
    assert_int_equal(tm_inputs_open(&inputs, &no_options, NULL, 0, &error), TM_OK);
    inputs.folder = strdup("photos");
    inputs.walk = (tm_walk){.found = calloc(1, sizeof *inputs.walk.found), .count = 1, .lost = 2};
    assert_non_null(inputs.walk.found);
    inputs.walk.found[0] = (tm_found){strdup("photos/a.png"), TM_LOSS_NONE, 0};
    assert_string_equal(tm_inputs_next(&inputs, &error), "photos/a.png");
    assert_int_equal(error.status, TM_OK);
    assert_string_equal(tm_inputs_next(&inputs, &error), "photos");
    assert_int_equal(error.status, TM_NO_MEMORY);
    assert_string_equal(error.message, "photos: no memory for 2 of the names in this folder");
    error = (tm_error){0};
    assert_null(tm_inputs_next(&inputs, &error));
    tm_inputs_close(&inputs);
}

/* A loss that another shard answers is not this one's. */
static void test_loss_of_another_shard(void **state)
{
    (void)state;
    tm_inputs inputs;
    tm_error error = {0};
    char device[] = "/dev/null", picture[] = "a.png";
    char *operands[] = {device, picture, NULL};
    tm_input_options options = {.shard = {1, 2}};
    assert_int_equal(tm_inputs_open(&inputs, &options, operands, 2, &error), TM_OK);
    assert_string_equal(tm_inputs_next(&inputs, &error), "a.png");
    assert_int_equal(error.status, TM_OK);
    assert_null(tm_inputs_next(&inputs, &error));
    tm_inputs_close(&inputs);
}

static void test_seen(void **state)
{
    (void)state;
    tm_seen seen = {0};
    for (ino_t inode = 1; inode <= 1000; inode++)
        for (dev_t device = 1; device <= 2; device++) {
            struct stat st = {.st_dev = device, .st_ino = inode};
            assert_int_equal(tm_seen_add(&seen, &st), TM_SEEN_NEW);
            assert_int_equal(tm_seen_add(&seen, &st), TM_SEEN_BEFORE);
        }
    assert_int_equal(seen.count, 2000);
    tm_seen_free(&seen);
}

static void test_left_out(void **state)
{
    (void)state;
    char text[512];
    tm_left_out left_out = {0};
    tm_left_out_text(&left_out, text, sizeof text);
    assert_string_equal(text, "");
    left_out = (tm_left_out){.count = 4, .endings = {{".txt", 2}, {"", 1}}, .ending_count = 2};
    tm_left_out_text(&left_out, text, sizeof text);
    assert_string_equal(text, "4 files are no pictures by name (.txt 2, no ending 1, other "
                              "endings 1)");
    assert_true(tm_is_picture_name("a.JPeG") && tm_is_picture_name("x/a.b.png") &&
                tm_is_picture_name("a.gif") && tm_is_picture_name("a.BMP"));
    assert_false(tm_is_picture_name("a.png.txt") || tm_is_picture_name("png") ||
                 tm_is_picture_name(".png") || tm_is_picture_name("a.png/b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_breaks_off),
        cmocka_unit_test(test_lost_names),
        cmocka_unit_test(test_loss_of_another_shard),
        cmocka_unit_test(test_seen),
        cmocka_unit_test(test_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
