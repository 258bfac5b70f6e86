/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same bits whatever the number of threads, the size of the batch and the picture's neighbours
 * in it, for every output of small models of every kind, on every ISA level of this machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "tests/unit/emulated.h"
#include "timmc.h"
#include "weights/formula.h"

enum { BATCH = 8 };

/* The thread sanitizer takes a hundred times as long too, and threads are the same on any ISA. */
#if defined(__SANITIZE_THREAD__)
enum { THREADS_ONLY = true };
#else
enum { THREADS_ONLY = false };
#endif

/* An open model with every output chosen. */
typedef struct session {
    tm_model *model;
    tm_context *context;
    size_t pixels;  /* floats of a picture */
    size_t outputs; /* floats of all outputs of a picture, one after another */
} session;

static size_t floats_of(const tm_output *output)
{
    size_t count = 1;
    for (int i = 0; i < output->rank; i++)
        count *= (size_t)output->shape[i];
    return count;
}

/* false: the model's family is not ported */
static bool open_session(session *s, const char *name, int size, int batch, int threads,
                         const char *isa)
{
    tm_error error = {0};
    tm_open_options options = TM_OPEN_OPTIONS_DEFAULT;
    options.weights = "formula:0";
    options.img_height = options.img_width = size;
    options.max_batch = batch;
    options.threads = threads;
    options.isa = isa;
    tm_status status = tm_model_open(name, &options, &s->model, &error);
    if (status == TM_NOT_BUILDABLE)
        return false;
    *s = (session){.model = s->model};
    for (size_t i = 0; !status && i < tm_model_available(s->model); i++) {
        tm_output output;
        tm_model_describe(s->model, i, &output, &error);
        s->outputs += floats_of(&output);
        status = tm_model_select(s->model, output.name, &error);
    }
    if (!status)
        status = tm_model_load(s->model, &error);
    if (!status)
        status = tm_context_open(s->model, &s->context, &error);
    if (status)
        fail_msg("%s: %s", name, error.message);
    int64_t shape[3];
    tm_model_input_shape(s->model, shape);
    s->pixels = (size_t)(shape[0] * shape[1] * shape[2]);
    return true;
}

static void close_session(session *s)
{
    tm_context_close(s->context);
    tm_model_close(s->model);
}

/* Runs pictures [first, first + count) as one batch; results[i] of the picture. */
static void run(const session *s, const float *pictures, int first, int count, float *results)
{
    tm_error error = {0};
    if (tm_context_run(s->context, pictures + (size_t)first * s->pixels, count, &error))
        fail_msg("%s", error.message);
    for (int i = 0; i < count; i++) {
        float *out = results + (size_t)(first + i) * s->outputs;
        for (size_t k = 0; k < tm_model_output_count(s->model); k++) {
            tm_output output;
            tm_model_output(s->model, k, &output, &error);
            tm_context_read(s->context, k, i, out, &error);
            out += floats_of(&output);
        }
    }
}

static void expect_same(const session *s, const float *got, const float *want, int count,
                        const char *what)
{
    for (int i = 0; i < count; i++)
        for (size_t k = 0; k < s->outputs; k++) {
            size_t at = (size_t)i * s->outputs + k;
            if (memcmp(&got[at], &want[at], sizeof *got) != 0)
                fail_msg("%s: picture %d, value %zu of %zu is %a, alone it was %a", what, i, k,
                         s->outputs, (double)got[at], (double)want[at]);
        }
}

static void compare(const char *name, int size, const char *isa, const float *pictures,
                    const float *want)
{
    static const int threads[] = {1, 2, 3, 7};
    for (size_t t = emulated() || THREADS_ONLY ? 2 : 0; t < sizeof threads / sizeof *threads; t++) {
        char what[128];
        session s;
        open_session(&s, name, size, BATCH, threads[t], isa);
        float *got = malloc(BATCH * s.outputs * sizeof *got);
        assert_non_null(got);
        snprintf(what, sizeof what, "%s, %s, %d threads, batch of %d", name, isa, threads[t],
                 BATCH);
        run(&s, pictures, 0, BATCH, got);
        expect_same(&s, got, want, BATCH, what);
        snprintf(what, sizeof what, "%s, %s, %d threads, batches of 3, 1 and 4", name, isa,
                 threads[t]);
        run(&s, pictures, 0, 3, got);
        run(&s, pictures, 3, 1, got);
        run(&s, pictures, 4, 4, got);
        expect_same(&s, got, want, BATCH, what);
        free(got);
        close_session(&s);
    }
}

