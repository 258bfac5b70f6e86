/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products of two activations, one unit per block of the result's columns. */
#include "ops/panels.h"

enum { ROW_BLOCK = 48, COLUMN_BLOCK = 8 * TM_PANEL };

tm_node *tm_matmul(tm_builder *b, tm_node *x, tm_node *y)
{
    TM_ASSERT(b->graph->error.status ||
              (x->shape.c == y->shape.w && (x->shape.h == y->shape.h || x->shape.h == 1)));
    tm_node *inputs[] = {x, y};
    return tm_activation(b, &tm_op_matmul, tm_scoped(b, "matmul"), NULL, 0, 2, inputs,
                         (tm_shape){y->shape.h, x->shape.w, y->shape.c});
}

typedef struct matmul_args {
    tm_tensor x, y, out;
    int blocks; /* of columns */
    const float *zeros;
    const tm_kernels *kernels;
} matmul_args;

static int matmul_units(const tm_step *step, int batch)
{
    const matmul_args *args = step->args;
    return batch * args->out.h * args->blocks;
}

static void matmul_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const matmul_args *args = step->args;
    size_t first = (size_t)(unit % args->blocks) * COLUMN_BLOCK, left = (size_t)args->out.c - first;
    int row = unit / args->blocks % args->out.h, n = unit / args->blocks / args->out.h;
    const float *rows[ROW_BLOCK + TM_MAX_ROWS];
    tm_product p = {.rows = rows,
                    .kc = (size_t)args->x.c,
                    .panels = run->scratch,
                    .n = left < COLUMN_BLOCK ? left : COLUMN_BLOCK,
                    .c_ld = args->out.ld};
    tm_pack_rows(tm_tensor_at(run, &args->y, n, row, 0) + first, args->y.ld, p.kc, p.n,
                 run->scratch);
    for (int i = 0; i < args->x.w; i += ROW_BLOCK) {
        p.count = (size_t)(args->x.w - i < ROW_BLOCK ? args->x.w - i : ROW_BLOCK);
        p.c = tm_tensor_at(run, &args->out, n, row, i) + first;
        tm_point_rows(rows, tm_tensor_at(run, &args->x, n, args->x.h == 1 ? 0 : row, i), p.count,
                      args->x.ld);
        tm_run_product(args->kernels, args->zeros, &p);
    }
}

static void matmul_lower(tm_lowering *lowering, const tm_node *node)
{
    matmul_args args = {.x = tm_lower_input(lowering, node, 0),
                        .y = tm_lower_input(lowering, node, 1),
                        .out = tm_lower_output(lowering, node),
                        .zeros = tm_lower_zeros(lowering, TM_PANEL * TM_MAX_PANELS),
                        .kernels = tm_lower_kernels(lowering)};
    args.blocks = (args.out.c + COLUMN_BLOCK - 1) / COLUMN_BLOCK;
    tm_lower_step(lowering, node, matmul_run, matmul_units, &args, sizeof args,
                  (size_t)args.x.c * COLUMN_BLOCK * sizeof(float));
}

static double matmul_macs(const tm_node *node)
{
    double result = (double)node->shape.h * node->shape.w * node->shape.c;
    return result * node->inputs[0]->shape.c;
}

const tm_op tm_op_matmul = {.name = "matmul", .lower = matmul_lower, .macs = matmul_macs};
