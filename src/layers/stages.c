/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/stages.h"

#include <limits.h>

tm_stages tm_stages_begin(tm_builder *b, int reduction, int least)
{
    int output_stride = tm_option_output_stride(b);
    if (output_stride < least)
        tm_refuse(b, "output stride %d: this family has %s16 and 32", output_stride,
                  least == 8 ? "8, " : "");
    return (tm_stages){.output_stride = output_stride, .reduction = reduction, .dilation = 1};
}

tm_stages tm_stages_backbone(int reduction)
{
    return (tm_stages){.output_stride = INT_MAX, .reduction = reduction, .dilation = 1};
}

tm_stage tm_stages_next(tm_stages *walk, int stride)
{
    /* timm's families ask either this or whether the next reduction were too large: for strides of
       2 it is the same */
    TM_ASSERT(stride == 1 || stride == 2);
    if (walk->reduction >= walk->output_stride) {
        walk->dilation *= stride;
        stride = 1;
    }
    walk->reduction *= stride;
    return (tm_stage){.stride = stride,
                      .dilation = walk->dilation,
                      .first_dilation = walk->dilation <= 2 ? 1 : 2,
                      .reduction = walk->reduction};
}
