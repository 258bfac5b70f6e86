/* SPDX-License-Identifier: Apache-2.0 */
/* timm's transforms_imagenet_eval. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "image/codec.h"
#include "image/resample.h"

static const char *const crop_mode_names[TM_CROP_COUNT] = {
    [TM_CROP_CENTER] = "center", [TM_CROP_SQUASH] = "squash", [TM_CROP_BORDER] = "border"};

bool tm_crop_mode_parse(const char *name, tm_crop_mode *mode)
{
    for (int i = 0; i < TM_CROP_COUNT; i++)
        if (strcmp(name, crop_mode_names[i]) == 0) {
            *mode = (tm_crop_mode)i;
            return true;
        }
    return false;
}

const char *tm_crop_mode_name(tm_crop_mode mode)
{
    return crop_mode_names[mode];
}

int tm_preprocess_least(const tm_preprocess *how)
{
    return 2 * (int)ceil(fmax(how->height, how->width) / fmin(how->crop_pct, 1));
}

typedef struct size {
    double width, height; /* whole numbers */
} size;

/* Python's round: halves to even. */
static double round_even(double x)
{
    return nearbyint(x);
}

/* The edge whose ratio to the target is smaller (longest 0) or larger (longest 1) fits it. */
static size keep_ratio(const tm_image *in, size target, double longest)
{
    double across = in->width / target.width, down = in->height / target.height;
    double larger = fmax(across, down), smaller = fmin(across, down);
    double ratio = larger * longest + smaller * (1. - longest);
    return (size){round_even(in->width / ratio), round_even(in->height / ratio)};
}

static size shorter_edge(const tm_image *in, double edge)
{
    if (in->width <= in->height)
        return (size){edge, trunc(edge * in->height / in->width)};
    return (size){trunc(edge * in->width / in->height), edge};
}

static size scaled_size(const tm_image *in, const tm_preprocess *how)
{
    size target = {floor(how->width / how->crop_pct), floor(how->height / how->crop_pct)};
    switch (how->crop_mode) {
    case TM_CROP_SQUASH:
        return target;
    case TM_CROP_BORDER:
        return keep_ratio(in, target, 1.0);
    default:
        return target.width == target.height ? shorter_edge(in, target.width)
                                             : keep_ratio(in, target, 0.0);
    }
}

static double of_channel(const tm_numbers *numbers, int channel)
{
    return numbers->values[numbers->count == 1 ? 0 : channel];
}

static tm_status check_numbers(const tm_numbers *numbers, const char *what, int channels,
                               tm_error *error)
{
    if (numbers->count == 1 || numbers->count == (size_t)channels ||
        (channels == 1 && numbers->count))
        return TM_OK;
    return tm_fail(error, TM_UNSUPPORTED, "%s has %zu values, the model takes %d channels", what,
                   numbers->count, channels);
}

static tm_status check(const tm_preprocess *how, tm_error *error)
{
    if (how->channels != 1 && how->channels != 3)
        return tm_fail(error, TM_UNSUPPORTED, "model takes %d channels, a picture can give 1 or 3",
                       how->channels);
    if (how->width < 1 || how->height < 1)
        return tm_fail(error, TM_USAGE, "input size is %d x %d, expected at least 1 x 1",
                       how->width, how->height);
    if (!(how->crop_pct > 0) || floor(how->width / how->crop_pct) < 1 ||
        floor(how->height / how->crop_pct) < 1)
        return tm_fail(error, TM_USAGE,
                       "crop_pct is %g, expected above 0 and at most the input size (%d x %d)",
                       how->crop_pct, how->width, how->height);
    tm_status status = check_numbers(&how->mean, "mean", how->channels, error);
    if (!status)
        status = check_numbers(&how->std, "std", how->channels, error);
    for (int c = 0; c < how->channels && !status; c++)
        if (!((float)of_channel(&how->std, c) != 0))
            status = tm_fail(error, TM_USAGE, "std is 0 in channel %d, expected another value", c);
    return status;
}

static tm_status check_scaled(const tm_image *in, size scaled, tm_error *error)
{
    double least = fmin(scaled.width, scaled.height), most = fmax(scaled.width, scaled.height);
    if (least >= 1 && most <= INT_MAX / 4)
        return TM_OK;
    return tm_fail(
        error, TM_UNSUPPORTED,
        "picture of %d x %d would be resized to %.0f x %.0f, expected sides from 1 to %d",
        in->width, in->height, scaled.width, scaled.height, INT_MAX / 4);
}

