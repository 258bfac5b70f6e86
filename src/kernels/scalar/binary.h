/* SPDX-License-Identifier: Apache-2.0 */
void TM_TYPED(tm_binary)(tm_binary_kind kind, size_t rows, size_t n, const void *left, size_t x_ld,
                         const void *right, size_t y_ld, bool y_scalar, void *to, size_t out_ld)
{
    const elem *x = left, *y = right;
    elem *out = to;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++) {
            float a = f32_of(x[i * x_ld + j]), b = f32_of(y[i * y_ld + (y_scalar ? 0 : j)]);
            out[i * out_ld + j] = elem_of(kind == TM_BINARY_ADD   ? a + b
                                          : kind == TM_BINARY_SUB ? a - b
                                          : kind == TM_BINARY_MUL ? a * b
                                          : kind == TM_BINARY_MAX ? (a < b ? b : a)
                                                                  : (a > b ? b : a));
        }
}
