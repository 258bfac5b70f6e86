/* SPDX-License-Identifier: Apache-2.0 */
/* Addition, subtraction, multiplication and bounds with broadcasting, and x * a + b. */
#include <math.h>

#include "ops/rows.h"

static bool broadcasts(int large, int small)
{
    return small == large || small == 1;
}

static tm_node *binary(tm_builder *b, tm_binary_kind kind, tm_node *x, tm_node *y)
{
    tm_binary_attrs attrs = {kind};
    tm_shape s = y->constant ? tm_constant_shape(y) : y->shape;
    TM_EXPECT(b,
              broadcasts(x->shape.h, s.h) && broadcasts(x->shape.w, s.w) &&
                  broadcasts(x->shape.c, s.c),
              "two branches have different shapes");
    tm_node *inputs[] = {x, y};
    return tm_activation(b, &tm_op_binary, tm_scoped(b, NULL), &attrs, sizeof attrs, 2, inputs,
                         x->shape);
}

tm_node *tm_add(tm_builder *b, tm_node *x, tm_node *y)
{
    return binary(b, TM_BINARY_ADD, x, y);
}

tm_node *tm_sub(tm_builder *b, tm_node *x, tm_node *y)
{
    return binary(b, TM_BINARY_SUB, x, y);
}

tm_node *tm_mul(tm_builder *b, tm_node *x, tm_node *y)
{
    return binary(b, TM_BINARY_MUL, x, y);
}

tm_node *tm_max(tm_builder *b, tm_node *x, tm_node *y)
{
    return binary(b, TM_BINARY_MAX, x, y);
}

tm_node *tm_min(tm_builder *b, tm_node *x, tm_node *y)
{
    return binary(b, TM_BINARY_MIN, x, y);
}

typedef struct binary_args {
    tm_rows rows;
    tm_tensor x, y, out;
    tm_binary_kind kind;
    tm_binary_fn *kernel;
} binary_args;

/* Pixels [range] of x with y's matching ones, where y has one pixel or as many as x. */
static void run_rows(const tm_run_state *run, const binary_args *args, tm_row_range range)
{
    bool one_pixel = args->y.h * args->y.w == 1;
    const void *y = tm_tensor_at(run, &args->y, range.n, 0, one_pixel ? 0 : range.first);
    args->kernel(args->kind, range.count, (size_t)args->x.c, tm_row(run, &args->x, range),
                 args->x.ld, y, one_pixel ? 0 : args->y.ld, args->y.c != args->x.c,
                 tm_row(run, &args->out, range), args->out.ld);
}

static void binary_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const binary_args *args = step->args;
    tm_row_range range = tm_rows_at(args->rows, unit);
    int pixels = args->y.h * args->y.w;
    if (pixels == 1 || pixels == args->x.h * args->x.w) {
        run_rows(run, args, range);
        return;
    }
    /* y is a row or a column of pixels: one pixel at a time */
    for (size_t i = 0; i < range.count; i++) {
        int at = range.first + (int)i, py = at / args->x.w, px = at % args->x.w;
        const void *y =
            tm_tensor_at(run, &args->y, range.n, args->y.h == 1 ? 0 : py, args->y.w == 1 ? 0 : px);
        args->kernel(args->kind, 1, (size_t)args->x.c, tm_tensor_at(run, &args->x, range.n, py, px),
                     args->x.ld, y, 0, args->y.c != args->x.c,
                     tm_tensor_at(run, &args->out, range.n, py, px), args->out.ld);
    }
}

static void binary_lower(tm_lowering *lowering, const tm_node *node)
{
    binary_args args = {.x = tm_lower_input(lowering, node, 0),
                        .y = tm_lower_input(lowering, node, 1),
                        .out = tm_lower_output(lowering, node),
                        .kind = ((const tm_binary_attrs *)node->attrs)->kind,
                        .kernel = TM_LOWER_KERNEL(lowering, binary, node->type)};
    args.rows = tm_rows_of(&args.out);
    tm_lower_step(lowering, node, binary_run, tm_rows_step_units, &args, sizeof args, 0);
}

const tm_op tm_op_binary = {
    .name = "binary", .lower = binary_lower, .in_place = true, .types = TM_TYPES_SAME};

/* ---- x * mul + add ---- */

tm_node *tm_affine(tm_builder *b, tm_node *x, float mul, float add)
{
    tm_affine_attrs attrs = {mul, add};
    return tm_activation(b, &tm_op_affine, tm_scoped(b, NULL), &attrs, sizeof attrs, 1, &x,
                         x->shape);
}

typedef struct affine_args {
    tm_rows rows;
    tm_tensor x, y;
    const float *mul, *add;
    tm_affine_fn *kernel;
} affine_args;

static void affine_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const affine_args *args = step->args;
    tm_row_range range = tm_rows_at(args->rows, unit);
    args->kernel(range.count, (size_t)args->x.c, tm_row(run, &args->x, range), args->x.ld,
                 args->mul, args->add, -INFINITY, INFINITY, tm_row(run, &args->y, range),
                 args->y.ld);
}

void tm_lower_channel_affine(tm_lowering *lowering, const tm_node *node, const float *mul,
                             const float *add)
{
    affine_args args = {.x = tm_lower_input(lowering, node, 0),
                        .y = tm_lower_output(lowering, node),
                        .mul = mul,
                        .add = add,
                        .kernel = TM_LOWER_KERNEL(lowering, affine, node->type)};
    args.rows = tm_rows_of(&args.y);
    tm_lower_step(lowering, node, affine_run, tm_rows_step_units, &args, sizeof args, 0);
}

typedef struct filling {
    tm_affine_attrs affine;
    size_t c;
    float *out; /* mul, add */
} filling;

static void fill(tm_lowering *worker, const void *context)
{
    const filling *f = context;
    (void)worker;
    for (size_t i = 0; i < f->c; i++) {
        f->out[i] = f->affine.mul;
        f->out[f->c + i] = f->affine.add;
    }
}

static void affine_lower(tm_lowering *lowering, const tm_node *node)
{
    filling f = {.affine = *(const tm_affine_attrs *)node->attrs, .c = (size_t)node->shape.c};
    f.out = tm_lower_memory(lowering, 2 * f.c);
    if (!f.out)
        return;
    tm_lower_defer(lowering, fill, &f, sizeof f);
    tm_lower_channel_affine(lowering, node, f.out, f.out + f.c);
}

const tm_op tm_op_affine = {
    .name = "affine", .lower = affine_lower, .in_place = true, .types = TM_TYPES_SAME};
