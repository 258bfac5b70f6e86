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
    assert_true(p->mean[2] == 0.5 && p->std[0] == 0.25);
    assert_string_equal(p->classifier, "fc,fc2");
    assert_int_equal(config.label_offset, 1);
    assert_int_equal(config.label_count, 3);
    assert_string_equal(config.label_names[2], "c");
    assert_string_equal(config.descriptions[1], "the b");
    assert_null(config.descriptions[0]);
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
    assert_true(p->crop_pct == 0.875 && p->mean[0] == 0.485 && p->std[2] == 0.225);
    assert_string_equal(p->classifier, "fc"); /* the architecture's own */
    assert_string_equal(p->first_conv, "conv1");
    assert_int_equal(config.num_classes, -1);
    assert_int_equal(config.label_count, 2);
    assert_string_equal(config.label_names[1], "y");
    /* labels of another number of classes are of no use */
    assert_int_equal(parse("{\"architecture\":\"resnet18\",\"num_classes\":2,"
                           "\"label_names\":[\"x\"]}"),
                     TM_OK);
    assert_int_equal(config.label_count, 0);
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
        {"{\"architecture\":\"resnet18\",\"mean\":[1,2]}", TM_WEIGHTS_INVALID, "1 or 3 numbers"},
        {"{\"architecture\":\"resnet18\",\"mean\":[\"a\"]}", TM_WEIGHTS_INVALID, "mean: found 'a'"},
        {"{\"architecture\":\"resnet18\",\"classifier\":[1]}", TM_WEIGHTS_INVALID, "classifier"},
        {"{\"architecture\":\"resnet18\",\"fixed_input_size\":1}", TM_WEIGHTS_INVALID,
         "expected true or false"},
        {"{\"architecture\":\"resnet18\",\"model_args\":{\"layers\":[1,1,1,1]}}", TM_UNSUPPORTED,
         "model_args: found layers"},
        {"{\"architecture\":\"resnet18\",\"model_args\":3}", TM_WEIGHTS_INVALID, "model_args"},
        {"{\"architecture\":\"resnet18\",\"num_classes\":1,\"label_names\":[4]}",
         TM_WEIGHTS_INVALID, "label_names: found 4"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(parse(rows[i].text), rows[i].status);
        if (!strstr(error.message, rows[i].says))
            fail_msg("%s: '%s' lacks '%s'", rows[i].text, error.message, rows[i].says);
    }
    assert_int_equal(parse_bytes("{\"a\":\"\0\"}", 9), TM_WEIGHTS_INVALID);
    assert_non_null(strstr(error.message, "with a NUL among them"));
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
        cmocka_unit_test(nested_form),    cmocka_unit_test(old_form_and_defaults),
        cmocka_unit_test(refusals),       cmocka_unit_test(sizes_and_depth),
        cmocka_unit_test(cuts_and_flips),
    };
    return cmocka_run_group_tests(tests, NULL, free_arena);
}
