/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: what timm writes is read, and nothing else is believed. */
#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

#include "registry/config_json.h"

static tm_arena arena;
static tm_model_config config;
static tm_error error;

static tm_status parse_bytes(const char *text, size_t size)
{
    error = (tm_error){0};
    return tm_config_parse("config.json", (const unsigned char *)text, size, &arena, &config,
                           &error);
}

static tm_status parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static int free_arena(void **state)
{
    (void)state;
    tm_arena_free(&arena);
    return 0;
}

static void nested_form(void **state)
{
    (void)state;
    assert_int_equal(
        parse("{\"architecture\":\"resnet18\",\"num_classes\":3,\"num_features\":512,"
              "\"label_names\":[\"a\",\"b\",\"c\"],\"label_descriptions\":{\"b\":\"the b\"},"
              "\"model_args\":{\"img_size\":[96,64],\"in_chans\":1,\"global_pool\":\"max\","
              "\"drop_rate\":0.1,\"num_classes\":3},"
              "\"pretrained_cfg\":{\"tag\":\"mine\",\"custom_load\":false,\"input_size\":[1,96,64],"
              "\"fixed_input_size\":false,\"interpolation\":\"bilinear\",\"crop_pct\":0.9,"
              "\"crop_mode\":\"squash\",\"mean\":[0.5],\"std\":[0.25,0.25,0.25],"
              "\"num_classes\":1000,\"pool_size\":[3,2],\"first_conv\":\"conv1\","
              "\"classifier\":[\"fc\",\"fc2\"],\"label_offset\":1}}"),
        TM_OK);
    const tm_pretrained *p = &config.resolved.config;
    assert_string_equal(config.resolved.arch.name, "resnet18");
    assert_string_equal(p->name, "resnet18.mine");
    assert_int_equal(p->num_classes, 3); /* the outer one counts */
    assert_int_equal(p->input_size[0], 1);
    assert_int_equal(p->input_size[2], 64);
    assert_int_equal(p->test_input_size[2], 64);
    assert_string_equal(p->interpolation, "bilinear");
    assert_string_equal(p->crop_mode, "squash");
    assert_true(p->crop_pct == 0.9 && p->test_crop_pct == 0.9);
    assert_true(p->mean.values[0] == 0.5 && p->mean.count == 1 && p->std.values[2] == 0.25);
    assert_string_equal(p->classifier, "fc,fc2");
    assert_int_equal(config.label_offset, 1);
    assert_int_equal(config.labels.count, 3);
    assert_string_equal(config.labels.names[2], "c");
    assert_string_equal(config.labels.descriptions[1], "the b");
    assert_null(config.labels.descriptions[0]);
    assert_string_equal(config.labels.problem, "");
    assert_int_equal(config.img_height, 96);
    assert_int_equal(config.img_width, 64);
    assert_int_equal(config.in_chans, 1);
    assert_string_equal(config.global_pool, "max");
}

static void old_form_and_defaults(void **state)
{
    (void)state;
    assert_int_equal(parse("{\"architecture\":\"resnet18\",\"num_classes\":2,\"mean\":null,"
                           "\"labels\":[\"x\",\"y\"]}"),
                     TM_OK);
    const tm_pretrained *p = &config.resolved.config;
    assert_string_equal(p->name, "resnet18");
    assert_int_equal(p->input_size[1], 224);
    assert_string_equal(p->interpolation, "bicubic");
    assert_true(p->crop_pct == 0.875 && p->mean.values[0] == 0.485 && p->std.values[2] == 0.225);
    assert_string_equal(p->classifier, "fc"); /* the architecture's own */
    assert_string_equal(p->first_conv, "conv1");
    assert_int_equal(config.num_classes, -1);
    assert_int_equal(config.labels.count, 2);
    assert_string_equal(config.labels.names[1], "y");
    assert_int_equal(parse("{\"architecture\":\"resnet18\"}"), TM_OK);
    assert_false(config.labels.stated);
    assert_int_equal(config.labels.count, 0);
}

static const char *label(int index)
{
    const char *name, *text;
    return tm_class_name(&config.labels, index, &name, &text) ? text : "-";
}

