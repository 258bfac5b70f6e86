/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/rotary.h"

#include <math.h>

/* Sines and cosines of the angles first[band], second[band] of each patch, by its place along both
 * axes: [h * w, 4 * bands]. */
static tm_node *table_of(tm_builder *b, int h, int w, int bands, const float *first,
                         const float *second, bool x_first)
{
    int64_t dims[] = {(int64_t)h * w, 4 * (int64_t)bands};
    float *values = tm_arena_alloc(&b->graph->arena, (size_t)(dims[0] * dims[1]) * sizeof *values);
    for (int p = 0; values && p < h * w; p++) {
        float *sines = values + (int64_t)p * dims[1], *cosines = sines + 2 * bands;
        const float *a = first + (x_first ? p % w : p / w) * bands;
        const float *c = second + (x_first ? p / w : p % w) * bands;
        for (int i = 0; i < 2 * bands; i++) {
            double angle = i < bands ? a[i] : c[i - bands];
            sines[i] = (float)sin(angle);
            cosines[i] = (float)cos(angle);
        }
    }
    if (!values)
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for rotary positions");
    return tm_literal(b, 2, dims, values ? values : &(float){0});
}

/* Angles [size][bands] of an axis; NULL: no memory. */
static float *axis_angles(tm_builder *b, int size, int bands, tm_rotary rotary)
{
    float *angles = tm_arena_alloc(&b->graph->arena, (size_t)size * (size_t)bands * sizeof *angles);
    for (int p = 0; angles && p < size; p++) {
        float position = (float)p + rotary.offset;
        if (rotary.ref)
            position = position / (float)size * (float)rotary.ref;
        for (int i = 0; i < bands; i++) {
            float exponent = (float)i / (float)bands;
            float band = 1.0f / (float)pow(rotary.temperature, exponent);
            angles[p * bands + i] = position * band;
        }
    }
    return angles;
}

static float *centred_angles(tm_builder *b, int size, int bands, float temperature)
{
    const float two_pi = 6.28318530717958647692f;
    float *angles = tm_arena_alloc(&b->graph->arena, (size_t)size * (size_t)bands * sizeof *angles);
    for (int p = 0; angles && p < size; p++) {
        float position = 2.0f * (((float)p + 0.5f) / (float)size) - 1.0f;
        for (int i = 0; i < bands; i++) {
            float exponent = 2.0f * (float)i / (float)(2 * bands);
            float period = (float)pow(temperature, exponent);
            angles[p * bands + i] = two_pi * position / period;
        }
    }
    return angles;
}

static tm_node *both_axes(tm_builder *b, int h, int w, int bands, const float *y, const float *x,
                          bool xy)
{
    if (y && x)
        return table_of(b, h, w, bands, xy ? x : y, xy ? y : x, xy);
    tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for rotary positions");
    return tm_literal(b, 1, (int64_t[]){1}, &(float){0});
}

tm_node *tm_rotary_table(tm_builder *b, int h, int w, int d, tm_rotary rotary)
{
    int bands = d / 4;
    if (!rotary.temperature)
        rotary.temperature = 10000.0f;
    const float *y = axis_angles(b, h, bands, rotary), *x = axis_angles(b, w, bands, rotary);
    return both_axes(b, h, w, bands, y, x, rotary.xy);
}

tm_node *tm_rotary_dinov3_table(tm_builder *b, int h, int w, int d, float temperature)
{
    int bands = d / 4;
    const float *y = centred_angles(b, h, bands, temperature);
    const float *x = centred_angles(b, w, bands, temperature);
    return both_axes(b, h, w, bands, y, x, false);
}
