/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/dispatch.h"

static float window(const tm_dwconv_tile *tile, int pixel, size_t c)
{
    float sum = tile->bias[c];
    const float *w = tile->w + c;
    for (int row = 0; row < tile->rows; row++)
        for (int k = 0; k < tile->kernel_w; k++, w += tile->w_ld) {
            int column = tile->left + pixel * tile->stride + k * tile->dilation;
            if (column >= 0 && column < tile->width)
                sum += tile->x[(size_t)row * tile->x_row + (size_t)column * tile->x_ld + c] * *w;
        }
    return sum;
}

void tm_dwconv_f32__scalar(const tm_dwconv_tile *tile)
{
    for (int i = 0; i < tile->pixels; i++)
        for (size_t c = 0; c < (size_t)tile->channels; c++) {
            float y = window(tile, i, c);
            y = y < tile->lo ? tile->lo : y;
            tile->out[(size_t)i * tile->out_ld + c] = y > tile->hi ? tile->hi : y;
        }
}