/* The forms in which classes are named: what fits is kept, what does not is told. */
static void labels(void **state)
{
    (void)state;
    /* clang-format off */
    static const struct {
        const char *members, *first, *second, *third, *problem;
    } rows[] = {
        {"\"label_names\":{\"0\":\"a\",\"2\":\"c\"}", "a", "-", "c", "2 labels, the model has 3 classes"},
        {"\"label_names\":{\"0\":\"a\",\"2\":\"c\",\"1\":\"b\"}", "a", "b", "c", ""},
        {"\"label_names\":{\"02\":\"c\",\"1\":\"b\"},\"label_descriptions\":{\"c\":\"the c\"}", "-", "b", "the c",
         "2 labels, the model has 3 classes"},
        {"\"label_names\":[\"a\",\"b\"]", "a", "b", "-", "2 labels, the model has 3 classes"},
        {"\"label_names\":[1,2.5,null]", "1", "2.5", "-", ""},
        {"\"label_names\":[\"a\",\"b\",\"c\",\"d\"]", "a", "b", "c",
         "4 labels, the model has 3 classes"},
        {"\"label_names\":{\"0\":\"a\",\"3\":\"d\"}", "a", "-", "-",
         "a name for class 3, the model has 3 classes"},
        {"\"label_names\":{\"a\":0,\"1\":\"b\"}", "-", "b", "-",
         "found the key 'a', expected the number of a class"},
        {"\"label_names\":{\"1\":\"b\",\"01\":\"x\"}", "-", "x", "-", "class 1 is named twice"},
        {"\"label_names\":{\"99999999999999999999\":\"a\"}", "-", "-", "-", "the key '9999"},
        {"\"label_names\":{\"-1\":\"a\\n\"}", "-", "-", "-", "the key '-1'"},
        {"\"label_names\":[\"a\",[],\"\"]", "a", "-", "-", "class 1: its name is neither"},
        {"\"label_names\":\"a\"", "-", "-", "-", "neither a list nor an object"},
        {"\"label_names\":[\"a\",\"b\",\"c\"],\"label_descriptions\":[1]", "a", "b", "c",
         "label_descriptions: not an object"},
        {"\"label_names\":[],\"id2label\":{\"1\":\"b\"}", "-", "b", "-", "1 labels"},
        {"\"pretrained_cfg\":{\"label_names\":{\"0\":\"a\"}}", "a", "-", "-", "1 labels"},
        {"\"model_args\":{\"num_classes\":2},\"label_names\":[\"a\",\"b\"]", "a", "b", "-", ""},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        snprintf(text, sizeof text, "{\"architecture\":\"resnet18\",\"num_classes\":3,%s}",
                 rows[i].members);
        assert_int_equal(parse(text), TM_OK);
        assert_true(config.labels.stated);
        assert_string_equal(label(0), rows[i].first);
        assert_string_equal(label(1), rows[i].second);
        assert_string_equal(label(2), rows[i].third);
        if (*rows[i].problem ? !strstr(config.labels.problem, rows[i].problem)
                             : *config.labels.problem != '\0')
            fail_msg("%s: '%s', expected '%s'", text, config.labels.problem, rows[i].problem);
    }
}

static void label_files(void **state)
{
    (void)state;
    /* clang-format off */
    static const struct {
        const char *file, *text;
        tm_status status;
        const char *second; /* label, or what the error says */
    } rows[] = {
        {"x", "a\nb\n", TM_OK, "b"},
        {"x", "a\r\nb", TM_OK, "b"},
        {"x", "\xEF\xBB\xBF" "a\n\xC3\xA9\n", TM_OK, "\xC3\xA9"},
        {"x", "a\n\n", TM_OK, "-"},
        {"x", "[unk]\nb\n", TM_OK, "b"},
        {"x.json", "[\"a\",\"b\"]", TM_OK, "b"},
        {"x", " {\"1\":\"b\"}\n", TM_OK, "b"},
        {"x", "\xEF\xBB\xBF[\"a\",\"b\"]", TM_OK, "b"},
        {"x", "{\"id2label\":{\"1\":\"b\"},\"label2id\":{}}", TM_OK, "b"},
        {"x", "{\"label_names\":[\"a\",\"b\"],\"label_descriptions\":{\"b\":\"B\"}}", TM_OK, "B"},
        {"x", "", TM_WEIGHTS_MISMATCH, "0 labels, the model has 2 classes"},
        {"x", "a\n", TM_WEIGHTS_MISMATCH, "1 labels"},
        {"x.json", "[\"a\"]", TM_WEIGHTS_MISMATCH, "1 labels"},
        {"x", "{\"cat\":0,\"dog\":1}", TM_WEIGHTS_MISMATCH, "the key 'cat'"},
        {"x.json", "a\nb\n", TM_WEIGHTS_INVALID, "offset 0: found no JSON"},
        {"x.json", "[\"a\",", TM_WEIGHTS_INVALID, "found no JSON"},
    };
    /* clang-format on */
    const char *name, *text;
    tm_class_names names;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        error = (tm_error){0};
        assert_int_equal(tm_class_names_parse(rows[i].file, rows[i].text, strlen(rows[i].text), 2,
                                              &arena, &names, &error),
                         rows[i].status);
        if (rows[i].status && !strstr(error.message, rows[i].second))
            fail_msg("%s: '%s'", rows[i].text, error.message);
        if (!rows[i].status)
            assert_string_equal(tm_class_name(&names, 1, &name, &text) ? text : "-",
                                rows[i].second);
    }
    error = (tm_error){0};
    assert_int_equal(tm_class_names_parse("x", "a\0b\0", 4, 2, &arena, &names, &error),
                     TM_WEIGHTS_INVALID);
}

