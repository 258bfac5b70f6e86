/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/inception.h"

#include "layers/conv_bn_act.h"

enum { MAX_BRANCHES = 8 };

static tm_node *apply(tm_builder *b, tm_node *x, const tm_inception_row *row, int width)
{
    tm_pool pool = {.kernel = 3, .stride = 1, .pad = 1};
    switch (row->kind) {
    case TM_INCEPTION_AVG_PADDED:
        pool.count_pad = true;
        return tm_pool2d(b, x, pool);
    case TM_INCEPTION_AVG:
        return tm_pool2d(b, x, pool);
    case TM_INCEPTION_MAX:
        return tm_pool2d(b, x, (tm_pool){.max = true, .kernel = 3, .stride = 2});
    default:
        break;
    }
    tm_conv conv = {.out = row->out ? row->out : width,
                    .kernel = row->kernel_h,
                    .kernel_w = row->kernel_w,
                    .stride = row->kind == TM_INCEPTION_STRIDED ? 2 : 1,
                    .padding = row->kind == TM_INCEPTION_CONV ? TM_PAD_DEFAULT : TM_PAD_VALID};
    tm_conv_tail tail = {.norm = {.kind = TM_NORM_BATCH, .eps = 1e-3f}, .act = TM_ACT_RELU};
    return tm_conv_norm_act(b, row->name, x, conv, tail);
}

tm_node *tm_inception(tm_builder *b, tm_node *x, tm_inception_block block, int width)
{
    tm_node *results[MAX_BRANCHES], *input = x, *previous = x;
    int count = 0;
    for (int i = 0; i < block.count; i++) {
        const tm_inception_row *row = &block.rows[i];
        if (row->from == TM_FROM_BLOCK)
            input = x;
        else if (row->from == TM_FROM_PREVIOUS)
            input = previous;
        previous = apply(b, input, row, width);
        if (i + 1 == block.count || block.rows[i + 1].from != TM_FROM_PREVIOUS) {
            TM_ASSERT(count < MAX_BRANCHES);
            results[count++] = previous;
        }
    }
    return count == 1 ? results[0] : tm_concat_c(b, count, results);
}
