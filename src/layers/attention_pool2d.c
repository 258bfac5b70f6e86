/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/attention_pool2d.h"

#include "layers/patch_embed.h"

enum { HEAD = 64 };

tm_node *tm_attention_pool_2d(tm_builder *b, const char *name, tm_node *x, int width, int feat_h,
                              int feat_w, bool pool)
{
    int h = x->shape.h, w = x->shape.w, c = x->shape.c;
    TM_EXPECT(b, width % HEAD == 0, "channels of attention that do not divide into heads of 64");
    tm_push(b, "%s", name);
    tm_node *tokens =
        tm_concat_w(b, 2, (tm_node *[]){tm_reduce_hw(b, x, TM_REDUCE_AVG), tm_map_tokens(b, x)});
    tm_node *positions = tm_param2(b, "pos_embed", (int64_t)feat_h * feat_w + 1, c);
    if (h != feat_h || w != feat_w) {
        int64_t dims[] = {1, (int64_t)feat_h * feat_w + 1, c};
        positions = tm_const_resample_grid(b, tm_const_reshape(b, positions, 3, dims), 1,
                                           (int[]){feat_h, feat_w}, (int[]){h, w},
                                           (tm_resampling){.bilinear = false});
    }
    tokens = tm_add(b, tokens, positions);
    tm_node *q = tm_linear(b, "q", pool ? tm_slice_w(b, tokens, 0, 1) : tokens, width, true);
    tm_node *k = tm_linear(b, "k", tokens, width, true),
            *v = tm_linear(b, "v", tokens, width, true);
    x = tm_attend(b, q, k, v, (tm_attention){.heads = width / HEAD});
    tm_pop(b);
    return pool ? x : tm_reshape(b, tm_slice_w(b, x, 1, h * w), h, w, width);
}
