/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "image/codec.h"
#include "image/resample.h"

static const char *const filter_names[TM_FILTER_COUNT] = {
    [TM_FILTER_NEAREST] = "nearest",   [TM_FILTER_BOX] = "box",
    [TM_FILTER_BILINEAR] = "bilinear", [TM_FILTER_HAMMING] = "hamming",
    [TM_FILTER_BICUBIC] = "bicubic",   [TM_FILTER_LANCZOS] = "lanczos",
};

bool tm_filter_parse(const char *name, tm_filter *filter)
{
    if (strcmp(name, "random") == 0)
        name = filter_names[TM_FILTER_BILINEAR];
    for (int i = 0; i < TM_FILTER_COUNT; i++)
        if (strcmp(name, filter_names[i]) == 0) {
            *filter = (tm_filter)i;
            return true;
        }
    return false;
}

const char *tm_filter_name(tm_filter filter)
{
    return filter_names[filter];
}

tm_status tm_image_resize(const tm_image *in, int width, int height, tm_filter filter,
                          tm_image *out, tm_error *error)
{
    tm_status status = tm_image_alloc(out, width, height, error);
    if (status != TM_OK)
        return status;
    tm_window whole = {width, height, 0, 0, width, height};
    status = tm_image_resample(in, &whole, filter, out->rgb, (size_t)width * 3, error);
    if (status != TM_OK)
        tm_image_free(out);
    return status;
}
