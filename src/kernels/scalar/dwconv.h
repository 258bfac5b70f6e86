/* SPDX-License-Identifier: Apache-2.0 */
static float window(const tm_dwconv_tile *tile, int pixel, size_t c)
{
    const elem *x = tile->x;
    const float *w = tile->w + c;
    float sum = tile->bias[c];
    for (int row = 0; row < tile->rows; row++)
        for (int k = 0; k < tile->kernel_w; k++, w += tile->w_ld) {
            int column = tile->left + pixel * tile->stride + k * tile->dilation;
            if (column >= 0 && column < tile->width)
                sum += f32_of(x[(size_t)row * tile->x_row + (size_t)column * tile->x_ld + c]) * *w;
        }
    return sum;
}

void TM_TYPED(tm_dwconv)(const tm_dwconv_tile *tile)
{
    elem *out = tile->out;
    for (int i = 0; i < tile->pixels; i++)
        for (size_t c = 0; c < (size_t)tile->channels; c++) {
            float y = window(tile, i, c);
            y = y < tile->lo ? tile->lo : y;
            out[(size_t)i * tile->out_ld + c] = elem_of(y > tile->hi ? tile->hi : y);
        }
}
