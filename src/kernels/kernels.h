/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel contracts. Every kernel exists in a readable scalar form (scalar/) that the others
 * are tested against; vec/ holds kernels written once on the vector shim (vec/vec.h) and compiled
 * per ISA; avx2/, avx512/, amx/ and so on hold those written by hand. kernels.def lists them all
 * and says what each needs of the CPU; docs/adding-a-kernel.md tells a kernel's life.
 *
 * Common to all: float32 unless said; pointers need no alignment unless said; outputs do not
 * overlap inputs unless said; nothing is read or written beyond the stated extents. The order of
 * additions in an output element depends on the stated sizes alone.
 *
 * Typed kernels have `void *` for their activations, op_f32 for those that are float32 and op_bf16
 * for those that are bfloat16 (uint16_t, of even addresses); strides are in elements. Both compute
 * in float32 with parameters in float32. A result in bfloat16 is that of float32, rounded once, to
 * the nearest, ties to even, as tm_bf16_of_f32 (base/floats.h) does it; NaN stays NaN.
 */
#ifndef TM_KERNELS_KERNELS_H
#define TM_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cpu.h"
#include "kernels/activation.h"

/* ---- GEMM ---- */

enum {
    TM_PANEL = 16,     /* outputs in a panel of packed weights */
    TM_MAX_PANELS = 4, /* panels a tile may span */
    TM_MAX_ROWS = 16,  /* rows a tile may have */
    TM_STEPS = 2       /* of k at once: more of them run out of registers */
};

/*
 * c[i][j] = act(start[i][j] + residual[i][j]
 *               + sum over t, k of rows[t * tap_stride + i][offset + k] * panel(j)[t * kc + k]),
 *
 * act being a clamp to [lo, hi] and start bias[j], or sum[i][j] where a sum is continued,
 *
 * for i < m, j < n: the products are added one by one in the order of t, then k, with fused
 * multiply-add (the scalar form rounds the product). rows holds pointers, so a convolution needs no
 * im2col: tap t of output pixel i is the input pixel's channels, or a row of zeros outside of the
 * picture.
 */
typedef struct tm_gemm_tile {
    const void *const *rows; /* taps x at least the kernel's row count (the spare ones of a
                                 partial tile are read and ignored), kc floats from `offset` on */
    size_t tap_stride;       /* pointers from tap to tap */
    size_t offset;
    int taps, kc;
    const float *panel;  /* [taps * kc][16], 64-byte aligned; the next panel follows after */
    size_t panel_stride; /* this many floats */
    const float *next;   /* wanted soon: a line is fetched every TM_STEPS; or NULL */
    size_t next_step;    /* floats to the next one, which may be in the same line */
    const float *bias;   /* 16 per panel; NULL: sum continues */
    const float *sum;    /* [m][n], may be c itself; for no bias */
    size_t sum_ld;
    const float *residual; /* [m][n] or NULL; may be c itself */
    size_t residual_ld;
    float lo, hi;
    float *c; /* [m][n] */
    size_t c_ld;
    int m, n; /* 1 <= m <= the kernel's rows, 16 * (panels - 1) < n <= 16 * panels */
} tm_gemm_tile;

typedef void tm_gemm_f32_fn(const tm_gemm_tile *tile);

typedef struct tm_gemm_kernel {
    tm_gemm_f32_fn *run;
    int rows; /* the most rows of a tile */
} tm_gemm_kernel;

/* ---- depthwise convolution ---- */

/*
 * out[i][c] = act(bias[c] + sum over row, k of x[row][left + i * stride + k * dilation][c]
 *                 * w[row][k][c]),  act being a clamp to [lo, hi]
 *
 * for i < pixels, c < channels: a part of a row of output pixels. The taps are added one by one in
 * the order of row, then k, with fused multiply-add (the scalar form rounds the product); those
 * outside of columns [0, width) are left out, rows outside of the picture are for the caller to
 * leave out.
 */
