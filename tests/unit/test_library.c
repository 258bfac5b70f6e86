/* SPDX-License-Identifier: Apache-2.0 */
/* timmc.h as a stranger calls it: wrong arguments, reused errors, calls in the wrong order. */
#include "tests/unit/library.h"

#include <pthread.h>

static void errors_may_be_reused(void **state)
{
    (void)state;
    tm_error error;
    tm_model *model;
    memset(&error, 0x5A, sizeof error);
    assert_int_equal(tm_model_open("resnet18x", NULL, &model, &error), TM_UNKNOWN_MODEL);
    assert_int_equal(error.status, TM_UNKNOWN_MODEL);
    assert_non_null(strstr(error.message, "resnet18x"));
    assert_null(model);
    model = small();
    expect_usage(tm_model_select(model, "nothing", &error), &error, "has no output 'nothing'");
    expect_usage(tm_model_select(model, "nobody", &error), &error, "has no output 'nobody'");
    assert_int_equal(tm_model_select(model, "logits", &error), TM_OK);
    assert_int_equal(error.status, TM_OK);
    assert_string_equal(error.message, "");
    assert_int_equal(tm_model_select(model, "logits", NULL), TM_OK);
    tm_model_close(model);
}

enum { SIZE = sizeof(tm_open_options) };

static void options_are_checked(void **state)
{
    (void)state;
    static const struct {
        tm_open_options options;
        const char *words;
    } rows[] = {
        {{.size = SIZE, .num_classes = -1, .threads = -5}, "threads is -5, expected 0 to 4096"},
        {{.size = SIZE, .num_classes = -1, .threads = 5000}, "threads is 5000"},
        {{.size = SIZE, .num_classes = -1, .max_batch = -3},
         "max_batch is -3, expected 0 to 65536"},
        {{.size = SIZE, .num_classes = -1, .max_batch = 2000000000}, "max_batch is 2000000000"},
        {{.size = SIZE, .num_classes = -2}, "num_classes is -2"},
        {{.size = SIZE, .num_classes = -1, .in_chans = -1}, "in_chans is -1"},
        {{.size = SIZE, .num_classes = -1, .img_height = -7}, "img_height is -7"},
        {{.size = SIZE, .num_classes = -1, .img_width = 16385}, "img_width is 16385"},
        {{.size = SIZE, .num_classes = -1, .output_stride = -8}, "output stride -8"},
        {{.size = SIZE, .num_classes = -1, .isa = "sse9"}, "isa 'sse9'"},
        {{.size = SIZE, .num_classes = -1, .precision = "f8"}, "precision 'f8'"},
    };
    tm_error error;
    tm_model *model;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_usage(tm_model_open("test_resnet", &rows[i].options, &model, &error), &error,
                     rows[i].words);
    expect_usage(tm_model_open("test_resnet", NULL, NULL, &error), &error, "into NULL");
}

