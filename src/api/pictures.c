/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of the library's callers: files, bytes and pixels. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/model.h"
#include "api/options.h"
#include "api/pictures.h"

enum { SEQUENCE_MAX = 65536 /* patches of a picture */ };

/* ---- how they are prepared ---- */

typedef struct channel_values {
    const char *what;
    const double *values;
    size_t count;
    double least, most;
} channel_values;

static tm_status set_channels(tm_model *model, const channel_values *given, tm_numbers *out,
                              tm_error *error)
{
    size_t channels = (size_t)model->preprocess.channels;
    if (!given->count && !given->values)
        return TM_OK;
    if (!given->values || (given->count != 1 && given->count != channels))
        return tm_fail(error, TM_USAGE, "%s has %zu values: expected 1 or %zu", given->what,
                       given->count, channels);
    for (size_t i = 0; i < given->count; i++)
        if (!(given->values[i] >= given->least && given->values[i] <= given->most))
            return tm_fail(error, TM_USAGE, "%s is %g, expected %g to %g", given->what,
                           given->values[i], given->least, given->most);
    double *copy = tm_arena_alloc(&model->strings, given->count * sizeof *copy);
    if (!copy)
        return tm_fail(error, TM_NO_MEMORY, "no memory for %zu values", given->count);
    memcpy(copy, given->values, given->count * sizeof *copy);
    *out = (tm_numbers){copy, given->count};
    return TM_OK;
}

static tm_status set_words(const tm_preprocess_options *o, tm_preprocess *p, tm_error *error)
{
    if (o->crop_mode && !tm_crop_mode_parse(o->crop_mode, &p->crop_mode))
        return tm_fail(error, TM_USAGE, "crop_mode '%.60s': expected center, squash or border",
                       o->crop_mode);
    if (o->interpolation && !tm_filter_parse(o->interpolation, &p->filter))
        return tm_fail(error, TM_USAGE,
                       "interpolation '%.60s': expected nearest, bilinear, bicubic, box, hamming "
                       "or lanczos",
                       o->interpolation);
    if (o->crop_pct == 0)
        return TM_OK;
    if (!(o->crop_pct >= 0.01 && o->crop_pct <= 10))
        return tm_fail(error, TM_USAGE, "crop_pct is %g, expected 0.01 to 10", o->crop_pct);
    p->crop_pct = o->crop_pct;
    return TM_OK;
}

static void set_decoding(tm_model *model, const tm_preprocess_options *o)
{
    int least = o->fast_decode ? tm_preprocess_least(&model->preprocess) : 0;
    model->decode = (tm_decode_options){.max_pixels = o->max_pixels,
                                        .exif_orient = o->exif_orient,
                                        .strict = o->strict,
                                        .least = least};
    model->own_memory = o->max_memory > 0;
    if (model->own_memory)
        tm_image_memory_set(&model->decode_memory, o->max_memory);
}

tm_status tm_model_set_preprocess(tm_model *model, const tm_preprocess_options *options,
                                  tm_error *error)
{
    tm_preprocess_options own = TM_PREPROCESS_OPTIONS_DEFAULT;
    tm_error_clear(error);
    if (!model || !options)
        return tm_fail(error, TM_USAGE, "pictures of a NULL model, or NULL options");
    tm_status status =
        tm_take_struct("tm_preprocess_options", options, &own, sizeof own, error);
    tm_preprocess before = model->preprocess;
    const channel_values mean = {"mean", own.mean, own.mean_count, -1e6, 1e6};
    const channel_values std = {"std", own.std, own.std_count, 1e-6, 1e6};
    if (!status)
        status = tm_model_own_preprocess(model, error);
    if (!status)
        status = set_words(&own, &model->preprocess, error);
    if (!status)
        status = set_channels(model, &mean, &model->preprocess.mean, error);
    if (!status)
        status = set_channels(model, &std, &model->preprocess.std, error);
    if (status)
        model->preprocess = before;
    else
        set_decoding(model, &own);
    return status;
}

/* ---- one picture ---- */

static const char *name_of(const tm_picture *picture)
{
    return picture->name ? picture->name : picture->path ? picture->path : "picture";
}

