/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "cli/synonyms.h"
#include "registry/registry.h"

static void test_commands(void **state)
{
    (void)state;
    static const char *const words[] = {"predict", "embed",    "download",  "benchmark", "models",
                                        "show",    "hidden-s", "transform", "export"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const tm_synonym *synonym = tm_command_synonym(words[i]);
        if (!synonym || !tm_find_command(synonym->ours))
            fail_msg("%s leads to no command", words[i]);
    }
    assert_null(tm_command_synonym("pr")); /* too short to tell */
    assert_null(tm_command_synonym("classify"));
}

static bool has_option(const char *name)
{
    static const tm_option_group *const groups[] = {&tm_model_group,   &tm_tensor_group,
                                                    &tm_picture_group, &tm_input_group,
                                                    &tm_run_group,     &tm_output_group};
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
        for (size_t i = 0; i < groups[g]->count; i++)
            if (strcmp(groups[g]->options[i].name, name) == 0)
                return true;
    return false;
}

static void test_options(void **state)
{
    (void)state;
    static const char *const words[] = {
        "batch-size", "BATCH_SIZE", "workers",     "j",         "arch",       "checkpoint",
        "gp",         "input-size", "num-samples", "model-dir", "overwrite",  "half",
        "resolution", "filelist",   "local-files", "log-freq",  "resize-mode"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const tm_synonym *synonym = tm_option_synonym(words[i]);
        if (!synonym || !has_option(synonym->ours))
            fail_msg("--%s leads to no option", words[i]);
    }
    assert_string_equal(tm_option_synonym("topk")->ours, "top");
    assert_null(tm_option_synonym("device")->ours);
    assert_null(tm_option_synonym("zz"));
}

static void test_elsewhere(void **state)
{
    (void)state;
    static const char *const words[] = {
        "vit_b_16",          "vit_h_14", "swin_t",     "swin_v2_b",   "dinov2",
        "regnet_y_8gf",      "maxvit_t", "mnasnet1_3", "dino_vits16", "efficientnet_v2_s",
        "mobilenet_v3_small"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const char *here = tm_name_elsewhere(words[i]);
        tm_resolved resolved;
        if (!here || tm_model_resolve(here, &resolved, NULL) != TM_OK)
            fail_msg("%s leads to no model", words[i]);
    }
    assert_null(tm_name_elsewhere("resnet50"));
    assert_true(tm_resembles_model("resnet50.a1_in1k"));
    assert_true(tm_resembles_model("vit-base-patch16-224"));
    assert_true(tm_resembles_model("Swin-T"));
    assert_false(tm_resembles_model("holiday"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
