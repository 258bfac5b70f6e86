/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of timmc.h's callers: files, bytes and pixels, one by one and many. */
#include "tests/unit/library.h"

#include "image/image.h"

static const char chelsea[] = "tests/data/images/chelsea.png";

static size_t floats_of(const tm_model *model)
{
    int64_t shape[3];
    assert_int_equal(tm_model_input_shape(model, shape), 3);
    return (size_t)(shape[0] * shape[1] * shape[2]);
}

static unsigned char *bytes_of(const char *path, size_t *size)
{
    enum { MOST = 1 << 20 };
    unsigned char *bytes = malloc(MOST);
    FILE *f = fopen(path, "rb");
    assert_non_null(bytes);
    assert_non_null(f);
    *size = fread(bytes, 1, MOST, f);
    assert_true(*size > 0 && *size < MOST);
    fclose(f);
    return bytes;
}

static void expect_tensor(const tm_model *model, tm_picture picture, const float *expected)
{
    tm_error error;
    size_t floats = floats_of(model);
    float *out = calloc(floats, sizeof *out);
    assert_non_null(out);
    if (tm_model_preprocess(model, &picture, out, &error))
        fail_msg("%s", error.message);
    assert_memory_equal(out, expected, floats * sizeof *out);
    free(out);
}

static void pictures_from_memory(void **state)
{
    (void)state;
    tm_error error;
    tm_image image;
    size_t size;
    tm_model *model = small();
    float *file = malloc(floats_of(model) * sizeof *file);
    unsigned char *bytes = bytes_of(chelsea, &size);
    assert_int_equal(tm_model_preprocess_file(model, chelsea, file, &error), TM_OK);
    expect_tensor(model, (tm_picture){.path = chelsea}, file);
    expect_tensor(model, (tm_picture){.bytes = bytes, .byte_count = size}, file);
    assert_int_equal(tm_image_decode_file(chelsea, NULL, &image, &error), TM_OK);
    tm_picture pixels = {.rgb = image.rgb, .width = image.width, .height = image.height};
    expect_tensor(model, pixels, file);
    /* rows that lie further apart */
    size_t row = 3 * (size_t)image.width, stride = row + 17;
    unsigned char *apart = malloc(stride * (size_t)image.height);
    memset(apart, 0xA5, stride * (size_t)image.height);
    for (size_t y = 0; y < (size_t)image.height; y++)
        memcpy(apart + y * stride, image.rgb + y * row, row);
    pixels.rgb = apart;
    pixels.stride = stride;
    expect_tensor(model, pixels, file);
    pixels.stride = row - 1;
    expect_usage(tm_model_preprocess(model, &pixels, file, &error), &error, "a stride of");
    pixels = (tm_picture){.rgb = apart, .width = 0, .height = 5};
    expect_usage(tm_model_preprocess(model, &pixels, file, &error), &error, "0 x 5 pixels");
    pixels.path = chelsea;
    expect_usage(tm_model_preprocess(model, &pixels, file, &error), &error, "one of path");
    const tm_picture text = {.bytes = "no picture", .byte_count = 10, .name = "from a socket"};
    assert_int_equal(tm_model_preprocess(model, &text, file, &error), TM_NOT_IMAGE);
    assert_non_null(strstr(error.message, "from a socket"));
    tm_image_free(&image);
    free(apart);
    free(bytes);
    free(file);
    tm_model_close(model);
}

static tm_status prepared(tm_model *model, tm_preprocess_options how, const char *path, float *out)
{
    tm_error error;
    how.size = sizeof how;
    if (tm_model_set_preprocess(model, &how, &error))
        fail_msg("%s", error.message);
    return tm_model_preprocess_file(model, path, out, &error);
}

static void expect_others(tm_model *model, tm_preprocess_options how, const float *own, float *out)
{
    size_t bytes = floats_of(model) * sizeof *out;
    assert_int_equal(prepared(model, how, chelsea, out), TM_OK);
    assert_memory_not_equal(out, own, bytes);
    assert_int_equal(prepared(model, (tm_preprocess_options){0}, chelsea, out), TM_OK);
    assert_memory_equal(out, own, bytes);
}

