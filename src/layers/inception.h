/* SPDX-License-Identifier: Apache-2.0 */
/* Inception's blocks as tables: branches of convolutions and pools, concatenated. */
#ifndef TM_LAYERS_INCEPTION_H
#define TM_LAYERS_INCEPTION_H

#include "ops/nn.h"

typedef enum tm_inception_kind {
    TM_INCEPTION_CONV,       /* ConvNormAct, eps 1e-3, ReLU, at stride 1 and of the input's size */
    TM_INCEPTION_VALID,      /* the same without padding */
    TM_INCEPTION_STRIDED,    /* the same without padding, at stride 2 */
    TM_INCEPTION_AVG,        /* average of 3x3 at stride 1; padding does not count */
    TM_INCEPTION_AVG_PADDED, /* padding counts */
    TM_INCEPTION_MAX         /* maximum of 3x3 at stride 2, without padding */
} tm_inception_kind;

typedef enum tm_inception_from {
    TM_FROM_PREVIOUS, /* reads the row before it */
    TM_FROM_BLOCK,    /* reads the block's input: a new branch */
    TM_FROM_SAME      /* reads what the row before it reads */
} tm_inception_from;

/* Rows that no other row reads are the block's result, concatenated in order. */
typedef struct tm_inception_row {
    tm_inception_from from;
    tm_inception_kind kind;
    const char *name;            /* of a convolution */
    int out, kernel_h, kernel_w; /* out 0: the block's `width` */
} tm_inception_row;

typedef struct tm_inception_block {
    const tm_inception_row *rows;
    int count;
} tm_inception_block;

#define TM_INCEPTION_BLOCK(table)                                                                  \
    {                                                                                              \
        (table), sizeof(table) / sizeof *(table)                                                   \
    }

/* The block in the scope; width is for rows that say 0. */
tm_node *tm_inception(tm_builder *b, tm_node *x, tm_inception_block block, int width);

#endif
