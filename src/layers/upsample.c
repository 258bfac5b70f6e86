/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/upsample.h"

#include <stdlib.h>

/* in float, as torch has it: where the product comes out below a whole number, it is one less */
static int source(int index, int from, int to)
{
    int at = (int)((float)index * ((float)from / (float)to));
    return at < from ? at : from - 1;
}

tm_node *tm_upsample_nearest(tm_builder *b, tm_node *x, int h, int w)
{
    int *from = malloc((size_t)h * (size_t)w * sizeof *from);
    if (!from) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for a map of %dx%d pixels", h, w);
        return x;
    }
    for (int i = 0; i < h * w; i++)
        from[i] = source(i / w, x->shape.h, h) * x->shape.w + source(i % w, x->shape.w, w);
    x = tm_gather_pixels(b, x, h, w, from);
    free(from);
    return x;
}