static void preparation_is_chosen(void **state)
{
    (void)state;
    tm_model *model = small();
    size_t floats = floats_of(model);
    float *own = malloc(floats * sizeof *own), *out = malloc(floats * sizeof *out);
    const double zero = 0, one = 1, three[] = {1, 2, 4};
    assert_int_equal(prepared(model, (tm_preprocess_options){0}, chelsea, own), TM_OK);
    expect_others(model, (tm_preprocess_options){.crop_mode = "squash"}, own, out);
    expect_others(model, (tm_preprocess_options){.crop_pct = 0.5}, own, out);
    expect_others(model, (tm_preprocess_options){.interpolation = "nearest"}, own, out);
    expect_others(model, (tm_preprocess_options){.std = three, .std_count = 3}, own, out);
    const tm_preprocess_options plain = {
        .mean = &zero, .mean_count = 1, .std = &one, .std_count = 1};
    assert_int_equal(prepared(model, plain, chelsea, out), TM_OK);
    for (size_t i = 0; i < floats; i++)
        assert_true(out[i] >= 0 && out[i] <= 1);
    const tm_preprocess_options few = {.max_pixels = 1000}, tight = {.max_memory = 1000};
    assert_int_equal(prepared(model, few, chelsea, out), TM_TOO_LARGE);
    assert_int_equal(prepared(model, tight, chelsea, out), TM_TOO_LARGE);
    char cut[] = "/tmp/timmc-cut-XXXXXX";
    write_half("tests/data/images/rocket.jpg", cut);
    assert_int_equal(prepared(model, (tm_preprocess_options){.strict = true}, cut, out),
                     TM_CORRUPT);
    assert_int_equal(prepared(model, (tm_preprocess_options){0}, cut, out), TM_OK);
    unlink(cut);
    free(own);
    free(out);
    tm_model_close(model);
}

/* A large JPEG is decoded with fewer pixels, whatever it is read from; no other picture is. */
static void jpegs_are_decoded_faster(void **state)
{
    (void)state;
    static const char rocket[] = "tests/data/images/rocket.jpg"; /* 640 x 427 */
    tm_open_options options = TM_OPEN_OPTIONS_DEFAULT;
    options.img_height = options.img_width = 64;
    tm_model *model = opened(options, "test_resnet");
    const tm_preprocess_options fast = {.crop_pct = 0.5, .fast_decode = true};
    const tm_preprocess_options whole = {.crop_pct = 0.5};
    const tm_decode_options half = {.least = 200};
    tm_error error;
    tm_image image;
    size_t size, floats = floats_of(model), bytes = floats * sizeof(float);
    float *own = malloc(bytes), *out = malloc(bytes);
    unsigned char *file = bytes_of(rocket, &size);
    assert_int_equal(tm_image_decode_file(rocket, &half, &image, &error), TM_OK);
    assert_int_equal(image.width, 320);
    assert_int_equal(prepared(model, whole, rocket, own), TM_OK);
    assert_int_equal(prepared(model, fast, rocket, out), TM_OK);
    assert_memory_equal(out, own, bytes); /* 2 * 64 / 0.5 pixels are more than the half's 213 */
    options.img_height = options.img_width = 48;
    tm_model_close(model);
    model = opened(options, "test_resnet");
    bytes = floats_of(model) * sizeof(float);
    assert_int_equal(prepared(model, whole, rocket, own), TM_OK);
    assert_int_equal(prepared(model, fast, rocket, out), TM_OK);
    assert_memory_not_equal(out, own, bytes);
    expect_tensor(model, (tm_picture){.bytes = file, .byte_count = size}, out);
    const tm_picture pixels = {.rgb = image.rgb, .width = image.width, .height = image.height};
    expect_tensor(model, pixels, out);
    assert_int_equal(prepared(model, whole, rocket, out), TM_OK);
    assert_memory_equal(out, own, bytes);
    assert_int_equal(prepared(model, whole, chelsea, own), TM_OK);
    assert_int_equal(prepared(model, fast, chelsea, out), TM_OK);
    assert_memory_equal(out, own, bytes);
    tm_image_free(&image);
    free(file);
    free(own);
    free(out);
    tm_model_close(model);
}

/* ---- timm's tests ---- */

static tm_model *opened_for(const char *name, bool test_size, int side)
{
    tm_open_options options = TM_OPEN_OPTIONS_DEFAULT;
    options.test_size = test_size;
    options.img_height = options.img_width = side;
    return opened(options, name);
}

/* Both prepare a picture alike, if `how` is the second's. */
static void expect_same_pictures(tm_model *tested, tm_model *other, tm_preprocess_options how)
{
    size_t floats = floats_of(other);
    float *out = malloc(floats * sizeof *out);
    assert_int_equal(floats_of(tested), floats);
    assert_int_equal(prepared(other, how, chelsea, out), TM_OK);
    expect_tensor(tested, (tm_picture){.path = chelsea}, out);
    assert_int_equal(prepared(tested, (tm_preprocess_options){0}, chelsea, out), TM_OK);
    expect_tensor(other, (tm_picture){.path = chelsea}, out);
    free(out);
    tm_model_close(tested);
    tm_model_close(other);
}

