/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/stages.h"

void tm_refuse_dilation(tm_builder *b)
{
    if (b->options.output_stride != 32)
        tm_refuse(b, "output stride %d: this family has no dilation, only stride 32",
                  b->options.output_stride);
}

void tm_refuse_small_stride(tm_builder *b)
{
    if (b->options.output_stride < 8)
        tm_refuse(b, "output stride %d: this family has 8, 16 and 32", b->options.output_stride);
}