static void indices_are_checked(void **state)
{
    (void)state;
    tm_model *model = small();
    tm_error error;
    tm_output output;
    float *logits = malloc(1000 * sizeof *logits);
    expect_usage(tm_model_describe(model, 99999, &output, &error), &error, "output 99999");
    assert_string_equal(output.name, "");
    assert_int_equal(output.rank, 0);
    expect_usage(tm_model_describe(model, 0, NULL, &error), &error, "NULL output");
    expect_usage(tm_model_output(model, 0, &output, &error), &error, "expected one below 0");
    expect_usage(tm_model_select(model, NULL, &error), &error, "NULL name");
    for (size_t i = 0; i < tm_model_available(model); i++) {
        assert_int_equal(tm_model_describe(model, i, &output, &error), TM_OK);
        assert_true(output.channel_axis > 0 && output.channel_axis < output.rank);
    }
    expect_usage(tm_model_load(model, &error), &error, "choose an output");
    assert_int_equal(tm_model_select(model, "logits", &error), TM_OK);
    assert_int_equal(tm_model_output(model, 0, &output, &error), TM_OK);
    assert_string_equal(output.name, "logits");
    int64_t shape[3];
    assert_int_equal(tm_model_input_shape(model, shape), 3);
    float *input = calloc((size_t)(shape[0] * shape[1] * shape[2]), sizeof *input);
    tm_context *context = NULL;
    expect_usage(tm_context_open(model, &context, &error), &error, "not loaded");
    assert_null(context);
    assert_int_equal(tm_model_load(model, &error), TM_OK);
    expect_usage(tm_model_load(model, &error), &error, "loaded already");
    expect_usage(tm_context_open(model, NULL, &error), &error, "nowhere to put it");
    assert_int_equal(tm_context_open(model, &context, &error), TM_OK);
    expect_usage(tm_context_read(context, 0, 0, logits, &error), &error, "the last run had 0");
    expect_usage(tm_context_run(context, NULL, 1, &error), &error, "NULL inputs");
    expect_usage(tm_context_run(context, input, 2, &error), &error, "expected 1 to 1");
    assert_int_equal(tm_context_run(context, input, 1, &error), TM_OK);
    expect_usage(tm_context_read(context, 1, 0, logits, &error), &error, "output 1");
    expect_usage(tm_context_read(context, 0, 1, logits, &error), &error, "picture 1");
    expect_usage(tm_context_read(context, 0, -1, logits, &error), &error, "picture -1");
    expect_usage(tm_context_read(context, 0, 0, NULL, &error), &error, "nowhere to write");
    assert_int_equal(tm_context_read(context, 0, 0, logits, &error), TM_OK);
    free(input);
    free(logits);
    tm_context_close(context);
    tm_model_close(model);
}

/* ---- contexts ---- */

enum { CONTEXTS = 4, PICTURES = 3 };

typedef struct server {
    tm_context *context;
    const float *inputs;
    size_t classes;
    float *logits; /* [PICTURES][classes] */
    bool failed;
} server;

/* As a thread of a server: some runs, of which the last one's answers are kept. */
static void *serve(void *argument)
{
    server *s = argument;
    for (int round = 0; round < 3 && !s->failed; round++) {
        s->failed = tm_context_run(s->context, s->inputs, PICTURES, NULL) != TM_OK;
        for (int i = 0; i < PICTURES && !s->failed; i++)
            s->failed = tm_context_read(s->context, 0, i, s->logits + (size_t)i * s->classes,
                                        NULL) != TM_OK;
    }
    return NULL;
}

static void serve_at_once(const tm_open_options *options)
{
    tm_model *model = opened(*options, "test_resnet");
    tm_error error;
    tm_output logits;
    int64_t shape[3];
    pthread_t threads[CONTEXTS];
    server servers[CONTEXTS];
    assert_int_equal(tm_model_select(model, "logits", &error), TM_OK);
    assert_int_equal(tm_model_load(model, &error), TM_OK);
    assert_int_equal(tm_model_output(model, 0, &logits, &error), TM_OK);
    tm_model_input_shape(model, shape);
    size_t classes = (size_t)logits.shape[1];
    size_t floats = PICTURES * (size_t)(shape[0] * shape[1] * shape[2]);
    float *inputs = malloc(floats * sizeof *inputs);
    assert_non_null(inputs);
    tm_formula_uniform("input", 0, 0, 1, 0, floats, inputs);
    for (int i = 0; i < CONTEXTS; i++) {
        servers[i] = (server){.inputs = inputs, .classes = classes};
        servers[i].logits = calloc(PICTURES * classes, sizeof *servers[i].logits);
        assert_int_equal(tm_context_open(model, &servers[i].context, &error), TM_OK);
    }
    tm_model_close(model); /* lives on in its contexts */
    for (int i = 0; i < CONTEXTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, serve, &servers[i]), 0);
    for (int i = 0; i < CONTEXTS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(servers[i].failed);
        assert_memory_equal(servers[i].logits, servers[0].logits,
                            PICTURES * classes * sizeof(float));
    }
    for (int i = 0; i < CONTEXTS; i++) {
        tm_context_close(servers[i].context);
        free(servers[i].logits);
    }
    free(inputs);
}

