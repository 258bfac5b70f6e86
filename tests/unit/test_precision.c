/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in model in bfloat16, on emulated tiles: real weights and real pictures keep their
 * first class. */
#include "kernels/dispatch.h"
#include "tests/unit/harness.h"
#include "timmc.h"

static int first_class(const char *isa, const char *precision, const char *picture)
{
    tm_open_options options = TM_OPEN_OPTIONS_DEFAULT;
    tm_model *model;
    tm_context *context;
    tm_error error;
    tm_output logits;
    int64_t shape[3];
    options.isa = isa;
    options.precision = precision;
    if (tm_model_open(NULL, &options, &model, &error) || tm_model_select(model, "logits", &error) ||
        tm_model_load(model, &error) || tm_model_output(model, 0, &logits, &error) ||
        tm_context_open(model, &context, &error))
        fail_msg("%s: %s", precision, error.message);
    tm_model_input_shape(model, shape);
    float *input = malloc((size_t)(shape[0] * shape[1] * shape[2]) * sizeof *input);
    float *values = malloc((size_t)logits.shape[1] * sizeof *values);
    assert_true(input && values);
    assert_int_equal(tm_model_preprocess_file(model, picture, input, &error), TM_OK);
    assert_int_equal(tm_context_run(context, input, 1, &error), TM_OK);
    assert_int_equal(tm_context_read(context, 0, 0, values, &error), TM_OK);
    int best = 0;
    for (int i = 1; i < (int)logits.shape[1]; i++)
        best = values[i] > values[best] ? i : best;
    free(input);
    free(values);
    tm_context_close(context);
    tm_model_close(model);
    return best;
}

static void first_classes_stay(void **state)
{
    (void)state;
    static const char *const pictures[] = {
        "tests/data/images/chelsea.png", "tests/data/images/coffee.png",
        "tests/data/images/rocket.jpg", "tests/data/images/astronaut.png"};
    for (int i = 0; i < rounds(4); i++) {
        const char *best = tm_isa_name((tm_isa)(TM_ISA_COUNT - 1));
        assert_int_equal(first_class(best, "bf16", pictures[i]),
                         first_class(NULL, "f32", pictures[i]));
    }
}

int main(void)
{
    tm_kernels_emulate();
    const struct CMUnitTest tests[] = {cmocka_unit_test(first_classes_stay)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
