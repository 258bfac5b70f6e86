/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of a convolution in bfloat16 parts: panels of parts, or of float32 where there are three,
 * which are split when they are used. */
#include <string.h>

#include "ops/conv2d_split.h"

typedef struct pack_args {
    const tm_node *weight, *bias; /* bias NULL: none */
    int parts, groups, outputs, panels, taps, kc;
    size_t steps;
    tm_bf16 *weights; /* one of these, as in tm_split_args */
    float *whole;
    float *biases;
    const tm_kernels *f32;
    const tm_split_kernels *kernels;
} pack_args;

/* Panel p of all groups; panel: room for one in float32. */
static void pack_panel(const pack_args *args, const float *values, size_t rows, size_t p,
                       float *panel)
{
    size_t taps = (size_t)args->taps, kc = (size_t)args->kc, k = taps * kc;
    size_t padded = args->steps * TM_SPLIT_K;
    tm_bf16 *out = args->weights + p * padded * (size_t)args->parts * TM_PANEL;
    if (args->whole) {
        panel = args->whole + p * padded * TM_PANEL;
        memset(panel + k * TM_PANEL, 0, (padded - k) * TM_PANEL * sizeof *panel);
    } else if (taps == 1) {
        args->kernels->panel_t(args->parts, kc, (int)rows, values, kc, out);
        return;
    }
    tm_pack_taps(args->f32, values, rows, kc, taps, panel);
    if (!args->whole)
        args->kernels->panel(args->parts, k, TM_PANEL, panel, TM_PANEL, out);
}

/* weight [O][I / groups][taps], some rows at a time */
static void pack_weights(tm_lowering *worker, const pack_args *args, float *panel)
{
    size_t row = (size_t)args->taps * (size_t)args->kc, p = 0;
    int64_t part = tm_lower_rows_at_once(args->weight, TM_PANEL), outputs = args->outputs;
    for (int64_t first = 0, count; first < args->groups * outputs; first += count) {
        int64_t left = outputs - first % outputs;
        count = left < part ? left : part;
        const float *values = tm_lower_constant_rows(worker, args->weight, first, count);
        if (!values)
            return;
        for (int64_t i = 0; i < count; i += TM_PANEL) {
            int64_t rows = count - i < TM_PANEL ? count - i : TM_PANEL;
            pack_panel(args, values + (size_t)i * row, (size_t)rows, p++, panel);
        }
        tm_lower_release(worker, values);
    }
    tm_lower_done(worker, args->weight);
}

static void pack(tm_lowering *worker, const void *context)
{
    const pack_args *args = context;
    float *panel = tm_lower_temporary(worker, (size_t)args->taps * (size_t)args->kc * TM_PANEL);
    if (panel)
        pack_weights(worker, args, panel);
    tm_lower_release(worker, panel);
    tm_pack_bias(worker, args->bias, args->groups, args->outputs, (size_t)args->panels * TM_PANEL,
                 args->biases);
}

void tm_split_defer_packing(tm_lowering *lowering, const tm_node *node, tm_split_args *args)
{
    size_t panels = (size_t)args->conv.groups * (size_t)args->panels;
    size_t inputs = panels * args->steps * TM_SPLIT_K * TM_PANEL;
    pack_args packing = {.weight = node->inputs[1],
                         .bias = args->conv.bias ? node->inputs[2] : NULL,
                         .parts = args->parts,
                         .groups = args->conv.groups,
                         .outputs = args->outputs,
                         .panels = args->panels,
                         .taps = args->taps,
                         .kc = args->kc,
                         .steps = args->steps,
                         .f32 = tm_lower_kernels(lowering),
                         .kernels = args->kernels};
    if (args->parts == TM_SPLIT_PARTS)
        packing.whole = tm_lower_memory(lowering, inputs);
    else
        packing.weights =
            (tm_bf16 *)(void *)tm_lower_memory(lowering, inputs * (size_t)args->parts / 2);
    args->weights = packing.weights;
    args->whole = packing.whole;
    args->bias = packing.bias ? (packing.biases = tm_lower_memory(lowering, panels * TM_PANEL))
                              : tm_lower_zeros(lowering, panels * TM_PANEL);
    tm_lower_defer(lowering, pack, &packing, sizeof packing);
}
