/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/pos_embed_fourier.h"

#include <math.h>
#include <stdlib.h>

enum { WAVES = 32 };

/* Sines and cosines of one coordinate, which runs from 0 to a whole turn. */
static void waves(float *out, int i, int size)
{
    float angle = (float)(i + 1) / ((float)size + 1e-6f) * (float)(2 * M_PI);
    for (int k = 0; k < WAVES; k++) {
        float at = angle / (float)pow(10000.0, (double)(k / 2 * 2) / WAVES);
        out[k] = (float)(k % 2 ? cos(at) : sin(at));
    }
}

tm_node *tm_fourier_positions(tm_builder *b, const char *name, int h, int w, int width)
{
    float *table = malloc((size_t)h * (size_t)w * 2 * WAVES * sizeof *table);
    if (!table) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for the positions of %dx%d patches", h,
                w);
        return tm_literal(b, 1, (int64_t[]){1}, (float[]){0.0f});
    }
    for (int i = 0; i < h * w; i++) {
        waves(table + (size_t)i * 2 * WAVES, i / w, h);
        waves(table + (size_t)i * 2 * WAVES + WAVES, i % w, w);
    }
    tm_node *literal = tm_literal(b, 2, (int64_t[]){(int64_t)h * w, 2 * WAVES}, table);
    free(table);
    tm_push(b, "%s.token_projection", name);
    tm_node *weight = tm_param4(b, "weight", width, 2 * WAVES, 1, 1);
    tm_node *result = tm_const_linear(b, literal, weight, tm_param1(b, "bias", width));
    tm_pop(b);
    return result;
}
