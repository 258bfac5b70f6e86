/* SPDX-License-Identifier: Apache-2.0 */
/* Options of the model, over all families: what one of them says happens, or it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/model.h"
#include "layers/classifier.h"
#include "layers/stages.h"
#include "models/model.h"

static const char *name_of(const tm_family *family, size_t index)
{
    const char *row = family->variants;
    return *(const char *const *)(const void *)(row + index * family->variant_size);
}

/* NULL: refused, as usage, by a message that names the model. */
static tm_model *open_or_refused(const char *arch, const tm_open_options *options)
{
    tm_error error = {0};
    tm_model *model = NULL;
    if (!tm_model_open(arch, options, &model, &error))
        return model;
    if (error.status != TM_USAGE || strncmp(error.message, arch, strlen(arch)) != 0)
        fail_msg("%s: status %d, %s", arch, error.status, error.message);
    return NULL;
}

static const tm_tap *output_of(const tm_model *model, tm_tap_kind kind)
{
    const tm_tap *tap = tm_graph_tap(&model->graph, kind, 0);
    if (!tap)
        fail_msg("%s: an output is missing", model->display);
    return tap;
}

/* The side of a map, where every stride rounds up or down. */
static bool is_side(int side, int pixels, int reduction)
{
    return side >= pixels / reduction - 1 && side <= pixels / reduction + 1;
}

static void check_reductions(const tm_model *model, int stride)
{
    const tm_graph *graph = &model->graph;
    for (int i = 0; i < graph->tap_count; i++) {
        const tm_tap *tap = &graph->taps[i];
        if (tap->kind != TM_TAP_FEATURE)
            continue;
        if (tap->reduction > stride ||
            !is_side(tap->node->shape.h, model->options.img_height, tap->reduction))
            fail_msg("%s: output stride %d, feature %d of reduction %d and %d rows", model->display,
                     stride, tap->index, tap->reduction, tap->node->shape.h);
    }
    const tm_tap *last = output_of(model, TM_TAP_FORWARD_FEATURES);
    if (last->layout == TM_LAYOUT_MAP)
        assert_true(is_side(last->node->shape.h, model->options.img_height, stride));
}

static void output_stride_is_had_or_refused(void **state)
{
    (void)state;
    int had = 0, refused = 0;
    for (size_t f = 0; f < tm_family_count; f++)
        for (size_t i = 0; i < tm_families[f]->variant_count; i++) {
            tm_open_options options = TM_OPEN_OPTIONS_DEFAULT;
            options.output_stride = 8;
            tm_model *model = open_or_refused(name_of(tm_families[f], i), &options);
            refused += !model;
            if (!model)
                continue;
            check_reductions(model, 8);
            tm_model_close(model);
            had++;
        }
    assert_true(had > 100 && refused > 100);
}

/* ---- the other options, of each family's first and last variant ---- */

static void each_family(void (*check)(const char *arch))
{
    for (size_t f = 0; f < tm_family_count; f++) {
        check(name_of(tm_families[f], 0));
        check(name_of(tm_families[f], tm_families[f]->variant_count - 1));
    }
}

static void check_pool(const char *arch)
{
    tm_open_options options = TM_OPEN_OPTIONS_DEFAULT;
    options.global_pool = "";
    options.num_classes = 0;
    tm_model *model = open_or_refused(arch, &options);
    if (!model)
        return;
    const tm_tap *pooled =
        output_of(model, model->graph.no_logits ? TM_TAP_EMBEDDING : TM_TAP_PRE_LOGITS);
    if (pooled->layout == TM_LAYOUT_VECTOR)
        fail_msg("%s: no global pool, and a vector before the classifier", arch);
    tm_model_close(model);
}

static void global_pool_is_had_or_refused(void **state)
{
    (void)state;
    each_family(check_pool);
}

