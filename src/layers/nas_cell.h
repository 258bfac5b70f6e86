/* SPDX-License-Identifier: Apache-2.0 */
/* Cells that a search of architectures found (1707.07012, 1712.00559): sums of two operations each,
 * concatenated. Norms are batch norm, eps 1e-3. */
#ifndef TM_LAYERS_NAS_CELL_H
#define TM_LAYERS_NAS_CELL_H

#include "ops/nn.h"

typedef enum tm_nas_kind {
    TM_NAS_ITSELF,
    TM_NAS_SEPARABLE, /* two separable convolutions, of which the first has the stride */
    TM_NAS_CONV,      /* ReLU, 1x1 convolution, norm */
    TM_NAS_MAX,       /* of 3x3 */
    TM_NAS_MAX_CONV,  /* the same, then a 1x1 convolution and norm */
    TM_NAS_AVG        /* of 3x3 */
} tm_nas_kind;

enum { TM_NAS_LEFT, TM_NAS_RIGHT, TM_NAS_SUM, TM_NAS_SUMS = 5 };

typedef struct tm_nas_op {
    tm_nas_kind kind;
    int from;    /* an input, or TM_NAS_SUM + the number of a sum before it */
    int kernel;  /* SEPARABLE */
    bool halves; /* strided in a cell of stride 2 */
} tm_nas_op;

typedef struct tm_nas_cell {
    tm_nas_op sums[TM_NAS_SUMS][2];
    int stride;
    bool with_left; /* the result begins with the left input */
    int first;      /* sum of the result; the others follow */
} tm_nas_cell;

/* The cell in the scope: comb_iter_0_left, comb_iter_0_right, ... of `width` channels each. */
tm_node *tm_nas_cell_of(tm_builder *b, const tm_nas_cell *cell, tm_node *left, tm_node *right,
                        int width);

/* ReLU, name.conv (1x1), name.bn */
tm_node *tm_nas_conv(tm_builder *b, const char *name, tm_node *x, int width, int stride);
/* x at half its size, in the scope: path_1.conv of every second pixel, path_2.conv of those a row
 * and a column further (zeros behind the edge), half of `width` each; final_path_bn. */
tm_node *tm_nas_factorized_reduction(tm_builder *b, tm_node *x, int width);
/* The convolution before all cells, 3x3 at stride 2 without padding, and its norm. */
tm_node *tm_nas_stem(tm_builder *b, const char *name);
/* What follows all cells: ReLU, with the last feature and the final taps, pool, "last_linear". */
void tm_nas_head(tm_builder *b, tm_node *x);

#endif