/* resnet10t.c3_in1k is of 176 and 0.875, tested with 224 and 0.95. */
static void pictures_as_timm_tests(void **state)
{
    (void)state;
    static const char name[] = "resnet10t";
    const tm_preprocess_options tested = {.crop_pct = 0.95}, trained = {.crop_pct = 0.875};
    expect_same_pictures(opened_for(name, true, 0), opened_for(name, false, 224), tested);
    expect_same_pictures(opened_for(name, false, 0), opened_for(name, false, 176), trained);
    expect_same_pictures(opened_for(name, true, 64), opened_for(name, false, 64), tested);
    /* test_resnet has no other */
    expect_same_pictures(opened_for("test_resnet", true, 0), small(), (tm_preprocess_options){0});
}

static void preparation_is_checked(void **state)
{
    (void)state;
    static const double zero = 0, two[2] = {0, 0};
    static const struct {
        tm_preprocess_options options;
        const char *words;
    } rows[] = {
        {{.crop_pct = 1}, "its size is 0"},
        {{.size = sizeof rows->options, .crop_pct = -1}, "crop_pct is -1"},
        {{.size = sizeof rows->options, .crop_pct = __builtin_nan("")}, "crop_pct is"},
        {{.size = sizeof rows->options, .crop_mode = "middle"}, "crop_mode 'middle'"},
        {{.size = sizeof rows->options, .interpolation = "cubic"}, "interpolation 'cubic'"},
        {{.size = sizeof rows->options, .mean = two, .mean_count = 2}, "mean has 2 values"},
        {{.size = sizeof rows->options, .mean_count = 3}, "mean has 3 values"},
        {{.size = sizeof rows->options, .std = &zero, .std_count = 1}, "std is 0"},
    };
    tm_error error;
    tm_model *model = small();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_usage(tm_model_set_preprocess(model, &rows[i].options, &error), &error,
                     rows[i].words);
    expect_usage(tm_model_set_preprocess(model, NULL, &error), &error, "NULL");
    tm_model_close(model);
}

/* ---- pictures of their own aspect ratio ---- */

static const char *const small_naflex[] = {"depth=2", "embed_dim=64", "num_heads=4", NULL};

static tm_model *naflex(int height, int width)
{
    tm_open_options options = TM_OPEN_OPTIONS_DEFAULT;
    options.model_args = small_naflex;
    options.num_classes = 5;
    options.img_height = height;
    options.img_width = width;
    return opened(options, "naflexvit_base_patch16_gap");
}

/* timm's size and logits of tests/cli/data/own_aspect.txt */
static void own_aspect(void **state)
{
    (void)state;
    static const float timm[5] = {-0.6822034f, -0.54178344f, 0.50741691f, -0.5878429f,
                                  -0.46946772f};
    const tm_preprocess_options whole = {
        .size = sizeof whole, .crop_mode = "squash", .crop_pct = 1};
    const tm_picture picture = {.path = chelsea}, none = {.path = "tests/data/images/none.png"};
    int height = 0, width = 0;
    float logits[5];
    tm_error error;
    tm_context *context;
    tm_model *any = naflex(0, 0);
    assert_int_equal(tm_model_sequence_size(any, &picture, 60, &height, &width, &error), TM_OK);
    assert_int_equal(height, 96);
    assert_int_equal(width, 160);
    assert_int_equal(tm_model_sequence_size(any, &none, 60, &height, &width, &error), TM_NOT_FOUND);
    tm_model *model = naflex(height, width);
    assert_int_equal(tm_model_set_preprocess(model, &whole, &error), TM_OK);
    assert_int_equal(tm_model_select(model, "logits", &error), TM_OK);
    assert_int_equal(tm_model_load(model, &error), TM_OK);
    assert_int_equal(tm_context_open(model, &context, &error), TM_OK);
    float *in = malloc(floats_of(model) * sizeof *in);
    assert_int_equal(tm_model_preprocess(model, &picture, in, &error), TM_OK);
    assert_int_equal(tm_context_run(context, in, 1, &error), TM_OK);
    assert_int_equal(tm_context_read(context, 0, 0, logits, &error), TM_OK);
    for (int i = 0; i < 5; i++)
        assert_true(fabsf(logits[i] - timm[i]) < 2e-5f);
    free(in);
    tm_context_close(context);
    tm_model_close(model);
    tm_model_close(any);
}

