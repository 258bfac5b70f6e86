/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint's tensors on the way to a model's names: lookups after every change, and views of
 * sizes that a file may state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/little_endian.h"
#include "models/filters.h"
#include "weights/state_dict.h"

static float numbers[24]; /* as a file has them */

static int count_up(void **state)
{
    (void)state;
    for (int i = 0; i < 24; i++)
        numbers[i] = (float)i;
    tm_f32_to_le(numbers, numbers, 24);
    return 0;
}

static tm_tensor_view view_of(int rank, const int64_t *shape)
{
    tm_tensor_view view = {
        .group = "", .name = "", .dtype = TM_DTYPE_F32, .rank = rank, .data = (void *)numbers};
    memcpy(view.shape, shape, (size_t)rank * sizeof *shape);
    tm_view_set_contiguous(&view);
    view.bytes = tm_view_elements(&view) * sizeof(float);
    return view;
}
#define VIEW(rank, ...) view_of(rank, (int64_t[]){__VA_ARGS__})

static tm_state_dict new_dict(void)
{
    return (tm_state_dict){.file = "f"};
}

static tm_tensor_view *add(tm_state_dict *dict, tm_tensor_view view, const char *name)
{
    return tm_state_add(dict, &view, "%s", name);
}

/* The names in their order, joined by spaces; each is found where it stands first. */
static void expect_names(tm_state_dict *dict, const char *names)
{
    char text[400] = "";
    for (size_t i = 0; i < dict->count; i++) {
        const char *name = dict->tensors[i].name;
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "", name);
        const tm_tensor_view *found = tm_state_find(dict, name);
        assert_non_null(found);
        assert_string_equal(found->name, name);
        assert_true(found <= &dict->tensors[i]);
    }
    assert_string_equal(text, names);
    assert_null(tm_state_find(dict, "nobody"));
    assert_null(tm_state_find(dict, ""));
}

static void expect_values(const tm_tensor_view *view, size_t count, const float *values)
{
    float out[24];
    assert_non_null(view);
    assert_int_equal(tm_view_elements(view), count);
    tm_view_read_f32(view, 0, count, out);
    assert_memory_equal(out, values, count * sizeof *out);
}

static void expect_failure(tm_state_dict *dict, const char *part)
{
    assert_int_equal(dict->error.status, TM_WEIGHTS_MISMATCH);
    if (!strstr(dict->error.message, part))
        fail_msg("'%s' lacks '%s'", dict->error.message, part);
    tm_state_free(dict);
    *dict = new_dict();
}

static void lookups(void **state)
{
    (void)state;
    tm_state_dict dict = new_dict();
    assert_null(tm_state_find(&dict, "a"));
    add(&dict, VIEW(1, 2), "a.b.w");
    expect_names(&dict, "a.b.w");
    add(&dict, VIEW(1, 3), "a.c.w");
    add(&dict, VIEW(1, 4), "a.b.w"); /* the first counts */
    expect_names(&dict, "a.b.w a.c.w a.b.w");
    assert_int_equal(tm_state_find(&dict, "a.b.w")->shape[0], 2);
    tm_state_drop(&dict, tm_state_find(&dict, "a.b.w"));
    expect_names(&dict, "a.b.w a.c.w");
    assert_int_equal(tm_state_findf(&dict, "a.%c.w", 'b')->shape[0], 4);
    tm_state_rename(&dict, tm_state_find(&dict, "a.c.w"), "x.%d", 7);
    expect_names(&dict, "a.b.w x.7");
    tm_state_replace(&dict, ".", "..");
    expect_names(&dict, "a..b..w x..7");
    tm_state_replace_prefix(&dict, "x.", "a.");
    expect_names(&dict, "a..b..w a..7");
    assert_true(tm_state_has_prefix(&dict, "a.") && !tm_state_has_prefix(&dict, "x"));
    tm_state_keep_prefix(&dict, "a..");
    expect_names(&dict, "b..w 7");
    tm_state_drop_suffix(&dict, "w");
    expect_names(&dict, "7");
    add(&dict, VIEW(1, 1), "8");
    tm_keep_added(&dict, 1);
    expect_names(&dict, "8");
    tm_state_drop_prefix(&dict, "8");
    expect_names(&dict, "");
    tm_state_free(&dict);
}