typedef struct tm_dwconv_tile {
    const void *x;      /* column 0 under the first row of taps */
    size_t x_row, x_ld; /* elements from row to row of taps, from pixel to pixel */
    int width, left;    /* left may be negative */
    int rows, kernel_w, stride, dilation;
    int pixels, channels;
    const float *w; /* [rows][kernel_w], w_ld floats apart */
    size_t w_ld;
    const float *bias; /* [channels] */
    float lo, hi;
    void *out;
    size_t out_ld;
} tm_dwconv_tile;

typedef void tm_dwconv_fn(const tm_dwconv_tile *tile);

/* ---- Winograd convolution F(4x4, 3x3) ---- */

/*
 * The transforms of Winograd's minimal filtering with the points 0, +-sqrt(1/2), +-sqrt(2) and
 * infinity, which lose less than the integers do. A tile is 6 x 6 input pixels, from which 4 x 4
 * outputs come; position p = 6 * row + column of a transformed tile is `step` floats behind p - 1.
 */
enum { TM_WINOGRAD_IN = 6, TM_WINOGRAD_OUT = 4, TM_WINOGRAD_POSITIONS = 36 };

/* out[p][c] = (B^T d B)[p][c], d[6 * y + x] = px[6 * y + x][c], c < n */
typedef void tm_winograd_in_f32_fn(size_t n, const float *const px[TM_WINOGRAD_POSITIONS],
                                   float *out, size_t step);

/* out[4 * y + x][c] = clamp((A^T m A)[y][x][c] + bias[c] + residual[4 * y + x][c], lo, hi), c < n;
 * where out[i] is NULL nothing is written; residual NULL: none. */
typedef struct tm_winograd_tile {
    size_t n;
    const float *m;
    size_t step;
    const float *bias;
    const float *const *residual;
    float lo, hi;
    float *const *out;
} tm_winograd_tile;
typedef void tm_winograd_out_f32_fn(const tm_winograd_tile *tile);

/* ---- row kernels: x is [rows][n] with ld elements from row to row ---- */

/* y = act(x); y may be x. Clamps (relu, relu6) as well as curves. */
typedef void tm_act_fn(tm_act_kind kind, float param, size_t rows, size_t n, const void *x,
                       size_t x_ld, void *y, size_t y_ld);

typedef enum tm_binary_kind {
    TM_BINARY_ADD,
    TM_BINARY_SUB,
    TM_BINARY_MUL,
    TM_BINARY_MAX, /* y where x is less; of a NaN on either side: x */
    TM_BINARY_MIN  /* y where x is greater; likewise */
} tm_binary_kind;
/* out = x op y. y_ld 0: one row of y for all rows; y_scalar: y[i * y_ld] for all of row i.
 * out may be x. */
typedef void tm_binary_fn(tm_binary_kind kind, size_t rows, size_t n, const void *x, size_t x_ld,
                          const void *y, size_t y_ld, bool y_scalar, void *out, size_t out_ld);

/* y = x * mul[j] + add[j], then clamped to [lo, hi]; y may be x. mul and add have n floats. */
typedef void tm_affine_fn(size_t rows, size_t n, const void *x, size_t x_ld, const float *mul,
                          const float *add, float lo, float hi, void *y, size_t y_ld);

/* Layer norm of each row, or of each of `groups` equal parts of it: (x - mean) * rsqrt(var + eps)
 * * weight + bias, biased variance in two passes; rms: no mean. weight and bias have n / groups
 * floats or are NULL. y may be x. */
typedef struct tm_layernorm_args {
    size_t n;
    int groups;
    bool rms;
    float eps;
    const float *weight, *bias;
} tm_layernorm_args;
typedef void tm_layernorm_fn(const tm_layernorm_args *args, size_t rows, const void *x, size_t x_ld,
                             void *y, size_t y_ld);

/* Each row becomes exp((x - max) * scale) / sum, in place; scale > 0. Where the exponent is below
 * TM_SOFTMAX_LEAST that is 0: subnormal numbers would slow down the products with it. */
#define TM_SOFTMAX_LEAST (-70)
typedef void tm_softmax_f32_fn(size_t rows, size_t n, float scale, float *x, size_t x_ld);

/* x transposed into a panel: out[j * 16 + i] = x[i * x_ld + j] for j < n and i < rows, 1 <= rows
 * <= 16; zeros for the other i. */