/* Whether both make the same of their last block. */
static bool same_last(const tm_model *a, const tm_model *b)
{
    int last = tm_graph_tap_count(&a->graph, TM_TAP_INTERMEDIATE) - 1;
    const tm_tap *of_a = tm_graph_tap(&a->graph, TM_TAP_INTERMEDIATE, last);
    const tm_tap *of_b = tm_graph_tap(&b->graph, TM_TAP_INTERMEDIATE, last);
    return !of_a || !of_b || strcmp(of_a->node->name, of_b->node->name) == 0;
}

static void check_norm(const char *arch)
{
    tm_open_options options = TM_OPEN_OPTIONS_DEFAULT;
    tm_model *plain = open_or_refused(arch, &options);
    options.norm_intermediates = true;
    tm_model *normed = open_or_refused(arch, &options);
    assert_non_null(plain);
    if (normed && same_last(plain, normed))
        fail_msg("%s: the norm of intermediates changes nothing", arch);
    tm_model_close(normed);
    tm_model_close(plain);
}

static void norm_of_intermediates_is_had_or_refused(void **state)
{
    (void)state;
    each_family(check_norm);
}

/* Pixels or tokens of the last block, since what comes after it may be class tokens alone. */
static int pixels_of(const tm_model *model)
{
    int last = tm_graph_tap_count(&model->graph, TM_TAP_INTERMEDIATE) - 1;
    const tm_tap *tap = last < 0 ? output_of(model, TM_TAP_FORWARD_FEATURES)
                                 : tm_graph_tap(&model->graph, TM_TAP_INTERMEDIATE, last);
    return tap->node->shape.h * tap->node->shape.w;
}

static void check_size(const char *arch)
{
    tm_open_options options = TM_OPEN_OPTIONS_DEFAULT;
    tm_model *plain = open_or_refused(arch, &options);
    assert_non_null(plain);
    options.img_height = options.img_width = plain->options.img_height + 64;
    tm_model *larger = open_or_refused(arch, &options);
    if (larger && pixels_of(plain) == pixels_of(larger))
        fail_msg("%s: a larger picture changes nothing", arch);
    tm_model_close(larger);
    tm_model_close(plain);
}

static void image_size_is_had_or_refused(void **state)
{
    (void)state;
    each_family(check_size);
}

/* ---- what they are compared with ---- */

/* The file's text, to be freed. */
static char *text_of(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s: not there", path);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size_t size = (size_t)ftell(file);
    char *text = malloc(size + 1);
    assert_non_null(text);
    rewind(file);
    assert_int_equal(fread(text, 1, size, file), size);
    text[size] = '\0';
    fclose(file);
    return text;
}

static bool has_model(const char *golden, const char *arch)
{
    char close[96], apart[96];
    snprintf(close, sizeof close, "\"model\":\"%s\"", arch);
    snprintf(apart, sizeof apart, "\"model\": \"%s\"", arch);
    return strstr(golden, close) || strstr(golden, apart);
}

static void timm_has_answered_for_each_variant(void **state)
{
    (void)state;
    char *dropped = text_of("tests/parity/golden/timm_0_4_12.jsonl");
    for (size_t f = 0; f < tm_family_count; f++) {
        char path[96];
        snprintf(path, sizeof path, "tests/parity/golden/%s.jsonl", tm_families[f]->module);
        char *golden = text_of(path);
        for (size_t i = 0; i < tm_families[f]->variant_count; i++) {
            const char *arch = name_of(tm_families[f], i);
            if (!has_model(golden, arch) && !has_model(dropped, arch))
                fail_msg("%s: no answer for %s", path, arch);
        }
        free(golden);
    }
    free(dropped);
}

static void same_rows_say_nothing_else(void **state)
{
    (void)state;
    const tm_family *found;
    int same = 0;
    for (size_t f = 0; f < tm_family_count; f++)
        for (size_t i = 0; i < tm_families[f]->variant_count; i++) {
            const tm_family *family = tm_families[f];
            const char *row = (const char *)family->variants + i * family->variant_size;
            const char *other = tm_find_variant(name_of(family, i), &found);
            assert_ptr_equal(found, family);
            if (other == row)
                continue;
            for (size_t k = sizeof(char *); k < family->variant_size; k++)
                if (row[k] && (k < family->same_as || k >= family->same_as + sizeof(char *)))
                    fail_msg("%s: it is the same as another, and says more", name_of(family, i));
            same++;
        }
    assert_true(same > 50);
}