static void groups(void **state)
{
    (void)state;
    tm_state_dict dict = new_dict();
    add(&dict, VIEW(1, 1), "module.a")->group = "model/x";
    add(&dict, VIEW(1, 1), "b")->group = "other";
    add(&dict, VIEW(1, 1), "_orig_mod.c")->group = "model";
    assert_null(tm_state_find(&dict, "a"));
    assert_true(tm_state_open(&dict, "model") && !tm_state_open(&dict, "other"));
    expect_names(&dict, "module.a _orig_mod.c");
    assert_true(tm_take_groups(&dict, (const char *[]){"x"}, 1));
    expect_names(&dict, "module.a");
    tm_state_settle_top(&dict);
    expect_names(&dict, "a");
    dict.tensors[0].group = "deep";
    tm_state_drop_groups(&dict);
    expect_failure(&dict, "its 1 tensors lie in deep");
}

/* Half a million lookups, in the time that one for each of them took before. */
static void many_names(void **state)
{
    (void)state;
    enum { NAMES = 100000 };
    tm_state_dict dict = new_dict();
    clock_t begin = clock();
    for (int i = 0; i < NAMES; i++) {
        tm_tensor_view view = VIEW(1, 1);
        tm_state_add(&dict, &view, "blocks.%d.attn.q_proj.weight", i);
        assert_non_null(tm_state_findf(&dict, "blocks.%d.attn.q_proj.weight", i / 2));
    }
    tm_state_replace(&dict, "q_proj", "k");
    for (int i = 0; i < NAMES; i++)
        assert_non_null(tm_state_findf(&dict, "blocks.%d.attn.k.weight", i));
    assert_true((double)(clock() - begin) / CLOCKS_PER_SEC < 5);
    tm_state_free(&dict);
}

static void views(void **state)
{
    (void)state;
    tm_state_dict dict = new_dict();
    tm_tensor_view *v = add(&dict, VIEW(2, 2, 3), "v");
    tm_state_permute(&dict, v, (int[]){1, 0});
    expect_values(v, 6, (float[]){0, 3, 1, 4, 2, 5});
    tm_state_slice(&dict, v, 0, 1, 2);
    expect_values(v, 4, (float[]){1, 4, 2, 5});
    tm_state_reshape(&dict, v, 3, (int64_t[]){2, 1, 2});
    expect_values(v, 4, (float[]){1, 4, 2, 5});
    tm_tensor_view *w = add(&dict, VIEW(3, 1, 2, 2), "w");
    tm_state_reshape(&dict, w, 1, (int64_t[]){4});
    tm_state_reshape(&dict, w, 3, (int64_t[]){2, 1, 2});
    v = tm_state_find(&dict, "v");
    const tm_tensor_view *both[] = {v, w};
    v = tm_state_cat(&dict, both, 2, "vw");
    expect_values(v, 8, (float[]){1, 4, 2, 5, 0, 1, 2, 3});
    assert_int_equal(v->shape[0], 4);
    assert_int_equal(dict.error.status, TM_OK);
    tm_state_slice(&dict, v, 0, 0, 1);
    expect_failure(&dict, "joined of 2, cannot cut it");
}

/* What a checkpoint's shapes make impossible is refused in a line, and nothing is done after it. */
static void refusals(void **state)
{
    (void)state;
    tm_state_dict dict = new_dict();
    const int64_t huge = TM_SHAPE_ELEMENTS_MAX;
    tm_state_reshape(&dict, add(&dict, VIEW(2, huge, 0), "v"), 4, (int64_t[]){huge, 512, 7, 0});
    expect_failure(&dict, "tensor v: its shape cannot become the model's");
    tm_state_reshape(&dict, add(&dict, VIEW(1, 6), "v"), 2, (int64_t[]){-2, -3});
    expect_failure(&dict, "cannot become");
    tm_state_reshape(&dict, add(&dict, VIEW(1, 6), "v"), 2, (int64_t[]){4, 2});
    expect_failure(&dict, "cannot become");
    tm_state_slice(&dict, add(&dict, VIEW(1, 6), "v"), 0, 5, 2);
    expect_failure(&dict, "too small to cut 2 from dimension 0");
    tm_state_slice(&dict, add(&dict, VIEW(1, 6), "v"), 1, 0, 1);
    expect_failure(&dict, "from dimension 1");
    tm_state_slice(&dict, add(&dict, VIEW(2, 1, 6), "v"), 0, 2, -1);
    expect_failure(&dict, "too small");

    add(&dict, VIEW(2, huge, 0), "a");
    add(&dict, VIEW(2, huge, 0), "b");
    const tm_tensor_view *both[] = {&dict.tensors[0], &dict.tensors[1]};
    assert_null(tm_state_cat(&dict, both, 2, "ab"));
    expect_failure(&dict, "tensor b: too large to be joined");
    add(&dict, VIEW(2, 1, 2), "a");
    add(&dict, VIEW(2, 1, 3), "b");
    both[0] = &dict.tensors[0], both[1] = &dict.tensors[1];
    assert_null(tm_state_cat(&dict, both, 2, "ab"));
    assert_null(add(&dict, VIEW(1, 1), "c"));
    tm_state_rename(&dict, &dict.tensors[0], "c");
    assert_null(tm_state_find(&dict, "c"));
    expect_failure(&dict, "tensor b: not of one shape and type with a");

    char name[1100];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_null(add(&dict, VIEW(1, 1), name));
    assert_null(tm_state_findf(&dict, "%s", name));
    expect_failure(&dict, "a tensor's name of 1099 bytes");
}