static void contexts_run_at_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        tm_open_options options = TM_OPEN_OPTIONS_DEFAULT;
        options.img_height = options.img_width = 64;
        options.max_batch = PICTURES;
        options.threads = threads;
        serve_at_once(&options);
    }
}

static void no_model(void **state)
{
    (void)state;
    tm_error error;
    tm_output output;
    tm_context *context;
    int64_t shape[3];
    float value = 0;
    const char *name = "kept", *text = "kept";
    assert_int_equal(tm_model_available(NULL), 0);
    assert_int_equal(tm_model_output_count(NULL), 0);
    assert_int_equal(tm_model_input_shape(NULL, shape), 0);
    assert_string_equal(tm_model_warning(NULL), "");
    assert_false(tm_model_label(NULL, 0, &name, &text));
    assert_string_equal(name, "kept");
    assert_false(tm_label(1000, 0, NULL, &text));
    expect_usage(tm_model_describe(NULL, 0, &output, &error), &error, "NULL model");
    expect_usage(tm_model_output(NULL, 0, &output, &error), &error, "NULL model");
    expect_usage(tm_model_select(NULL, "logits", &error), &error, "NULL model");
    expect_usage(tm_model_load(NULL, &error), &error, "NULL model");
    expect_usage(tm_context_open(NULL, &context, &error), &error, "NULL model");
    expect_usage(tm_context_run(NULL, &value, 1, &error), &error, "NULL context");
    expect_usage(tm_context_read(NULL, 0, 0, &value, &error), &error, "NULL context");
    expect_usage(tm_model_preprocess_file(NULL, "x", &value, &error), &error, "NULL");
    tm_context_close(NULL);
    tm_model_close(NULL);
}

static void pictures(void **state)
{
    (void)state;
    static const char cat[] = "tests/data/images/chelsea.png";
    tm_error error;
    tm_model *model = small();
    int64_t shape[3];
    tm_model_input_shape(model, shape);
    float *out = malloc((size_t)(shape[0] * shape[1] * shape[2]) * sizeof *out);
    assert_int_equal(tm_model_preprocess_file(model, "none.png", out, &error), TM_NOT_FOUND);
    assert_int_equal(tm_model_preprocess_file(model, cat, out, &error), TM_OK);
    assert_int_equal(error.status, TM_OK);
    assert_string_equal(error.message, "");
    expect_usage(tm_model_preprocess_file(model, NULL, out, &error), &error, "NULL");
    char cut[] = "/tmp/timmc\033-cut-XXXXXX";
    write_half("tests/data/images/rocket.jpg", cut);
    assert_int_equal(tm_model_preprocess_file(model, cut, out, &error), TM_OK);
    assert_non_null(strstr(error.message, "faulty data"));
    assert_non_null(strstr(error.message, "timmc\\x1b-cut-"));
    unlink(cut);
    tm_model_close(model);
    /* a hidden state is smaller than the picture that is not to be written there */
    tm_open_options options = TM_OPEN_OPTIONS_DEFAULT;
    options.from_features = true;
    model = opened(options, "test_resnet");
    expect_usage(tm_model_preprocess_file(model, cat, out, &error), &error, "hidden states");
    tm_model_close(model);
    free(out);
}

/* ---- callers of other versions ---- */

