/* SPDX-License-Identifier: Apache-2.0 */
/* An activation in numbers of another type. */
#include "ops/rows.h"

tm_node *tm_convert(tm_builder *b, tm_node *x, tm_dtype type)
{
    tm_node *node = tm_activation(b, &tm_op_convert, x->name, NULL, 0, 1, &x, x->shape);
    node->type = type;
    return node;
}

typedef struct convert_args {
    tm_rows rows;
    tm_tensor x, y;
    tm_convert_rows_fn *kernel;
} convert_args;

static void convert_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const convert_args *args = step->args;
    tm_row_range range = tm_rows_at(args->rows, unit);
    args->kernel(range.count, (size_t)args->x.c, tm_row(run, &args->x, range), args->x.ld,
                 tm_row(run, &args->y, range), args->y.ld);
}

static void convert_lower(tm_lowering *lowering, const tm_node *node)
{
    const tm_kernels *kernels = tm_lower_kernels(lowering);
    convert_args args = {.x = tm_lower_input(lowering, node, 0),
                         .y = tm_lower_output(lowering, node),
                         .kernel = node->type == TM_DTYPE_BF16 ? kernels->bf16_of_f32
                                                               : kernels->f32_of_bf16};
    args.rows = tm_rows_of(&args.y);
    tm_lower_step(lowering, node, convert_run, tm_rows_step_units, &args, sizeof args, 0);
}

const tm_op tm_op_convert = {.name = "convert", .lower = convert_lower, .types = TM_TYPES_ANY};