static void differences(void **state)
{
    (void)state;
    tm_state_dict dict = new_dict();
    tm_tensor_view *v = add(&dict, VIEW(2, 3, 2), "v"), *w = add(&dict, VIEW(1, 3), "w");
    tm_state_slice(&dict, v, 1, 1, 1);
    tm_state_reshape(&dict, v, 1, (int64_t[]){3});
    tm_subtract_vector(&dict, v, w, 3);
    expect_values(v, 3, (float[]){1, 2, 3});
    expect_values(w, 3, (float[]){0, 1, 2});
    tm_subtract_vector(&dict, v, w, 2);
    expect_failure(&dict, "tensors v and w: expected 2 numbers each");
}

static void sums(void **state)
{
    (void)state;
    tm_state_dict dict = new_dict();
    tm_tensor_view *v = add(&dict, VIEW(3, 1, 2, 2), "v"), *w = add(&dict, VIEW(3, 1, 1, 2), "w");
    tm_add_rows(&dict, v, w);
    expect_values(v, 4, (float[]){0, 2, 2, 4});
    tm_add_rows(&dict, v, v);
    expect_values(v, 4, (float[]){0, 4, 4, 8});
    tm_sum_dimension(&dict, v, 1);
    assert_true(tm_view_has_shape(v, 2, (int64_t[]){1, 2}));
    expect_values(v, 2, (float[]){4, 12});
    tm_tensor_view *x = add(&dict, VIEW(3, 2, 3, 2), "x");
    tm_sum_dimension(&dict, x, 0);
    expect_values(x, 6, (float[]){6, 8, 10, 12, 14, 16});
    tm_add_rows(&dict, x, w);
    expect_failure(&dict, "x: w is to be added, which has not as many rows");
}

static void possible_shapes(void **state)
{
    (void)state;
    const int64_t most = TM_SHAPE_ELEMENTS_MAX;
    assert_true(tm_shape_is_possible(0, NULL));
    assert_true(tm_shape_is_possible(1, (int64_t[]){0}));
    assert_true(tm_shape_is_possible(1, (int64_t[]){most}));
    assert_true(tm_shape_is_possible(3, (int64_t[]){most / 4, 0, 4}));
    assert_false(tm_shape_is_possible(1, (int64_t[]){most + 1}));
    assert_false(tm_shape_is_possible(3, (int64_t[]){most / 4, 0, 5}));
    assert_false(tm_shape_is_possible(2, (int64_t[]){0, INT64_MAX}));
    assert_false(tm_shape_is_possible(2, (int64_t[]){INT64_MAX, INT64_MAX}));
    assert_false(tm_shape_is_possible(1, (int64_t[]){-1}));
    assert_false(tm_shape_is_possible(TM_TENSOR_RANK_MAX + 1, (int64_t[9]){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookups),  cmocka_unit_test(groups),          cmocka_unit_test(many_names),
        cmocka_unit_test(views),    cmocka_unit_test(differences),     cmocka_unit_test(sums),
        cmocka_unit_test(refusals), cmocka_unit_test(possible_shapes),
    };
    return cmocka_run_group_tests(tests, count_up, NULL);
}
