/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/swap_hw.h"

#include <stdlib.h>

tm_node *tm_swap_hw(tm_builder *b, tm_node *x)
{
    int h = x->shape.h, w = x->shape.w, *from = malloc((size_t)h * (size_t)w * sizeof *from);
    if (!from) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for a map of %dx%d pixels", h, w);
        return x;
    }
    for (int i = 0; i < h * w; i++)
        from[i] = i % h * w + i / h;
    x = tm_gather_pixels(b, x, w, h, from);
    free(from);
    return x;
}