typedef void tm_pack_f32_fn(size_t rows, size_t n, const float *x, size_t x_ld, float *out);

/* A maximum is NaN where any of its numbers is, as torch has it. */
typedef enum tm_reduce_op { TM_REDUCE_OP_SUM, TM_REDUCE_OP_MAX } tm_reduce_op;
/* out[j] = reduction of column j over the rows (rows >= 1); sums are kept in blocks of 16 rows, so
 * that the error does not grow with the number of rows. out is float32 whatever x is. */
typedef void tm_colreduce_fn(tm_reduce_op op, size_t rows, size_t n, const void *x, size_t x_ld,
                             float *out);

/* out[j] = reduction over t of taps[t][j], scaled; count >= 1 */
typedef void tm_pool_fn(tm_reduce_op op, int count, const void *const *taps, size_t n, float scale,
                        void *out);

/* y = x as a number of the other type: f32_of_bf16, which changes no bit, and bf16_of_f32. */
typedef void tm_convert_rows_fn(size_t rows, size_t n, const void *x, size_t x_ld, void *y,
                                size_t y_ld);
typedef tm_convert_rows_fn tm_f32_of_bf16_fn, tm_bf16_of_f32_fn;

/* typed kernels: one function type for every type of elements */
typedef tm_act_fn tm_act_f32_fn, tm_act_bf16_fn;
typedef tm_affine_fn tm_affine_f32_fn, tm_affine_bf16_fn;
typedef tm_binary_fn tm_binary_f32_fn, tm_binary_bf16_fn;
typedef tm_colreduce_fn tm_colreduce_f32_fn, tm_colreduce_bf16_fn;
typedef tm_dwconv_fn tm_dwconv_f32_fn, tm_dwconv_bf16_fn;
typedef tm_layernorm_fn tm_layernorm_f32_fn, tm_layernorm_bf16_fn;
typedef tm_pool_fn tm_pool_f32_fn, tm_pool_bf16_fn;

/* ---- stored numbers ---- */

/* count IEEE half precision numbers, little-endian, of any alignment; NaNs become quiet. Every
 * kernel gives the same bits. */
typedef void tm_f16_to_f32_fn(const unsigned char *from, float *to, size_t count);

/* ---- pictures ---- */

/* One row of a resized picture, as Pillow rounds it: to[i] = the sum over k < taps of rows[k *
 * stride + i] * weights[k], a fixed-point number of TM_RESAMPLE_BITS behind the point, rounded half
 * up and clamped to a byte. Sums are exact, so that every kernel gives the same bytes; 255 * the
 * sum of the weights' magnitudes must be below 2^31 - 2^TM_RESAMPLE_BITS. taps >= 1. */
enum { TM_RESAMPLE_BITS = 32 - 8 - 2 }; /* room for a byte and for weights below 0 and above 1 */
typedef void tm_resample_u8_fn(size_t count, size_t taps, const unsigned char *rows, size_t stride,
                               const int32_t *weights, unsigned char *to);

/* ---- the most that a core can do ---- */

/* Multiply-adds on registers alone, in chains that do not wait for one another, `rounds` times.
 * Returns how many operations that were, a multiply-add being two. */
typedef double tm_peak_f32_fn(size_t rounds);

/* ---- the table ---- */

typedef struct tm_kernels {
    tm_gemm_kernel gemm[TM_MAX_PANELS + 1];      /* by panels; run NULL: no kernel of that width */
    tm_gemm_kernel gemm_half[TM_MAX_PANELS + 1]; /* n <= 16 * panels - 8; faster than gemm's */
#define OP(op) tm_##op##_fn *op;
#include "kernels/kernels.def"
} tm_kernels;

/* How many panels the next tile should span when `left` panels remain. */
int tm_gemm_width(const tm_kernels *kernels, int left);

/* The kernel of the next tile when `left` columns remain, and the panels that it spans. */
const tm_gemm_kernel *tm_gemm_next(const tm_kernels *kernels, int left, int *panels);

/* The kernels of a level: for each operator the best one that this CPU has and the level may use.
 * Read-only, never NULL. */
const tm_kernels *tm_kernels_for(tm_isa isa);

#endif