/* The caller's own pixels where they are as a tm_image has them, else a copy. */
static tm_status take_pixels(const tm_picture *p, size_t max_pixels, tm_image *out, tm_error *error)
{
    if (p->width < 1 || p->height < 1 || p->width > TM_IMAGE_MAX_SIDE ||
        p->height > TM_IMAGE_MAX_SIDE)
        return tm_fail(error, TM_USAGE, "%s: %d x %d pixels, expected 1 to %d", name_of(p),
                       p->width, p->height, TM_IMAGE_MAX_SIDE);
    size_t row = 3 * (size_t)p->width, height = (size_t)p->height;
    size_t most = max_pixels ? max_pixels : TM_IMAGE_MAX_PIXELS;
    if ((size_t)p->width * height > most)
        return tm_fail(error, TM_TOO_LARGE, "%s: %d x %d pixels, at most %zu are read", name_of(p),
                       p->width, p->height, most);
    if (p->stride && p->stride < row)
        return tm_fail(error, TM_USAGE, "%s: a stride of %zu bytes, a row has %zu", name_of(p),
                       p->stride, row);
    *out = (tm_image){.width = p->width, .height = p->height, .rgb = malloc(row * height)};
    if (!out->rgb)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for its pixels", name_of(p));
    for (size_t y = 0; y < height; y++)
        memcpy(out->rgb + y * row, p->rgb + y * (p->stride ? p->stride : row), row);
    return TM_OK;
}

static tm_status decode(const tm_model *model, const tm_picture *p, tm_image *out, tm_error *error)
{
    tm_decode_options how = model->decode;
    /* a budget that threads share is no part of what a model is */
    how.memory = model->own_memory ? (tm_image_memory *)&model->decode_memory
                                   : tm_image_memory_shared();
    if (!!p->path + !!p->bytes + !!p->rgb != 1)
        return tm_fail(error, TM_USAGE, "%s: expected one of path, bytes and rgb", name_of(p));
    if (p->path)
        return tm_image_decode_file(p->path, &how, out, error);
    if (p->bytes)
        return tm_image_decode(p->bytes, p->byte_count, name_of(p), &how, out, error);
    return take_pixels(p, how.max_pixels, out, error);
}

tm_status tm_model_prepare(const tm_model *model, const tm_picture *picture, bool nhwc, float *out,
                           tm_error *error)
{
    tm_image image = {0};
    tm_status status = decode(model, picture, &image, error);
    if (!status)
        status = nhwc ? tm_preprocess_f32(&image, &model->preprocess, out, error)
                      : tm_model_preprocess_image(model, &image, out, error);
    if (!status && image.warnings) /* words without a failure */
        tm_fail(error, TM_OK, "%s: faulty data (%d times), the picture may be damaged",
                name_of(picture), image.warnings);
    tm_image_free(&image);
    return status;
}

tm_status tm_model_preprocess(const tm_model *model, const tm_picture *picture, float *out,
                              tm_error *error)
{
    tm_error_clear(error);
    if (!model || !picture || !out)
        return tm_fail(error, TM_USAGE, "a picture is to be read with a NULL argument");
    return tm_model_prepare(model, picture, false, out, error);
}

tm_status tm_model_sequence_size(const tm_model *model, const tm_picture *picture, int max_seq_len,
                                 int *height, int *width, tm_error *error)
{
    tm_image image = {0};
    tm_preprocess how;
    tm_error_clear(error);
    if (!model || !picture || !height || !width)
        return tm_fail(error, TM_USAGE, "a picture's size is asked for with a NULL argument");
    if (max_seq_len < 1 || max_seq_len > SEQUENCE_MAX)
        return tm_fail(error, TM_USAGE, "max_seq_len is %d, expected 1 to %d", max_seq_len,
                       SEQUENCE_MAX);
    tm_status status = tm_model_require_sequences(model, error);
    if (!status)
        status = decode(model, picture, &image, error);
    if (!status)
        status = tm_model_fit_sequence(model, &image, max_seq_len, &how, error);
    if (!status) {
        *height = how.height;
        *width = how.width;
    }
    tm_image_free(&image);
    return status;
}

tm_status tm_model_preprocess_file(const tm_model *model, const char *path, float *out,
                                   tm_error *error)
{
    return tm_model_preprocess(model, path ? &(tm_picture){.path = path} : NULL, out, error);
}
