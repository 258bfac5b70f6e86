/* SPDX-License-Identifier: Apache-2.0 */
/* Long short-term memory along the rows of a map. A unit takes some rows of a picture, and all of
 * them one pixel further at a time. */
#include <string.h>

#include "ops/ops.h"
#include "products/dense.h"

enum { GATES = 4 /* input, forget, cell, output */ };

typedef struct lstm_attrs {
    bool backward;
} lstm_attrs;

tm_node *tm_lstm(tm_builder *b, tm_node *x, tm_node *weight, bool backward)
{
    lstm_attrs attrs = {backward};
    int h = x->shape.c / GATES;
    TM_EXPECT(b,
              x->shape.c % GATES == 0 && weight->rank == 2 && weight->dims[0] == x->shape.c &&
                  weight->dims[1] == h,
              "the weights of a recurrent layer have another shape");
    tm_node *inputs[] = {x, weight};
    return tm_activation(b, &tm_op_lstm, tm_scoped(b, "lstm"), &attrs, sizeof attrs, 2, inputs,
                         (tm_shape){x->shape.h, x->shape.w, h});
}

typedef struct lstm_args {
    tm_tensor x, y;
    bool backward;
    int share;                                                 /* rows of a unit */
    const float *weight;                                       /* [4 * h][h] */
    size_t panels_bytes, room_bytes, gates_bytes, cells_bytes; /* of a unit's scratch */
    tm_multiplier multiplier;
    const tm_kernels *kernels;
} lstm_args;

/* A thread's scratch. */
typedef struct lstm_scratch {
    void *panels, *room;  /* the weight, the multiplier's room */
    float *gates, *cells; /* 4 * h and h of each row */
} lstm_scratch;

/* Rows of picture n that a unit computes. */
typedef struct lstm_place {
    int n, row;
    size_t count;
} lstm_place;

static int lstm_units(const tm_step *step, int batch)
{
    const lstm_args *args = step->args;
    return batch * tm_ceil_div(args->y.h, args->share);
}

static lstm_scratch scratch_of(const lstm_args *args, char *scratch)
{
    char *room = scratch + args->panels_bytes, *gates = room + args->room_bytes;
    return (lstm_scratch){.panels = scratch,
                          .room = room,
                          .gates = (float *)(void *)gates,
                          .cells = (float *)(void *)(gates + args->gates_bytes)};
}

/* The gates of pixel t: what the input gives, and the weight's product with the states of the pixel
 * `before`; -1: there is none, and they were zeros. */
static void compute_gates(const lstm_args *args, const tm_run_state *run, lstm_place at, int t,
                          int before, const lstm_scratch *s)
{
    size_t all = (size_t)args->x.c, h = all / GATES, x_ld = (size_t)args->x.w * args->x.ld;
    const float *x = tm_tensor_at(run, &args->x, at.n, at.row, t);
    for (size_t i = 0; i < at.count && before < 0; i++)
        memcpy(s->gates + i * all, x + i * x_ld, all * sizeof *x);
    if (before < 0)
        return;
    tm_dense d = {.x = tm_tensor_at(run, &args->y, at.n, at.row, before),
                  .ld = (size_t)args->y.w * args->y.ld,
                  .count = at.count,
                  .k = h,
                  .n = all,
                  .panels = s->panels,
                  .c = s->gates,
                  .c_ld = all,
                  .room = s->room};
    args->multiplier.kind->multiply(&args->multiplier, &d);
    args->kernels->binary_f32(TM_BINARY_ADD, at.count, all, s->gates, all, x, x_ld, false, s->gates,
                              all);
}

/* cells = forget * cells + input * tanh(cell), states = output * tanh(cells) */
static void update(const lstm_args *args, lstm_place at, const lstm_scratch *s, float *states)
{
    const tm_kernels *kernels = args->kernels;
    size_t all = (size_t)args->x.c, h = all / GATES, ld = (size_t)args->y.w * args->y.ld;
    float *in = s->gates, *forget = in + h, *cell = forget + h, *out = cell + h;
    kernels->act_f32(TM_ACT_SIGMOID, 0.0f, at.count, 2 * h, in, all, in, all);
    kernels->act_f32(TM_ACT_TANH, 0.0f, at.count, h, cell, all, cell, all);
    kernels->act_f32(TM_ACT_SIGMOID, 0.0f, at.count, h, out, all, out, all);
    kernels->binary_f32(TM_BINARY_MUL, at.count, h, in, all, cell, all, false, in, all);
    kernels->binary_f32(TM_BINARY_MUL, at.count, h, s->cells, h, forget, all, false, s->cells, h);
    kernels->binary_f32(TM_BINARY_ADD, at.count, h, s->cells, h, in, all, false, s->cells, h);
    kernels->act_f32(TM_ACT_TANH, 0.0f, at.count, h, s->cells, h, cell, all);
    kernels->binary_f32(TM_BINARY_MUL, at.count, h, out, all, cell, all, false, states, ld);
}

static void lstm_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const lstm_args *args = step->args;
    int shares = tm_ceil_div(args->y.h, args->share), row = unit % shares * args->share;
    lstm_place at = {unit / shares, row, (size_t)tm_least(args->share, args->y.h - row)};
    lstm_scratch s = scratch_of(args, run->scratch);
    size_t h = (size_t)args->y.c;
    tm_dense_pack_t(&args->multiplier, args->weight, h, h, GATES * h, s.panels);
    memset(s.cells, 0, args->cells_bytes);
    for (int i = 0, before = -1; i < args->y.w; i++) {
        int t = args->backward ? args->y.w - 1 - i : i;
        compute_gates(args, run, at, t, before, &s);
        update(args, at, &s, tm_tensor_at(run, &args->y, at.n, row, t));
        before = t;
    }
}

static void lstm_lower(tm_lowering *lowering, const tm_node *node)
{
    lstm_args args = {.x = tm_lower_input(lowering, node, 0),
                      .y = tm_lower_output(lowering, node),
                      .backward = ((const lstm_attrs *)node->attrs)->backward,
                      .weight = tm_lower_keep(lowering, node->inputs[1]),
                      .multiplier = tm_multiplier_f32(lowering),
                      .kernels = tm_lower_kernels(lowering)};
    const tm_multiplier *m = &args.multiplier;
    size_t h = (size_t)args.y.c;
    /* the weight is packed for every share of a picture's rows */
    args.share = tm_least(tm_ceil_div(args.y.h, tm_lower_threads(lowering)), m->kind->rows);
    size_t rows = (size_t)args.share;
    args.panels_bytes = tm_dense_panels_bytes(m, h, GATES * h);
    args.room_bytes = m->kind->room_bytes(m, h);
    args.gates_bytes = rows * GATES * h * sizeof(float);
    args.cells_bytes = rows * h * sizeof(float);
    tm_lower_step(lowering, node, lstm_run, lstm_units, &args, sizeof args,
                  args.panels_bytes + args.room_bytes + args.gates_bytes + args.cells_bytes);
}

static double lstm_macs(const tm_node *node)
{
    return (double)node->shape.h * node->shape.w * node->shape.c * node->inputs[0]->shape.c;
}

const tm_op tm_op_lstm = {.name = "lstm", .lower = lstm_lower, .macs = lstm_macs};