static void sizes_are_guarded(void **state)
{
    (void)state;
    struct {
        tm_open_options known;
        int later;
    } future = {.known = TM_OPEN_OPTIONS_DEFAULT};
    tm_open_options options = {.num_classes = -1};
    tm_error error;
    tm_model *model;
    assert_string_equal(tm_version(), TIMMC_VERSION);
    expect_usage(tm_model_open("test_resnet", &options, &model, &error), &error, "its size is 0");
    assert_null(model);
    /* an earlier one, who ended before threads: what stands there is none of it */
    options.size = offsetof(tm_open_options, threads);
    options.threads = -5;
    options.isa = "sse9";
    assert_int_equal(tm_model_open("test_resnet", &options, &model, &error), TM_OK);
    tm_model_close(model);
    /* a later one, who asks for nothing new, and who does */
    future.known.size = sizeof future;
    assert_int_equal(tm_model_open("test_resnet", &future.known, &model, &error), TM_OK);
    tm_model_close(model);
    future.later = 1;
    expect_usage(tm_model_open("test_resnet", &future.known, &model, &error), &error,
                 "a later version");
}

/* ---- what there is ---- */

static void known_models(void **state)
{
    (void)state;
    tm_error error;
    tm_known_model known;
    size_t found = 0;
    assert_true(tm_known_count() > 2000);
    for (size_t i = 0; i < tm_known_count(); i++) {
        assert_int_equal(tm_known_model_at(i, &known, &error), TM_OK);
        if (strcmp(known.name, "resnet50.a1_in1k") != 0)
            continue;
        found++;
        assert_string_equal(known.arch, "resnet50");
        assert_string_equal(known.tag, "a1_in1k");
        assert_string_equal(known.module, "resnet");
        assert_true(known.has_weights && known.is_default);
        assert_int_equal(known.input_size[1], 224);
        assert_int_equal(known.test_input_size[1], 288);
        assert_int_equal(known.num_classes, 1000);
        assert_true(known.top1 > 79 && known.params > 25.5f && known.params < 25.6f);
    }
    assert_int_equal(found, 1);
    expect_usage(tm_known_model_at(tm_known_count(), &known, &error), &error, "expected one below");
    assert_string_equal(known.name, "");
    expect_usage(tm_known_model_at(0, NULL, &error), &error, "nowhere");
}

static void open_models_are_told(void **state)
{
    (void)state;
    tm_error error;
    tm_model_info info = {.size = sizeof info}, loaded = {.size = sizeof loaded}, none = {0};
    tm_open_options options = TM_OPEN_OPTIONS_DEFAULT;
    options.threads = 2;
    tm_model *model = opened(options, "resnet18");
    assert_int_equal(tm_model_tell(model, &info, &error), TM_OK);
    assert_int_equal(info.size, sizeof info);
    assert_string_equal(info.name, "resnet18.a1_in1k");
    assert_int_equal(info.params, 11689512);
    assert_true(info.macs > 1.8e9 && info.macs < 1.83e9);
    assert_int_equal(info.num_classes, 1000);
    assert_int_equal(info.threads, 2);
    assert_true(info.total_bytes > info.weight_bytes && info.weight_bytes > 40000000);
    assert_int_equal(tm_model_select(model, "logits", &error), TM_OK);
    assert_int_equal(tm_model_load(model, &error), TM_OK);
    assert_int_equal(tm_model_tell(model, &loaded, &error), TM_OK);
    assert_int_equal(loaded.params, info.params); /* whatever the passes made of the graph */
    assert_true(loaded.macs == info.macs);
    expect_usage(tm_model_tell(model, &none, &error), &error, "its size is 0");
    expect_usage(tm_model_tell(NULL, &info, &error), &error, "NULL");
    tm_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_may_be_reused), cmocka_unit_test(options_are_checked),
        cmocka_unit_test(indices_are_checked),  cmocka_unit_test(no_model),
        cmocka_unit_test(contexts_run_at_once), cmocka_unit_test(pictures),
        cmocka_unit_test(sizes_are_guarded),    cmocka_unit_test(known_models),
        cmocka_unit_test(open_models_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
