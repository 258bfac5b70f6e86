/* SPDX-License-Identifier: Apache-2.0 */
/* When a walk leaves a thread out, and when that ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "run/pace.h"

/* Walks of 2 threads on a machine where all take `full` and wait that share, one takes `fewer`;
 * returns how many of them were of one thread. */
static int walk(tm_pace *pace, int walks, double full, double waited, double fewer)
{
    int alone = 0;
    for (int i = 0; i < walks; i++) {
        int used = tm_pace_threads(pace, 2);
        alone += used == 1;
        tm_pace_tell(pace, 2, used, used == 2 ? full : fewer, used == 2 ? waited : 0.0);
    }
    return alone;
}

static void all_where_nobody_waits(void **state)
{
    (void)state;
    tm_pace pace = {0};
    assert_int_equal(walk(&pace, 1000, 9.0, 0.2, 5.0), 0);
}

/* The first walk, whose caches are cold, says nothing. */
static void one_slow_walk_is_none(void **state)
{
    (void)state;
    tm_pace pace = {0};
    walk(&pace, 1, 20.0, 0.6, 8.0);
    assert_int_equal(walk(&pace, 1000, 5.0, 0.1, 8.0), 0);
}

static void one_less_where_a_core_is_taken(void **state)
{
    (void)state;
    tm_pace pace = {0};
    int alone = walk(&pace, 1000, 12.0, 0.5, 8.0);
    assert_in_range(alone, 950, 980); /* it looks now and then whether all are faster again */
}

static void all_again_when_it_is_back(void **state)
{
    (void)state;
    tm_pace pace = {0};
    walk(&pace, 1000, 12.0, 0.5, 8.0);
    assert_in_range(walk(&pace, 1000, 5.0, 0.1, 8.0), 0, 64);
}

/* Waiting for a thread can still be faster than to do without. */
static void all_where_one_less_is_slower(void **state)
{
    (void)state;
    tm_pace pace = {0};
    assert_in_range(walk(&pace, 1000, 7.0, 0.5, 8.0), 1, 1000 / 16);
}

static void never_less_than_one(void **state)
{
    (void)state;
    tm_pace pace = {0};
    for (int i = 0; i < 100; i++) {
        assert_int_equal(tm_pace_threads(&pace, 1), 1);
        tm_pace_tell(&pace, 1, 1, 9.0, 0.9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_where_nobody_waits),
        cmocka_unit_test(one_slow_walk_is_none),
        cmocka_unit_test(one_less_where_a_core_is_taken),
        cmocka_unit_test(all_again_when_it_is_back),
        cmocka_unit_test(all_where_one_less_is_slower),
        cmocka_unit_test(never_less_than_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