static void own_aspect_is_checked(void **state)
{
    (void)state;
    const tm_picture picture = {.path = chelsea};
    int height = 0, width = 0;
    tm_error error;
    tm_model *any = naflex(0, 0), *other = small();
    expect_usage(tm_model_sequence_size(any, &picture, 0, &height, &width, &error), &error,
                 "max_seq_len is 0");
    expect_usage(tm_model_sequence_size(any, &picture, 65537, &height, &width, &error), &error,
                 "max_seq_len is 65537");
    expect_usage(tm_model_sequence_size(any, NULL, 60, &height, &width, &error), &error, "NULL");
    expect_usage(tm_model_sequence_size(NULL, &picture, 60, &height, &width, &error), &error,
                 "NULL");
    expect_usage(tm_model_sequence_size(other, &picture, 60, &height, &width, &error), &error,
                 "test_resnet");
    assert_int_equal(height, 0);
    assert_int_equal(width, 0);
    tm_model_close(any);
    tm_model_close(other);
}

/* ---- many pictures ---- */

enum { MANY = 11, FEATURES = 4096 };

typedef struct told {
    tm_context *context;
    size_t count, most;
    tm_status status[MANY];
    float first[MANY]; /* logit */
} told;

static bool tell(void *user, size_t index, int place, const tm_error *error)
{
    told *t = user;
    static float values[FEATURES];
    assert_int_equal(index, t->count);
    t->status[index] = error->status;
    assert_int_equal(place >= 0, error->status == TM_OK);
    if (place >= 0)
        assert_int_equal(tm_context_read(t->context, 0, place, values, NULL), TM_OK);
    t->first[index] = values[0];
    return ++t->count < t->most;
}

static told run_many(const tm_picture *pictures, int threads, int max_batch, size_t most)
{
    tm_open_options options = TM_OPEN_OPTIONS_DEFAULT;
    tm_error error;
    options.threads = threads;
    options.max_batch = max_batch;
    options.img_height = options.img_width = 64;
    told t = {.most = most};
    tm_model *model = opened(options, "test_resnet");
    assert_int_equal(tm_model_select(model, "logits", &error), TM_OK);
    assert_int_equal(tm_model_load(model, &error), TM_OK);
    assert_int_equal(tm_context_open(model, &t.context, &error), TM_OK);
    if (tm_context_run_pictures(t.context, pictures, MANY, tell, &t, &error))
        fail_msg("%s", error.message);
    tm_context_close(t.context);
    tm_model_close(model);
    return t;
}

static void many_pictures(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = bytes_of("tests/data/images/rocket.jpg", &size);
    tm_picture pictures[MANY];
    for (int i = 0; i < MANY; i++)
        pictures[i] = i % 4 == 1   ? (tm_picture){.path = "none.png"}
                      : i % 4 == 3 ? (tm_picture){.bytes = bytes, .byte_count = size}
                                   : (tm_picture){.path = chelsea};
    const told one = run_many(pictures, 1, 1, MANY);
    assert_int_equal(one.count, MANY);
    assert_true(one.first[0] != one.first[3]);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(one.status[i], i % 4 == 1 ? TM_NOT_FOUND : TM_OK);
        if (i % 4 != 1)
            assert_true(one.first[i] == one.first[i % 4 == 3 ? 3 : 0]);
    }
    for (int batch = 1; batch <= 16; batch += 5) {
        const told several = run_many(pictures, 3, batch, MANY);
        assert_int_equal(several.count, MANY);
        assert_memory_equal(several.status, one.status, sizeof one.status);
        for (int i = 0; i < MANY; i++)
            assert_true(i % 4 == 1 || several.first[i] == one.first[i]);
    }
    assert_int_equal(run_many(pictures, 2, 4, 3).count, 3); /* and no more is told */
    tm_error error;
    expect_usage(tm_context_run_pictures(NULL, pictures, 1, tell, NULL, &error), &error, "NULL");
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_from_memory),     cmocka_unit_test(preparation_is_chosen),
        cmocka_unit_test(jpegs_are_decoded_faster), cmocka_unit_test(pictures_as_timm_tests),
        cmocka_unit_test(preparation_is_checked),   cmocka_unit_test(own_aspect),
        cmocka_unit_test(own_aspect_is_checked),    cmocka_unit_test(many_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
