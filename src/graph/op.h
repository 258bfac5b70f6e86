/* SPDX-License-Identifier: Apache-2.0 */
/* What passes, layout and plan know of an operator: one descriptor each, listed in ops/ops.def. */
#ifndef TM_GRAPH_OP_H
#define TM_GRAPH_OP_H

#include "graph/graph.h"

typedef struct tm_lowering tm_lowering; /* steps/lower.h */

/* In which number types an operator computes beside float32. */
typedef enum tm_types {
    TM_TYPES_F32,    /* none */
    TM_TYPES_SAME,   /* activations and the constants among them are all of one */
    TM_TYPES_READS,  /* inputs may be of any, the result is float32 */
    TM_TYPES_WRITES, /* the result may be of any, the inputs are float32 */
    TM_TYPES_ANY     /* each may be */
} tm_types;

/* Row y of a result reads rows [y * stride - before, y * stride - before + rows) of an input, as
 * far as they exist, and all columns, or, if it reads no other pixel, its own alone. */
typedef struct tm_reach {
    int stride, before, rows;
    bool pixel;
} tm_reach;

struct tm_op {
    const char *name;

    /* Constants: rows [row, row + rows) of the first dimension, from the values of the inputs; all
     * float32 in C order. by_rows: input 0 holds those rows alone, as many as the result has;
     * otherwise row is 0 and rows the whole dimension (1 for rank 0). Other inputs are whole. */
    bool (*evaluate)(const tm_node *node, const float *const *inputs, int64_t row, int64_t rows,
                     float *out);
    bool by_rows;
    bool stored; /* the values stand in the weights, under the node's name */

    /* Activations: appends the steps that compute node. Errors are sticky in the lowering. */
    void (*lower)(tm_lowering *lowering, const tm_node *node);

    /* Views: the operator moves no data. The result is `channel` numbers and `token` pixels into
     * its input's memory. regroups: its pixels may have another number of channels, so the input's
     * must lie without gaps. */
    bool view, regroups;
    void (*view_offset)(const tm_node *node, int *channel, int *token);

    /* Concatenations: where in the result input i begins, in channels or pixels. */
    void (*part_offset)(const tm_node *node, int input, int *channel, int *token);

    /* The result may take the memory of an input of its shape, element by element: of input 0, or
     * of the one that `addend` names (-1: none). */
    bool in_place;
    int (*addend)(const tm_node *node);

    /* types_of: where they depend on the node, or on the kernels there are. Views take their
     * input's type. */
    tm_types types;
    tm_types (*types_of)(const tm_lowering *lowering, const tm_node *node);

    /* Activations whose one step has tm_lower_pixels: which rows of input 0 a row of the result
     * reads. false: not this node's. */
    bool (*reach)(const tm_lowering *lowering, const tm_node *node, tm_reach *reach);

    double (*macs)(const tm_node *node); /* multiply-adds per picture, as fvcore counts them */
};

#endif
