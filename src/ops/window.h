/* SPDX-License-Identifier: Apache-2.0 */
/* How a convolution's outputs lie to its inputs. */
#ifndef TM_OPS_WINDOW_H
#define TM_OPS_WINDOW_H

#include "ops/ops.h"
#include "steps/lower.h"

/* Whether threads had better share the rows of a layer than its outputs: its activations are more
 * than its weights. Then a row's next layer finds it where it was computed. */
bool tm_conv2d_shares_rows(const tm_node *node);

/* 1x1, stride 1, no padding: pixel i of the output is pixel i of the input. */
bool tm_conv2d_is_pointwise(const tm_node *node);
/* The pictures of a batch form one run of rows, in the output and in the residual (which may be
 * none). */
bool tm_conv2d_is_run(const tm_tensor *y, const tm_tensor *residual);

#endif