/* Fields that nobody reads refuse nothing; those of other channel counts are read. */
static void what_timm_loads(void **state)
{
    (void)state;
    assert_int_equal(
        parse("{\"architecture\":\"resnet18\",\"model_args\":{\"in_chans\":4},"
              "\"pretrained_cfg\":{\"input_size\":[3,64,64],\"mean\":[0.1,0.2,0.3,0.4],"
              "\"std\":0.5,\"tag\":7,\"license\":[\"mit\"],"
              "\"origin_url\":NaN,\"min_input_size\":\"small\","
              "\"fixed_input_size\":1,\"loss\":-Infinity,"
              "\"note\":\"a \\\" NaN\",\"x\":[Infinity]}}"),
        TM_OK);
    const tm_pretrained *p = &config.resolved.config;
    assert_int_equal(p->mean.count, 4);
    assert_true(p->mean.values[3] == 0.4 && p->std.count == 1 && p->std.values[0] == 0.5);
    assert_int_equal(p->input_size[0], 4);
    assert_string_equal(p->name, "resnet18");
    assert_int_equal(parse("{\"architecture\":\"resnet18\",\"mean\":[]}"), TM_OK);
    assert_true(p->mean.count == 3 && p->mean.values[0] == 0.485);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        tm_status status;
        const char *says;
    } rows[] = {
        {"", TM_WEIGHTS_INVALID, "found 0 bytes"},
        {"{", TM_WEIGHTS_INVALID, "offset 1: found no JSON"},
        {"[]", TM_WEIGHTS_INVALID, "found a list, expected an object"},
        {"{} x", TM_WEIGHTS_INVALID, "found no JSON"},
        {"{}", TM_WEIGHTS_INVALID, "architecture: found nothing, expected the name of a model"},
        {"{\"architecture\":7}", TM_WEIGHTS_INVALID, "architecture: found 7"},
        {"{\"architecture\":\"resnet19\"}", TM_UNKNOWN_MODEL,
         "config.json: unknown model resnet19"},
        {"{\"architecture\":\"local-dir:x\"}", TM_WEIGHTS_INVALID, "a plain model name"},
        {"{\"architecture\":\"resnet18\",\"num_classes\":-1}", TM_WEIGHTS_INVALID,
         "num_classes: found -1, expected a whole number from 0 to 1000000"},
        {"{\"architecture\":\"resnet18\",\"num_classes\":1e99}", TM_WEIGHTS_INVALID, "num_classes"},
        {"{\"architecture\":\"resnet18\",\"num_classes\":2.5}", TM_WEIGHTS_INVALID, "found 2.5"},
        {"{\"architecture\":\"resnet18\",\"num_classes\":\"9\"}", TM_WEIGHTS_INVALID, "found '9'"},
        {"{\"architecture\":\"resnet18\",\"pretrained_cfg\":[]}", TM_WEIGHTS_INVALID,
         "pretrained_cfg: found a list"},
        {"{\"architecture\":\"resnet18\",\"input_size\":[3,224]}", TM_WEIGHTS_INVALID,
         "[channels, height, width]"},
        {"{\"architecture\":\"resnet18\",\"input_size\":[3,224,99999]}", TM_WEIGHTS_INVALID,
         "found 99999, expected a whole number from 1 to 16384"},
        {"{\"architecture\":\"resnet18\",\"crop_pct\":0}", TM_WEIGHTS_INVALID, "crop_pct"},
        {"{\"architecture\":\"resnet18\",\"std\":[0,0,0]}", TM_WEIGHTS_INVALID, "std: found 0"},
        {"{\"architecture\":\"resnet18\",\"mean\":[1,NaN]}", TM_WEIGHTS_INVALID,
         "mean: found 'NaN'"},
        {"{\"architecture\":\"resnet18\",\"crop_pct\":Infinity}", TM_WEIGHTS_INVALID,
         "found 'Infinity', expected a number"},
        {"{\"architecture\":\"resnet18\",\"mean\":{}}", TM_WEIGHTS_INVALID,
         "mean: found an object"},
        {"{\"architecture\":\"resnet18\",\"mean\":[\"a\"]}", TM_WEIGHTS_INVALID, "mean: found 'a'"},
        {"{\"architecture\":\"resnet18\",\"classifier\":[1]}", TM_WEIGHTS_INVALID, "classifier"},
        {"{\"architecture\":\"resnet18\",\"model_args\":3}", TM_WEIGHTS_INVALID, "model_args"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(parse(rows[i].text), rows[i].status);
        if (!strstr(error.message, rows[i].says))
            fail_msg("%s: '%s' lacks '%s'", rows[i].text, error.message, rows[i].says);
    }
    assert_int_equal(parse_bytes("{\"a\":\"\0\"}", 9), TM_WEIGHTS_INVALID);
    assert_non_null(strstr(error.message, "with a NUL among them"));
}