/* Where `shown` of `full` pixels begin, and where they stand among `target` pixels. */
typedef struct placing {
    int from, shown, at;
} placing;

static placing place(int full, int target)
{
    if (full <= target)
        return (placing){0, full, (target - full) / 2};
    return (placing){(int)round_even((full - target) / 2.0), target, 0};
}

static void fill(tm_image *image, const unsigned char color[3])
{
    size_t pixels = (size_t)image->width * (size_t)image->height;
    for (size_t i = 0; i < pixels; i++)
        memcpy(image->rgb + 3 * i, color, 3);
}

static void fill_border(tm_image *image, const tm_preprocess *how)
{
    unsigned char color[3] = {0};
    for (int c = 0; how->crop_mode == TM_CROP_BORDER && c < 3; c++) {
        double value = round_even(255 * of_channel(&how->mean, how->channels == 3 ? c : 0));
        color[c] = (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
    fill(image, color);
}

static tm_status luminance(const tm_image *in, tm_image *out, tm_error *error)
{
    tm_status status = tm_image_alloc(out, in->width, in->height, error);
    if (status != TM_OK)
        return status;
    size_t pixels = (size_t)in->width * (size_t)in->height;
    for (size_t i = 0; i < pixels; i++) {
        const unsigned char *from = in->rgb + 3 * i;
        unsigned sum = from[0] * 19595u + from[1] * 38470u + from[2] * 7471u + 0x8000u;
        memset(out->rgb + 3 * i, (int)(sum >> 16), 3);
    }
    return TM_OK;
}

static tm_status resize_and_crop(const tm_image *in, const tm_preprocess *how, tm_image *out,
                                 tm_error *error)
{
    size scaled = scaled_size(in, how);
    tm_status status = check_scaled(in, scaled, error);
    if (status == TM_OK)
        status = tm_image_alloc(out, how->width, how->height, error);
    if (status != TM_OK)
        return status;
    placing x = place((int)scaled.width, how->width), y = place((int)scaled.height, how->height);
    if (x.shown < how->width || y.shown < how->height)
        fill_border(out, how);
    tm_window window = {(int)scaled.width, (int)scaled.height, x.from, y.from, x.shown, y.shown};
    size_t stride = (size_t)how->width * 3;
    status = tm_image_resample(in, &window, how->filter,
                               out->rgb + (size_t)y.at * stride + 3 * (size_t)x.at, stride, error);
    if (status != TM_OK)
        tm_image_free(out);
    return status;
}

tm_status tm_preprocess_u8(const tm_image *in, const tm_preprocess *how, tm_image *out,
                           tm_error *error)
{
    *out = (tm_image){0};
    tm_status status = check(how, error);
    if (status != TM_OK)
        return status;
    if (how->channels == 3)
        return resize_and_crop(in, how, out, error);
    tm_image gray;
    status = luminance(in, &gray, error);
    if (status == TM_OK) {
        status = resize_and_crop(&gray, how, out, error);
        tm_image_free(&gray);
    }
    return status;
}

/* 256 values a channel, each from the float32 steps of torch: divide, subtract, divide. */
static void fill_table(const tm_preprocess *how, float table[3][256])
{
    for (int c = 0; c < how->channels; c++) {
        float mean = (float)of_channel(&how->mean, c), std = (float)of_channel(&how->std, c);
        for (int v = 0; v < 256; v++)
            table[c][v] = ((float)v / 255.0f - mean) / std;
    }
}

tm_status tm_preprocess_f32(const tm_image *in, const tm_preprocess *how, float *out,
                            tm_error *error)
{
    tm_image image;
    tm_status status = tm_preprocess_u8(in, how, &image, error);
    if (status != TM_OK)
        return status;
    float table[3][256];
    fill_table(how, table);
    size_t pixels = (size_t)image.width * (size_t)image.height;
    const unsigned char *from = image.rgb;
    for (size_t i = 0; i < pixels; i++, from += 3)
        for (int c = 0; c < how->channels; c++)
            *out++ = table[c][from[c]];
    tm_image_free(&image);
    return TM_OK;
}
