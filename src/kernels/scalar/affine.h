/* SPDX-License-Identifier: Apache-2.0 */
void TM_TYPED(tm_affine)(size_t rows, size_t n, const void *from, size_t x_ld, const float *mul,
                         const float *add, float lo, float hi, void *to, size_t y_ld)
{
    const elem *x = from;
    elem *y = to;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++) {
            float v = f32_of(x[i * x_ld + j]) * mul[j] + add[j];
            v = v < lo ? lo : v;
            y[i * y_ld + j] = elem_of(v > hi ? hi : v);
        }
}
