/* SPDX-License-Identifier: Apache-2.0 */
/* What the token that the classifier reads takes of the patches, against timm: softmax's result in
 * the last attention, heads averaged, for the formula's weights and input, in float64. */
#include "tests/unit/library.h"

#define ARGUMENTS 4

typedef struct golden {
    const char *model, *pool;
    const char *arguments[ARGUMENTS];
    int side; /* of the grid of patches */
    double first, middle, last;
} golden;

static const golden goldens[] = {
    /* the class token of one prefix */
    {"test_vit", NULL, {NULL}, 10, 0.0141547041, 0.00857761018, 0.0112735719},
    /* no class token: what attention pools, registers among the keys */
    {"test_vit3", NULL, {NULL}, 10, 0.00890932108, 0.00985771021, 0.0110060904},
    /* relative positions as a bias */
    {"beit_base_patch16_224",
     "token",
     {"depth=2", "embed_dim=48", "num_heads=3"},
     14,
     0.00177483039,
     0.00345733309,
     0.00196324842},
    /* rotary positions */
    {"vit_small_patch16_rope_mixed_224",
     "token",
     {"depth=2", "embed_dim=48", "num_heads=3"},
     14,
     0.00196210407,
     0.00643021794,
     0.000746267524},
    /* a teacher's token behind the class's */
    {"deit_tiny_distilled_patch16_224",
     NULL,
     {"depth=2"},
     14,
     0.00420340224,
     0.00312215009,
     0.00893850549},
    /* attention of the class token alone */
    {"cait_xxs24_224",
     NULL,
     {"depth=1", "embed_dim=48"},
     14,
     0.00379426869,
     0.00619640383,
     0.00385046741},
};

static tm_model *open_golden(const golden *g, const char *precision)
{
    tm_open_options options = TM_OPEN_OPTIONS_DEFAULT;
    options.global_pool = g->pool;
    options.model_args = g->arguments;
    options.precision = precision;
    options.threads = 1;
    return opened(options, g->model);
}

/* The chosen outputs of the formula's picture: out[i] of output i. */
static void answer(tm_model *model, float *const *out)
{
    int64_t shape[3];
    tm_context *context;
    tm_error error;
    tm_model_input_shape(model, shape);
    size_t count = (size_t)(shape[0] * shape[1] * shape[2]);
    float *input = calloc(count, sizeof *input);
    assert_non_null(input);
    tm_formula_uniform("input", 0, 0, 1, 0, count, input);
    assert_int_equal(tm_model_load(model, &error), TM_OK);
    assert_int_equal(tm_context_open(model, &context, &error), TM_OK);
    assert_int_equal(tm_context_run(context, input, 1, &error), TM_OK);
    for (size_t i = 0; i < tm_model_output_count(model); i++)
        assert_int_equal(tm_context_read(context, i, 0, out[i], &error), TM_OK);
    tm_context_close(context);
    free(input);
}

static void expect_near(const golden *g, const char *which, float value, double expected)
{
    if (fabs((double)value - expected) > 1e-5 * expected)
        fail_msg("%s, %s: %.9g, expected %.9g", g->model, which, (double)value, expected);
}

static void is_as_in_timm(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
        const golden *g = &goldens[i];
        int count = g->side * g->side;
        float values[14 * 14];
        tm_model *model = open_golden(g, NULL);
        tm_output output;
        tm_error error;
        assert_int_equal(tm_model_select(model, "class_attention", &error), TM_OK);
        assert_int_equal(tm_model_output(model, 0, &output, &error), TM_OK);
        assert_int_equal(output.rank, 4);
        assert_int_equal(output.shape[1], 1);
        assert_int_equal(output.shape[2], g->side);
        assert_int_equal(output.shape[3], g->side);
        answer(model, (float *[]){values});
        expect_near(g, "first", values[0], g->first);
        expect_near(g, "middle", values[count / 2], g->middle);
        expect_near(g, "last", values[count - 1], g->last);
        tm_model_close(model);
    }
}

/* To ask for it changes no other answer. */
static void scores_stay(void **state)
{
    (void)state;
    static const char *const precisions[] = {"f32", "int8"};
    static float alone[1000], beside[1000], places[100];
    for (size_t i = 0; i < sizeof precisions / sizeof *precisions; i++) {
        tm_error error;
        tm_model *model = open_golden(&goldens[0], precisions[i]);
        assert_int_equal(tm_model_select(model, "logits", &error), TM_OK);
        answer(model, (float *[]){alone});
        tm_model_close(model);
        model = open_golden(&goldens[0], precisions[i]);
        assert_int_equal(tm_model_select(model, "logits", &error), TM_OK);
        assert_int_equal(tm_model_select(model, "class_attention", &error), TM_OK);
        answer(model, (float *[]){beside, places});
        assert_memory_equal(alone, beside, sizeof alone);
        tm_model_close(model);
    }
}

/* Models whose scores come from something else say what. */
static void others_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *model, *words;
    } others[] = {
        {"test_resnet", "joins tokens behind it (reduce_hw)"},
        {"test_vit2", "joins tokens behind it (reduce_hw)"},          /* the mean of the patches */
        {"crossvit_tiny_240", "joins tokens beside it (attend)"},     /* two branches */
        {"vit_small_patch16_18x2_224", "joins tokens beside it (at"}, /* two attentions a block */
        {"mvitv2_base_cls", "an attention of parts of a map"},        /* pooled, with places */
        {"coat_tiny", "joins tokens behind it (matmul)"},             /* another attention */
        {"volo_d1_224", "joins tokens behind it (reduce_hw)"},        /* patches are asked, too */
        {"vit_small_patch14_dinov2", "no classifier"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        tm_error error;
        tm_model *model = opened((tm_open_options)TM_OPEN_OPTIONS_DEFAULT, others[i].model);
        expect_usage(tm_model_select(model, "class_attention", &error), &error, others[i].words);
        tm_model_close(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(is_as_in_timm),
                                       cmocka_unit_test(scores_stay),
                                       cmocka_unit_test(others_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
