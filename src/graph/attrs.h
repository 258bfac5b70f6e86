/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of nodes that rooms on both sides of the operators read: passes, and what operators
 * lower with. */
#ifndef TM_GRAPH_ATTRS_H
#define TM_GRAPH_ATTRS_H

#include <stdbool.h>

#include "kernels/activation.h"

typedef struct tm_act_attrs {
    tm_act_kind kind;
    float param;
} tm_act_attrs;

/* Applied by the kernel before its only store: + residual, then the activation. */
typedef struct tm_epilogue {
    bool residual; /* the last input is added */
    tm_act_kind act;
    float act_param;
} tm_epilogue;

/* inputs: x, weight, [bias], [residual] */
typedef struct tm_conv_attrs {
    int kernel_h, kernel_w, stride, dilation, groups;
    int pad_top, pad_left; /* bottom and right follow from the shapes */
    bool bias;
    tm_epilogue epilogue;
} tm_conv_attrs;

#endif
