/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what a run answered are numbers at all. */
#include <math.h>

#include "api/context.h"

typedef struct not_finite {
    int64_t count;
    int y, x, c; /* where the first stands */
} not_finite;

static not_finite count_in(const tm_pixels *p)
{
    not_finite found = {0};
    for (int y = 0; y < p->h; y++)
        for (int x = 0; x < p->w; x++) {
            const float *pixel = p->data + ((size_t)y * (size_t)p->w + (size_t)x) * p->ld;
            for (int c = 0; c < p->c; c++)
                if (!isfinite(pixel[c]) && !found.count++)
                    found.y = y, found.x = x, found.c = c;
        }
    return found;
}

/* The place in the shape that tm_output tells. */
static void print_place(char *text, size_t size, tm_layout layout, const tm_pixels *p,
                        const not_finite *at)
{
    long long pixel = (long long)at->y * p->w + at->x;
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
        snprintf(text, size, "[0,%lld]", pixel * p->c + at->c);
        break;
    }
}

tm_status tm_context_check_finite(const tm_context *context, int picture, tm_error *error)
{
    const tm_model *model = context->model;
    for (size_t i = 0; i < model->chosen_count; i++) {
        tm_pixels p = tm_context_pixels(context, i, picture);
        not_finite found = count_in(&p);
        if (!found.count)
            continue;
        tm_output output;
        char place[96] = "";
        if (tm_model_output(model, i, &output, error))
            return error ? error->status : TM_INTERNAL;
        print_place(place, sizeof place, tm_model_tap(model, model->chosen[i])->layout, &p, &found);
        return tm_fail(
            error, TM_NOT_FINITE,
            "%s: %lld of %lld numbers are not finite, the first at %s: the weights or the "
            "input hold NaN or infinity, or numbers that are too large",
            output.name, (long long)found.count, (long long)p.h * p.w * p.c, place);
    }
    return TM_OK;
}