/* What only the family can read is kept as it stands, in its order. */
static void arguments_are_kept(void **state)
{
    (void)state;
    char many[4096] = "{\"architecture\":\"resnet18\",\"model_args\":{";
    assert_int_equal(parse("{\"architecture\":\"resnet18\",\"model_args\":{\"layers\":[1,1,1,1],"
                           "\"drop_rate\":0.1,\"in_chans\":1,\"init_values\":null}}"),
                     TM_OK);
    assert_int_equal(config.argument_count, 2);
    assert_string_equal(config.arguments[0].name, "layers");
    assert_string_equal(config.arguments[0].value, "[1,1,1,1]");
    assert_string_equal(config.arguments[1].name, "init_values");
    assert_string_equal(config.arguments[1].value, "null");
    for (int i = 0; i <= TM_MODEL_ARGUMENTS_MAX; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "%s\"a%d\":%d", i ? "," : "", i,
                 i);
    strcat(many, "}}");
    assert_int_equal(parse(many), TM_UNSUPPORTED);
    assert_non_null(strstr(error.message, "found more than 64"));
}

static void sizes_and_depth(void **state)
{
    (void)state;
    size_t size = (4 << 20) + 1;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, ' ', size);
    assert_int_equal(parse_bytes(text, size), TM_WEIGHTS_INVALID);
    assert_non_null(strstr(error.message, "at most 4194304"));
    memset(text, '[', size);
    assert_int_equal(parse_bytes(text, size - 1), TM_WEIGHTS_INVALID);
    free(text);
}

/* Every cut is refused; every changed byte is refused or read, and nothing worse. */
static void cuts_and_flips(void **state)
{
    (void)state;
    static const char good[] = "{\"architecture\":\"resnet18\",\"num_classes\":2,\"label_names\":"
                               "[\"x\",\"y\"],\"pretrained_cfg\":{\"mean\":[0.5,0.5,0.5],"
                               "\"input_size\":[3,64,64]},\"model_args\":{\"img_size\":64}}";
    assert_int_equal(parse(good), TM_OK);
    for (size_t cut = 0; cut < sizeof good - 1; cut++)
        assert_int_not_equal(parse_bytes(good, cut), TM_OK);
    char text[sizeof good];
    for (size_t i = 0; i < sizeof good - 1; i++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy(text, good, sizeof good);
            text[i] = (char)(text[i] ^ 1 << bit);
            parse_bytes(text, sizeof good - 1);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_form),     cmocka_unit_test(old_form_and_defaults),
        cmocka_unit_test(refusals),        cmocka_unit_test(arguments_are_kept),
        cmocka_unit_test(sizes_and_depth), cmocka_unit_test(cuts_and_flips),
        cmocka_unit_test(labels),          cmocka_unit_test(label_files),
        cmocka_unit_test(what_timm_loads),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
