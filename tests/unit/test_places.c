/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a checkpoint, the line about what does not fit, shared tensors, indices of shards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/shards.h"
#include "tests/unit/pickle_writer.h"
#include "tests/unit/zip_writer.h"
#include "weights/weights.h"

/* A zip of torch: each group a dict of pairs of floats, all the same; group "" is the top. */
typedef struct group {
    const char *key, *names; /* separated by spaces */
} group;

static void put_names(tm_buffer *p, const char *names)
{
    char text[512];
    snprintf(text, sizeof text, "%s", names);
    for (char *name = strtok(text, " "); name; name = strtok(NULL, " ")) {
        put_text(p, name);
        put_pair(p);
    }
}

static tm_weights *open_groups(const group *groups, size_t count, tm_buffer *file)
{
    static const float pair[] = {1, 2};
    tm_buffer p = {0};
    tm_error error = {0};
    tm_weights *weights;
    PUT(&p, "\x80\x02}(");
    put_text(&p, "arch");
    put_text(&p, "resnet18");
    for (size_t i = 0; i < count; i++) {
        if (*groups[i].key) {
            put_text(&p, groups[i].key);
            PUT(&p, "}(");
        }
        put_names(&p, groups[i].names);
        if (*groups[i].key)
            PUT(&p, "u");
    }
    PUT(&p, "u.");
    const zip_member members[] = {{.name = "a/data.pkl", p.data, p.length},
                                  {.name = "a/version", "3\n", 2},
                                  {.name = "a/data/0", pair, sizeof pair}};
    zip_write(file, members, 3, NULL);
    tm_buffer_free(&p);
    if (tm_weights_open_memory(file->data, file->length, "x", false, &weights, &error))
        fail_msg("%s", error.message);
    return weights;
}

static void expect_names(tm_weights *weights, const char *names)
{
    tm_buffer found = {0};
    tm_error error = {0};
    if (tm_weights_settle(weights, &error))
        fail_msg("%s", error.message);
    for (size_t i = 0; i < tm_weights_count(weights); i++)
        tm_buffer_printf(&found, "%s%s", i ? " " : "", tm_weights_at(weights, i)->name);
    assert_string_equal(found.data ? found.data : "", names);
    tm_buffer_free(&found);
}

static void take(tm_weights *weights, const char *key, const char *prefix, const char *names)
{
    tm_error error = {0};
    if (tm_weights_take(weights, key, prefix, &error))
        fail_msg("%s", error.message);
    expect_names(weights, names);
}

static const group groups[] = {
    {"state_dict", "module.net.a module.net.b module.net._orig_mod.c module.loss.d"},
    {"teacher", "backbone.a backbone.b head.e"},
};

static void taking(void **state)
{
    (void)state;
    tm_buffer file = {0};
    tm_error error = {0};
    tm_weights *weights = open_groups(groups, 2, &file);
    assert_string_equal(tm_weights_metadata(weights, "arch"), "resnet18");
    expect_names(weights, "loss.d net._orig_mod.c net.a net.b");
    take(weights, NULL, "net.", "a b c");
    take(weights, NULL, "net", "a b c");
    take(weights, "state_dict", "module.net.", "a b c");
    take(weights, "teacher", NULL, "backbone.a backbone.b head.e");
    take(weights, "teacher", "backbone.", "a b");
    take(weights, NULL, NULL, "loss.d net._orig_mod.c net.a net.b");
    assert_int_equal(tm_weights_take(weights, "student", NULL, &error), TM_WEIGHTS_MISMATCH);
    assert_string_equal(error.message,
                        "x: nothing lies under the key 'student'; found state_dict, teacher");
    error = (tm_error){0};
    assert_int_equal(tm_weights_take(weights, "teacher", "net.", &error), TM_WEIGHTS_MISMATCH);
    assert_string_equal(error.message,
                        "x: nothing lies under the prefix 'net.'; found backbone., head.");
    TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
    tm_buffer_free(&file);
}

static void expect_places(const tm_weights *weights, const char *key, size_t least,
                          const char *expected)
{
    tm_arena arena = {0};
    tm_weights_place *places;
    size_t count;
    tm_buffer found = {0};
    assert_int_equal(tm_weights_places(weights, key, least, &arena, &places, &count, NULL), TM_OK);
    for (size_t i = 0; i < count; i++)
        tm_buffer_printf(&found, "%s/%s ", places[i].key, places[i].prefix);
    assert_string_equal(found.data ? found.data : "", expected);
    tm_buffer_free(&found);
    tm_arena_free(&arena);
}

static void places(void **state)
{
    (void)state;
    tm_buffer file = {0};
    tm_weights *weights = open_groups(groups, 2, &file);
    expect_places(weights, NULL, 3, "state_dict/ state_dict/net. teacher/ ");
    expect_places(weights, NULL, 2, "state_dict/ state_dict/net. teacher/ teacher/backbone. ");
    expect_places(weights, "teacher", 2, "teacher/ teacher/backbone. ");
    expect_places(weights, NULL, 9, "");
    TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
    tm_buffer_free(&file);
}

