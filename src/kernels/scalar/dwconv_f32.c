/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/dispatch.h"

void tm_dwconv_f32__scalar(const tm_dwconv_tile *tile)
{
    for (int i = 0; i < tile->pixels; i++)
        for (int c = 0; c < tile->channels; c++) {
            float y = tile->bias[c];
            for (int t = 0; t < tile->taps; t++)
                y += tile->px[(size_t)t * tile->tap_stride + (size_t)i][c] *
                     tile->w[(size_t)t * (size_t)tile->channels + (size_t)c];
            y = y < tile->lo ? tile->lo : y;
            tile->out[(size_t)i * tile->out_ld + (size_t)c] = y > tile->hi ? tile->hi : y;
        }
}
