/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products of two activations, one unit per block of the result's columns. */
#include "ops/ops.h"
#include "products/dense.h"

enum { COLUMN_BLOCK = 8 * TM_PANEL };

tm_node *tm_matmul(tm_builder *b, tm_node *x, tm_node *y)
{
    TM_EXPECT(b, x->shape.c == y->shape.w && (x->shape.h == y->shape.h || x->shape.h == 1),
              "two matrices have different inner sizes");
    tm_node *inputs[] = {x, y};
    return tm_activation(b, &tm_op_matmul, tm_scoped(b, "matmul"), NULL, 0, 2, inputs,
                         (tm_shape){y->shape.h, x->shape.w, y->shape.c});
}

typedef struct matmul_args {
    tm_tensor x, y, out;
    int blocks; /* of columns */
    tm_multiplier multiplier;
    size_t panels_bytes;
} matmul_args;

static int matmul_units(const tm_step *step, int batch)
{
    const matmul_args *args = step->args;
    return batch * args->out.h * args->blocks;
}

/* scratch: the panels of a block of columns, then the multiplier's room */
static void matmul_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const matmul_args *args = step->args;
    const tm_multiplier *m = &args->multiplier;
    size_t first = (size_t)(unit % args->blocks) * COLUMN_BLOCK, left = (size_t)args->out.c - first;
    int row = unit / args->blocks % args->out.h, n = unit / args->blocks / args->out.h;
    tm_dense d = {.ld = args->x.ld,
                  .k = (size_t)args->x.c,
                  .n = left < COLUMN_BLOCK ? left : COLUMN_BLOCK,
                  .panels = run->scratch,
                  .c_ld = args->out.ld,
                  .room = (char *)run->scratch + args->panels_bytes};
    tm_dense_pack(m, tm_tensor_channel(run, &args->y, n, row, 0, first), args->y.ld, d.k, d.n,
                  run->scratch);
    for (int i = 0; i < args->x.w; i += m->kind->rows) {
        d.count = (size_t)(args->x.w - i < m->kind->rows ? args->x.w - i : m->kind->rows);
        d.x = tm_tensor_at(run, &args->x, n, args->x.h == 1 ? 0 : row, i);
        d.c = tm_tensor_channel(run, &args->out, n, row, i, first);
        m->kind->multiply(m, &d);
    }
}

static void matmul_lower(tm_lowering *lowering, const tm_node *node)
{
    matmul_args args = {.x = tm_lower_input(lowering, node, 0),
                        .y = tm_lower_input(lowering, node, 1),
                        .out = tm_lower_output(lowering, node),
                        .multiplier = tm_multiplier_f32(lowering)};
    size_t k = (size_t)args.x.c;
    args.blocks = (args.out.c + COLUMN_BLOCK - 1) / COLUMN_BLOCK;
    args.panels_bytes = tm_dense_panels_bytes(&args.multiplier, k, COLUMN_BLOCK);
    tm_lower_step(lowering, node, matmul_run, matmul_units, &args, sizeof args,
                  args.panels_bytes + args.multiplier.kind->room_bytes(&args.multiplier, k));
}

static double matmul_macs(const tm_node *node)
{
    double result = (double)node->shape.h * node->shape.w * node->shape.c;
    return result * node->inputs[0]->shape.c;
}

const tm_op tm_op_matmul = {.name = "matmul", .lower = matmul_lower, .macs = matmul_macs};