/* ---- the line ---- */

static void misfit_line(void **state)
{
    (void)state;
    const group flat = {"", "a b c d e"};
    const tm_tensor_spec want[] = {{"a", 1, {3}}, {"v", 1, {5}}, {"w", 1, {5}},
                                   {"x", 1, {5}}, {"y", 1, {5}}, {"b", 1, {2}}};
    tm_buffer file = {0}, line = {0};
    tm_weights *weights = open_groups(&flat, 1, &file);
    assert_int_equal(tm_weights_settle(weights, NULL), TM_OK);
    assert_int_equal(tm_weights_compare_line(weights, want, 6, 500, &line, NULL), TM_OK);
    assert_string_equal(line.data, "4 missing: v [5], w [5], x [5], ...; 3 unexpected: c [2], d "
                                   "[2], e [2]; 1 mismatched: a [2] for [3]");
    tm_weights_compare_line(weights, want, 6, 90, &line, NULL);
    assert_string_equal(line.data, "4 missing: v, w, x, ...; 3 unexpected: c, d, e; 1 mismatched: "
                                   "a [2] for [3]");
    tm_weights_compare_line(weights, want, 6, 0, &line, NULL);
    assert_string_equal(line.data, "4 missing: v, ...; 3 unexpected: c, ...; 1 mismatched: a [2] "
                                   "for [3]");
    tm_weights_compare_line(weights, want + 5, 0, 500, &line, NULL);
    assert_string_equal(line.data, "5 unexpected: a [2], b [2], c [2], ...");
    TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
    tm_buffer_free(&file);
    tm_buffer_free(&line);
}

/* ---- shared tensors ---- */

static void shared_names(void **state)
{
    (void)state;
    static const char header[] = "{\"__metadata__\":{\"format\":\"pt\",\"z\":\"a\",\"b\":\"a\","
                                 "\"y\":\"none\"},"
                                 "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                                 "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}";
    tm_buffer file = {0};
    tm_weights *weights;
    float value;
    zip_number(&file, sizeof header - 1, 8);
    tm_buffer_puts(&file, header);
    tm_buffer_puts(&file, "\7\x08");
    assert_int_equal(tm_weights_open_memory(file.data, file.length, "x", false, &weights, NULL),
                     TM_OK);
    expect_names(weights, "a b z"); /* b stands for itself, y for nothing */
    tm_weights_read_f32(weights, "z", 1, (int64_t[]){1}, &value, NULL);
    assert_true(value == 7);
    tm_weights_read_f32(weights, "b", 1, (int64_t[]){1}, &value, NULL);
    assert_true(value == 8);
    TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
    tm_buffer_free(&file);
}

/* ---- indices of shards ---- */

static void parse(const char *text, const char *refused)
{
    tm_shards shards;
    tm_error error = {0};
    size_t size = strlen(text);
    unsigned char *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    tm_status status = tm_shards_parse("x", copy, size, &shards, &error);
    assert_int_equal(status, refused ? TM_WEIGHTS_INVALID : TM_OK);
    if (refused && !strstr(error.message, refused))
        fail_msg("'%s' lacks '%s'", error.message, refused);
    if (!refused) {
        assert_int_equal(shards.count, 3);
        assert_string_equal(shards.entries[0].tensor, "c");
        assert_string_equal(shards.entries[2].file, "n.safetensors");
    }
    tm_shards_free(&shards);
    free(copy);
}

static void indices(void **state)
{
    (void)state;
    parse("{\"weight_map\":{\"a\":\"n.safetensors\",\"c\":\"m.safetensors\",\"b\":\"n."
          "safetensors\"}}",
          NULL);
    parse("{\"weight_map\":{\"a\":\"../n.safetensors\"}}", "in no file beside it");
    parse("{\"weight_map\":{\"a\":\"/n.safetensors\"}}", "in no file beside it");
    parse("{\"weight_map\":{\"a\":\".safetensors\"}}", "in no file beside it");
    parse("{\"weight_map\":{\"a\":\"n.pth\"}}", "in no file beside it");
    parse("{\"weight_map\":{\"a\":\"n\\n.safetensors\"}}", "in no file beside it");
    parse("{\"weight_map\":{\"a\":1}}", "in no file beside it");
    parse("{\"weight_map\":{\"a\":\"n.safetensors\",\"a\":\"m.safetensors\"}}", "a tensor twice");
    parse("{\"weight_map\":{}}", "no weight_map");
    parse("{\"weight_map\":[]}", "no weight_map");
    parse("{\"weight_map\":{\"a\":\"n.safe", "no JSON");
    parse("", "no JSON");
    assert_true(tm_shards_probe((const unsigned char *)" {\"weight_map\"", 14));
    assert_false(tm_shards_probe((const unsigned char *)"{\"weight_ma", 11));
    assert_false(tm_shards_probe((const unsigned char *)"[\"weight_map\"", 13));
    assert_false(tm_shards_probe(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taking),       cmocka_unit_test(places),  cmocka_unit_test(misfit_line),
        cmocka_unit_test(shared_names), cmocka_unit_test(indices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
