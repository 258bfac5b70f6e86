/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/downsample.h"

tm_node *tm_shortcut_pool(tm_builder *b, tm_node *x, int stride, int dilation)
{
    if (stride == 1 && dilation == 1)
        return x;
    tm_pool pool = {.kernel = 2, .stride = stride, .ceil_mode = true};
    if (dilation > 1) {
        /* timm pads before it pools here, so that the zeros count */
        x = tm_pad2d(b, x, 0, 1, 0, 1, TM_PAD_ZERO);
        pool.stride = 1;
    }
    return tm_pool2d(b, x, pool);
}
