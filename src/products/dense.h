/* SPDX-License-Identifier: Apache-2.0 */
/* Products of two activations, in a thread's own scratch: one operand becomes panels when it is
 * used, in the numbers of a kind of products. */
#ifndef TM_PRODUCTS_DENSE_H
#define TM_PRODUCTS_DENSE_H

#include "products/panels.h"

/* How they are multiplied: chosen when a step is lowered. */
typedef struct tm_multiplier {
    const struct tm_dense_kind *kind;
    int terms; /* bfloat16 numbers for one float32 */
    const float *zeros;
    const tm_kernels *f32;
    const tm_split_kernels *split;
} tm_multiplier;

/* c[count][n] = x[count][k] * panels + addend */
typedef struct tm_dense {
    const float *x;
    size_t ld, count, k, n; /* count at most TM_DENSE_ROWS */
    const void *panels;
    const float *addend; /* [count][n], dense, or NULL */
    float *c;
    size_t c_ld;
    void *room; /* room_bytes of k */
} tm_dense;

enum { TM_DENSE_ROWS = 64 };

typedef struct tm_dense_kind {
    int rows; /* that are multiplied at once: a multiple of the tile's */
    /* of one panel of k inputs, and of the room of a product of them; multiples of 64 */
    size_t (*panel_bytes)(const tm_multiplier *m, size_t k);
    size_t (*room_bytes)(const tm_multiplier *m, size_t k);
    /* One panel of columns <= 16: of x[k][columns], or, transposed, of x[columns][k]. */
    void (*pack)(const tm_multiplier *m, const float *x, size_t ld, size_t k, size_t columns,
                 void *panel);
    void (*pack_t)(const tm_multiplier *m, const float *x, size_t ld, size_t k, size_t columns,
                   void *panel);
    void (*multiply)(const tm_multiplier *m, const tm_dense *dense);
} tm_dense_kind;

extern const tm_dense_kind tm_dense_f32, tm_dense_split;

/* By tiles where the CPU has them, else in float32. */
tm_multiplier tm_multiplier_of(tm_lowering *lowering);
/* Always in float32. */
tm_multiplier tm_multiplier_f32(tm_lowering *lowering);

/* Bytes of the panels that n columns take. */
size_t tm_dense_panels_bytes(const tm_multiplier *m, size_t k, size_t n);
/* x[k][n], or x[n][k] transposed, ld floats from row to row, as panels of n columns. */
void tm_dense_pack(const tm_multiplier *m, const float *x, size_t ld, size_t k, size_t n,
                   void *panels);
void tm_dense_pack_t(const tm_multiplier *m, const float *x, size_t ld, size_t k, size_t n,
                     void *panels);

#endif
