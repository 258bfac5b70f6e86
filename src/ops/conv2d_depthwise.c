/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conv2d.h"

typedef struct dw_args {
    tm_tensor x, y;
    tm_conv_attrs conv;
    const float *weights, *bias, *zeros; /* weights: [taps][channels] */
    tm_store store;
    tm_dwconv_f32_fn *kernel;
} dw_args;

static int dw_units(const tm_step *step, int batch)
{
    return batch * ((const dw_args *)step->args)->y.h;
}

/* px[t][ox]: the input pixel under tap t of output pixel (oy, ox) */
static void point_row(const dw_args *args, int n, int oy, const float **px)
{
    const tm_conv_attrs *conv = &args->conv;
    for (int ky = 0; ky < conv->kernel_h; ky++) {
        int y = oy * conv->stride - conv->pad_top + ky * conv->dilation;
        bool inside = y >= 0 && y < args->x.h;
        for (int kx = 0; kx < conv->kernel_w; kx++) {
            int x = kx * conv->dilation - conv->pad_left;
            for (int ox = 0; ox < args->y.w; ox++, x += conv->stride)
                *px++ = inside && x >= 0 && x < args->x.w ? tm_tensor_at(&args->x, n, y, x)
                                                          : args->zeros;
        }
    }
}

/* one row of output pixels; scratch: the pointers */
static void dw_run(const tm_step *step, int batch, int unit, void *scratch)
{
    (void)batch;
    const dw_args *args = step->args;
    const float **px = scratch;
    int n = unit / args->y.h, oy = unit % args->y.h;
    point_row(args, n, oy, px);
    float *out = tm_tensor_at(&args->y, n, oy, 0);
    tm_dwconv_tile tile = {.px = px,
                           .tap_stride = (size_t)args->y.w,
                           .taps = args->conv.kernel_h * args->conv.kernel_w,
                           .pixels = args->y.w,
                           .channels = args->y.c,
                           .w = args->weights,
                           .bias = args->bias,
                           .lo = args->store.lo,
                           .hi = args->store.hi,
                           .out = out,
                           .out_ld = args->y.ld};
    args->kernel(&tile);
    if (args->store.curve)
        args->store.kernel(args->store.act.kind, args->store.act.param, (size_t)args->y.w,
                           (size_t)args->y.c, out, args->y.ld, out, args->y.ld);
}

typedef struct pack_args {
    const tm_node *weight;
    size_t channels, taps;
    float *packed;
} pack_args;

/* [c][1][kh][kw] becomes [taps][c] */
static void pack(tm_lowering *worker, const void *context)
{
    const pack_args *args = context;
    const float *values = tm_lower_constant(worker, args->weight);
    for (size_t t = 0; values && t < args->taps; t++)
        for (size_t c = 0; c < args->channels; c++)
            args->packed[t * args->channels + c] = values[c * args->taps + t];
    tm_lower_release(worker, values);
}

void tm_conv2d_lower_depthwise(tm_lowering *lowering, const tm_node *node)
{
    const tm_conv_attrs *attrs = node->attrs;
    size_t channels = (size_t)node->shape.c;
    size_t taps = (size_t)attrs->kernel_h * (size_t)attrs->kernel_w;
    pack_args packing = {.weight = node->inputs[1],
                         .channels = channels,
                         .taps = taps,
                         .packed = tm_lower_memory(lowering, channels * taps)};
    tm_lower_defer(lowering, pack, &packing, sizeof packing);
    dw_args args = {.x = tm_lower_input(lowering, node, 0),
                    .y = tm_lower_output(lowering, node),
                    .conv = *attrs,
                    .weights = packing.packed,
                    .bias = attrs->bias ? tm_lower_keep(lowering, node->inputs[2], 0)
                                        : tm_lower_zeros(lowering, channels),
                    .zeros = tm_lower_zeros(lowering, channels),
                    .store = tm_store_of(lowering, &attrs->epilogue),
                    .kernel = tm_lower_kernels(lowering)->dwconv_f32};
    size_t scratch = taps * (size_t)node->shape.w * sizeof(float *);
    tm_lower_step(lowering, node, dw_run, dw_units, &args, sizeof args, scratch);
}
