/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what a run answered are numbers at all. */
#include <math.h>

#include "api/model.h"

typedef struct not_finite {
    int64_t count;
    int y, x, c; /* where the first stands */
} not_finite;

static not_finite count_in(const tm_tensor *t, int picture)
{
    not_finite found = {0};
    for (int y = 0; y < t->h; y++)
        for (int x = 0; x < t->w; x++) {
            const float *pixel = tm_tensor_at(t, picture, y, x);
            for (int c = 0; c < t->c; c++)
                if (!isfinite(pixel[c]) && !found.count++)
                    found.y = y, found.x = x, found.c = c;
        }
    return found;
}

/* The place in the shape that tm_output tells. */
static void print_place(char *text, size_t size, tm_layout layout, const tm_tensor *t,
                        const not_finite *at)
{
    long long pixel = (long long)at->y * t->w + at->x;
    switch (layout) {
    case TM_LAYOUT_MAP:
        snprintf(text, size, "[0,%d,%d,%d]", at->c, at->y, at->x);
        break;
    case TM_LAYOUT_NHWC:
        snprintf(text, size, "[0,%d,%d,%d]", at->y, at->x, at->c);
        break;
    case TM_LAYOUT_TOKENS:
        snprintf(text, size, "[0,%lld,%d]", pixel, at->c);
        break;
    case TM_LAYOUT_VECTOR:
        snprintf(text, size, "[0,%lld]", pixel * t->c + at->c);
        break;
    }
}

tm_status tm_model_check_finite(const tm_model *model, int picture, tm_error *error)
{
    for (size_t i = 0; i < model->chosen_count; i++) {
        tm_tensor t = tm_model_values(model, i);
        not_finite found = count_in(&t, picture);
        if (!found.count)
            continue;
        tm_output output;
        char place[96] = "";
        if (tm_model_output(model, i, &output, error))
            return error ? error->status : TM_INTERNAL;
        print_place(place, sizeof place, tm_model_tap(model, model->chosen[i])->layout, &t, &found);
        return tm_fail(
            error, TM_NOT_FINITE,
            "%s: %lld of %lld numbers are not finite, the first at %s: the weights or the "
            "input hold NaN or infinity, or numbers that are too large",
            output.name, (long long)found.count, (long long)t.h * t.w * t.c, place);
    }
    return TM_OK;
}
