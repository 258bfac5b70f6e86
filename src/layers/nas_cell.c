/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/nas_cell.h"

#include <stdio.h>
#include <stdlib.h>

#include "layers/classifier.h"
#include "layers/conv_bn_act.h"
#include "layers/taps.h"

static const tm_norm batch_norm = {.kind = TM_NORM_BATCH, .eps = 1e-3f};

tm_node *tm_nas_stem(tm_builder *b, const char *name)
{
    tm_conv conv = {.out = 96, .kernel = 3, .stride = 2, .padding = TM_PAD_VALID};
    return tm_conv_norm_act(b, name, b->graph->input, conv, (tm_conv_tail){.norm = batch_norm});
}

void tm_nas_head(tm_builder *b, tm_node *x)
{
    x = tm_activate(b, x, TM_ACT_RELU);
    tm_tap_stage(b, "act", x, 32);
    tm_tap_final(b, x);
    tm_classifier_head(b, x, "avg", "last_linear");
}

/* ---- operations ---- */

static tm_node *conv_norm(tm_builder *b, const char *name, tm_node *x, int width, int stride)
{
    tm_conv conv = {.out = width, .kernel = 1, .stride = stride};
    return tm_conv_norm_act(b, name, x, conv, (tm_conv_tail){.norm = batch_norm});
}

tm_node *tm_nas_conv(tm_builder *b, const char *name, tm_node *x, int width, int stride)
{
    return conv_norm(b, name, tm_activate(b, x, TM_ACT_RELU), width, stride);
}

/* The members of both convolutions are numbered, 1 and 2. */
static tm_node *separable(tm_builder *b, tm_node *x, int width, int kernel, int stride)
{
    for (int i = 1; i <= 2; i++) {
        char name[16];
        tm_conv depthwise = {.out = x->shape.c,
                             .kernel = kernel,
                             .stride = i == 1 ? stride : 1,
                             .groups = TM_DEPTHWISE,
                             .padding = TM_PAD_SAME};
        tm_push(b, "separable_%d", i);
        x = tm_conv2d(b, "depthwise_conv2d", tm_activate(b, x, TM_ACT_RELU), depthwise);
        x = tm_conv2d(b, "pointwise_conv2d", x, (tm_conv){.out = width, .kernel = 1});
        tm_pop(b);
        snprintf(name, sizeof name, "bn_sep_%d", i);
        x = tm_normalize(b, name, x, batch_norm);
    }
    return x;
}

static tm_node *max_pool(tm_builder *b, tm_node *x, int stride)
{
    return tm_pool2d(b, x, (tm_pool){.max = true, .kernel = 3, .stride = stride, .same = true});
}

/* Padding counts at stride 2 alone. */
static tm_node *average(tm_builder *b, tm_node *x, int stride)
{
    if (stride == 1)
        return tm_pool2d(b, x, (tm_pool){.kernel = 3, .stride = 1, .pad = 1});
    x = tm_pad2d(b, x, x->shape.h % 2, 1, x->shape.w % 2, 1, TM_PAD_ZERO);
    return tm_pool2d(b, x, (tm_pool){.kernel = 3, .stride = stride});
}

static tm_node *max_conv(tm_builder *b, tm_node *x, int width, int stride)
{
    x = tm_conv2d(b, "conv", max_pool(b, x, stride), (tm_conv){.out = width, .kernel = 1});
    return tm_normalize(b, "bn", x, batch_norm);
}

static tm_node *apply(tm_builder *b, const char *name, tm_nas_op op, tm_node *x, int width,
                      int stride)
{
    tm_push(b, "%s", name);
    if (op.kind == TM_NAS_SEPARABLE)
        x = separable(b, x, width, op.kernel, stride);
    else if (op.kind == TM_NAS_MAX)
        x = max_pool(b, x, stride);
    else if (op.kind == TM_NAS_MAX_CONV)
        x = max_conv(b, x, width, stride);
    else if (op.kind == TM_NAS_AVG)
        x = average(b, x, stride);
    tm_pop(b);
    return op.kind == TM_NAS_CONV ? tm_nas_conv(b, name, x, width, stride) : x;
}

/* ---- cells ---- */

tm_node *tm_nas_cell_of(tm_builder *b, const tm_nas_cell *cell, tm_node *left, tm_node *right,
                        int width)
{
    tm_node *nodes[TM_NAS_SUM + TM_NAS_SUMS] = {left, right};
    for (int i = 0; i < TM_NAS_SUMS; i++) {
        tm_node *terms[2];
        for (int side = 0; side < 2; side++) {
            tm_nas_op op = cell->sums[i][side];
            char name[24];
            snprintf(name, sizeof name, "comb_iter_%d_%s", i, side ? "right" : "left");
            terms[side] = apply(b, name, op, nodes[op.from], width, op.halves ? cell->stride : 1);
        }
        nodes[TM_NAS_SUM + i] = tm_add(b, terms[0], terms[1]);
    }
    tm_node *parts[TM_NAS_SUMS + 1];
    int count = 0;
    if (cell->with_left)
        parts[count++] = left;
    for (int i = cell->first; i < TM_NAS_SUMS; i++)
        parts[count++] = nodes[TM_NAS_SUM + i];
    return tm_concat_c(b, count, parts);
}

/* The pixels whose row and column are odd, with a zero behind the last where the side is odd. */
static tm_node *odd_pixels(tm_builder *b, tm_node *x)
{
    int h = (x->shape.h + 1) / 2, w = (x->shape.w + 1) / 2;
    int *from = malloc((size_t)h * (size_t)w * sizeof *from);
    if (!from) {
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for a map of %dx%d pixels", h, w);
        return x;
    }
    for (int i = 0; i < h * w; i++) {
        int y = i / w * 2 + 1, column = i % w * 2 + 1;
        bool inside = y < x->shape.h && column < x->shape.w;
        from[i] = inside ? y * x->shape.w + column : -1;
    }
    x = tm_gather_pixels(b, x, h, w, from);
    free(from);
    return x;
}

tm_node *tm_nas_factorized_reduction(tm_builder *b, tm_node *x, int width)
{
    x = tm_activate(b, x, TM_ACT_RELU);
    tm_conv conv = {.out = width / 2, .kernel = 1, .stride = 2};
    tm_node *even = tm_conv2d(b, "path_1.conv", x, conv);
    conv.stride = 1;
    tm_node *paths[] = {even, tm_conv2d(b, "path_2.conv", odd_pixels(b, x), conv)};
    return tm_normalize(b, "final_path_bn", tm_concat_c(b, 2, paths), batch_norm);
}
