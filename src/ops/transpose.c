/* SPDX-License-Identifier: Apache-2.0 */
/* Pixels become channels: every row of a map, transposed, one unit per block of its new pixels. */
#include "ops/ops.h"
#include "steps/lower.h"

/* TILE x TILE numbers are moved at a time, so that neither side leaves the first cache. */
enum { TILE = 16, UNIT_NUMBERS = 16 * 1024 };

tm_node *tm_transpose(tm_builder *b, tm_node *x)
{
    return tm_activation(b, &tm_op_transpose, tm_scoped(b, "transpose"), NULL, 0, 1, &x,
                         (tm_shape){x->shape.h, x->shape.c, x->shape.w});
}

typedef struct transpose_args {
    tm_tensor x, y;
    int block, blocks; /* pixels of the result in a unit; units of a row */
} transpose_args;

static int transpose_units(const tm_step *step, int batch)
{
    const transpose_args *args = step->args;
    return batch * args->y.h * args->blocks;
}

/* to[i][j] = from[j][i] for i < rows, j < columns */
static void transpose_f32(const float *from, size_t from_ld, float *to, size_t to_ld, int rows,
                          int columns)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
            to[(size_t)i * to_ld + (size_t)j] = from[(size_t)j * from_ld + (size_t)i];
}

static void transpose_bf16(const uint16_t *from, size_t from_ld, uint16_t *to, size_t to_ld,
                           int rows, int columns)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
            to[(size_t)i * to_ld + (size_t)j] = from[(size_t)j * from_ld + (size_t)i];
}

static void transpose_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const transpose_args *args = step->args;
    int block = unit % args->blocks, row = unit / args->blocks % args->y.h;
    int n = unit / args->blocks / args->y.h, first = block * args->block;
    int end = tm_least(first + args->block, args->y.w);
    for (int i = first; i < end; i += TILE)
        for (int j = 0; j < args->y.c; j += TILE) {
            int rows = tm_least(TILE, end - i), columns = tm_least(TILE, args->y.c - j);
            const void *from = tm_tensor_channel(run, &args->x, n, row, j, (size_t)i);
            void *to = tm_tensor_channel(run, &args->y, n, row, i, (size_t)j);
            if (args->y.type == TM_DTYPE_BF16)
                transpose_bf16(from, args->x.ld, to, args->y.ld, rows, columns);
            else
                transpose_f32(from, args->x.ld, to, args->y.ld, rows, columns);
        }
}

static void transpose_lower(tm_lowering *lowering, const tm_node *node)
{
    transpose_args args = {.x = tm_lower_input(lowering, node, 0),
                           .y = tm_lower_output(lowering, node)};
    args.block = tm_ceil_div(tm_ceil_div(UNIT_NUMBERS, args.y.c), TILE) * TILE;
    args.blocks = tm_ceil_div(args.y.w, args.block);
    tm_lower_step(lowering, node, transpose_run, transpose_units, &args, sizeof args, 0);
}

const tm_op tm_op_transpose = {
    .name = "transpose", .lower = transpose_lower, .types = TM_TYPES_SAME};