/* ---- the walk through stages ---- */

static void expect_stage(tm_stages *walk, tm_stage expected)
{
    tm_stage s = tm_stages_next(walk, 2);
    assert_int_equal(s.stride, expected.stride);
    assert_int_equal(s.dilation, expected.dilation);
    assert_int_equal(s.first_dilation, expected.first_dilation);
    assert_int_equal(s.reduction, expected.reduction);
}

static void dilation_takes_the_place_of_strides(void **state)
{
    (void)state;
    const tm_build_options options = {.in_chans = 3, .img_h = 8, .img_w = 8, .output_stride = 8};
    tm_graph graph;
    tm_builder b;
    tm_builder_init(&b, &graph, &options);
    tm_stages walk = tm_stages_begin(&b, 4, 8);
    expect_stage(&walk, (tm_stage){2, 1, 1, 8});
    expect_stage(&walk, (tm_stage){1, 2, 1, 8});
    assert_int_equal(tm_stages_next(&walk, 1).dilation, 2);
    expect_stage(&walk, (tm_stage){1, 4, 2, 8});
    walk = tm_stages_backbone(4);
    for (int reduction = 8; reduction <= 64; reduction *= 2)
        expect_stage(&walk, (tm_stage){2, 1, 1, reduction});
    assert_int_equal(graph.error.status, TM_OK);
    tm_stages_begin(&b, 4, 16);
    assert_string_equal(graph.error.message, "output stride 8: this family has 16 and 32");
    tm_builder_done(&b);
    tm_graph_free(&graph);
}

/* ---- a family that forgets ---- */

static void build_deaf(tm_builder *b, bool asks)
{
    tm_node *x = tm_conv2d(b, "conv", b->graph->input, (tm_conv){.out = 4, .kernel = 1});
    if (asks)
        tm_classifier_head(b, x, "avg", "fc");
    else
        tm_classifier(b, tm_global_pool(b, x, "avg"), TM_LAYOUT_VECTOR, "fc");
}

/* What a caller of it is told; "": nothing. */
static const char *told(const tm_build_options *options, bool asks)
{
    static char message[512];
    tm_graph graph;
    tm_builder b;
    tm_builder_init(&b, &graph, options);
    build_deaf(&b, asks);
    tm_refuse_unasked(&b);
    snprintf(message, sizeof message, "%s", graph.error.status ? graph.error.message : "");
    assert_true(!graph.error.status || graph.error.status == TM_USAGE);
    tm_builder_done(&b);
    tm_graph_free(&graph);
    return message;
}

static void what_no_one_asked_for_is_refused(void **state)
{
    (void)state;
    const tm_build_options plain = {
        .num_classes = 3, .in_chans = 3, .img_h = 8, .img_w = 8, .output_stride = 32};
    tm_build_options options = plain;
    assert_string_equal(told(&options, false), "");
    options.output_stride = 8;
    assert_non_null(strstr(told(&options, false), "output stride 8: this family has no dilation"));
    options = plain;
    options.global_pool = "max";
    assert_non_null(strstr(told(&options, false), "global pool 'max'"));
    assert_string_equal(told(&options, true), "");
    options = plain;
    options.norm_intermediates = true;
    assert_non_null(strstr(told(&options, true), "norm of intermediates"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_stride_is_had_or_refused),
        cmocka_unit_test(global_pool_is_had_or_refused),
        cmocka_unit_test(norm_of_intermediates_is_had_or_refused),
        cmocka_unit_test(image_size_is_had_or_refused),
        cmocka_unit_test(timm_has_answered_for_each_variant),
        cmocka_unit_test(same_rows_say_nothing_else),
        cmocka_unit_test(dilation_takes_the_place_of_strides),
        cmocka_unit_test(what_no_one_asked_for_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