static bool check_model(const char *name, int size, const char *isa)
{
    session s;
    if (!open_session(&s, name, size, 1, 1, isa))
        return false;
    float *pictures = malloc(BATCH * s.pixels * sizeof *pictures);
    float *want = malloc(BATCH * s.outputs * sizeof *want);
    assert_true(pictures && want);
    tm_formula_uniform("input", 0, 0.0, 1.0, 0, BATCH * s.pixels, pictures);
    for (int i = 0; i < BATCH; i++)
        run(&s, pictures, i, 1, want);
    /* pictures differ, so that a mixed-up batch shows */
    assert_memory_not_equal(want, want + s.outputs, s.outputs * sizeof *want);
    close_session(&s);
    compare(name, size, isa, pictures, want);
    free(pictures);
    free(want);
    return true;
}

static void check_all(const char *isa)
{
    static const struct {
        const char *name;
        int size;
        bool ported;
    } models[] = {
        {"resnet18", 64, true},
        {"test_resnet", 96, true},
        {"test_efficientnet", 96, true},
        {"test_vit", 0, true},
        {"test_efficientnet_gn", 96, false},
        {"test_efficientnet_ln", 96, false},
        {"test_efficientnet_evos", 96, false},
        {"test_vit2", 0, false},
        {"test_vit3", 0, false},
        {"test_vit4", 0, false},
        {"test_vit_relpos", 0, false},
        {"test_byobnet", 96, false},
        {"test_convnext", 96, false},
        {"test_convnext2", 96, false},
        {"test_convnext3", 96, false},
        {"test_nfnet", 96, false},
        {"test_mambaout", 96, false},
        {"test_coatnet", 0, false},
        {"test_maxvit", 0, false},
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        bool found = check_model(models[i].name, models[i].size, isa);
        if (!found && models[i].ported)
            fail_msg("%s cannot be built", models[i].name);
    }
}

static void same_bits_scalar(void **state)
{
    (void)state;
    assert_true(check_model("test_resnet", 64, "scalar"));
    if (!emulated()) /* which takes a hundred times as long */
        assert_true(check_model("test_vit", 0, "scalar"));
}

static void same_bits_neon(void **state)
{
    (void)state;
    if (!tm_isa_within(TM_ISA_NEON, tm_cpu_flags_here()))
        skip();
    if (emulated())
        assert_true(check_model("test_resnet", 64, "neon"));
    else
        check_all("neon");
}

static void same_bits_avx2(void **state)
{
    (void)state;
    if (tm_cpu_isa() < TM_ISA_AVX2 || (THREADS_ONLY && tm_cpu_isa() > TM_ISA_AVX2))
        skip();
    check_all("avx2");
}

static void same_bits_avx512(void **state)
{
    (void)state;
    if (tm_cpu_isa() < TM_ISA_AVX512)
        skip();
    check_all("avx512");
}

/* What the public library refuses, it refuses with a reason and stays usable. */
static void refusals(void **state)
{
    (void)state;
    session s;
    tm_error error = {0};
    assert_true(open_session(&s, "test_resnet", 64, 2, 1, NULL));
    float *picture = calloc(3 * s.pixels, sizeof *picture);
    assert_non_null(picture);
    assert_int_equal(tm_context_run(s.context, picture, 3, &error), TM_USAGE);
    assert_non_null(strstr(error.message, "1 to 2"));
    error = (tm_error){0};
    assert_int_equal(tm_context_run(s.context, picture, 0, &error), TM_USAGE);
    error = (tm_error){0};
    assert_int_equal(tm_model_select(s.model, "logits", &error), TM_USAGE);
    error = (tm_error){0};
    assert_int_equal(tm_model_load(s.model, &error), TM_USAGE);
    error = (tm_error){0};
    assert_int_equal(tm_context_run(s.context, picture, 2, &error), TM_OK);
    close_session(&s);
    free(picture);
}

static void unloaded_models_do_not_run(void **state)
{
    (void)state;
    tm_model *model;
    tm_error error = {0};
    assert_int_equal(tm_model_open("test_resnet", NULL, &model, &error), TM_OK);
    tm_context *context;
    assert_int_equal(tm_context_open(model, &context, &error), TM_USAGE);
    assert_null(context);
    error = (tm_error){0};
    assert_int_equal(tm_model_load(model, &error), TM_USAGE); /* nothing was chosen */
    error = (tm_error){0};
    assert_int_equal(tm_model_select(model, "logit", &error), TM_USAGE);
    assert_non_null(strstr(error.message, "logits"));
    tm_model_close(model);
    tm_model_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_scalar), cmocka_unit_test(same_bits_neon),
        cmocka_unit_test(same_bits_avx2),   cmocka_unit_test(same_bits_avx512),
        cmocka_unit_test(refusals),         cmocka_unit_test(unloaded_models_do_not_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
