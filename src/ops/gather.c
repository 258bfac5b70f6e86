/* SPDX-License-Identifier: Apache-2.0 */
/* Pixels of a map, and rows of a constant, in another order: windows, shifts, relative positions.
 */
#include <string.h>

#include "ops/rows.h"

/* The indices, checked and copied into the graph; NULL after an error. */
static const int *indices(tm_builder *b, int64_t count, const int *from, int64_t least,
                          int64_t limit)
{
    for (int64_t i = 0; i < count; i++)
        TM_EXPECT(b, from[i] >= least && from[i] < limit, "a pixel lies outside of its map");
    int *copy = tm_arena_alloc(&b->graph->arena, (size_t)count * sizeof *copy);
    if (copy)
        memcpy(copy, from, (size_t)count * sizeof *copy);
    else
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for the indices of a gather");
    return copy;
}

typedef struct gather_attrs {
    const int *from;
} gather_attrs;

/* ---- pixels ---- */

tm_node *tm_gather_pixels(tm_builder *b, tm_node *x, int h, int w, const int *from)
{
    gather_attrs attrs = {indices(b, (int64_t)h * w, from, -1, (int64_t)x->shape.h * x->shape.w)};
    return tm_activation(b, &tm_op_gather_pixels, tm_scoped(b, "gather"), &attrs, sizeof attrs, 1,
                         &x, (tm_shape){h, w, x->shape.c});
}

typedef struct gather_args {
    tm_rows rows;
    tm_tensor x, y;
    const int *from;
} gather_args;

static void gather_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const gather_args *args = step->args;
    tm_row_range range = tm_rows_at(args->rows, unit);
    const int *from = args->from + range.first;
    char *y = tm_row(run, &args->y, range);
    size_t size = tm_dtype_size(args->y.type), bytes = (size_t)args->x.c * size;
    for (size_t i = 0; i < range.count; i++, y += args->y.ld * size) {
        if (from[i] < 0)
            memset(y, 0, bytes);
        else
            memcpy(y, tm_tensor_at(run, &args->x, range.n, 0, from[i]), bytes);
    }
}

static void gather_lower(tm_lowering *lowering, const tm_node *node)
{
    gather_args args = {.x = tm_lower_input(lowering, node, 0),
                        .y = tm_lower_output(lowering, node),
                        .from = ((const gather_attrs *)node->attrs)->from};
    args.rows = tm_rows_of(&args.y);
    tm_lower_step(lowering, node, gather_run, tm_rows_step_units, &args, sizeof args, 0);
}

const tm_op tm_op_gather_pixels = {
    .name = "gather_pixels", .lower = gather_lower, .types = TM_TYPES_SAME};

/* ---- rows of a constant ---- */

tm_node *tm_const_gather(tm_builder *b, tm_node *x, int64_t count, const int *rows)
{
    TM_EXPECT(b, x->rank >= 1, "a constant has no rows");
    gather_attrs attrs = {indices(b, count, rows, 0, x->dims[0])};
    int64_t dims[TM_MAX_RANK];
    memcpy(dims, x->dims, sizeof dims);
    dims[0] = count;
    return tm_constant(b, &tm_op_const_gather, x->name, &attrs, sizeof attrs, 1, &x, x->rank, dims);
}

static bool const_gather_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                                  int64_t rows, float *out)
{
    const int *from = ((const gather_attrs *)node->attrs)->from;
    size_t count = (size_t)tm_row_elements(node);
    for (int64_t i = row; i < row + rows; i++, out += count)
        memcpy(out, inputs[0] + (size_t)from[i] * count, count * sizeof *out);
    return true;
}

const tm_op tm_op_const_gather = {.name = "const_gather", .evaluate = const_gather_evaluate};

/* ---- rows of a table of offsets ---- */

typedef struct offset_attrs {
    int h, w, first; /* first: tokens before the pixels, 1 or 0 */
} offset_attrs;

static int64_t offset_count(int h, int w)
{
    return (2 * (int64_t)h - 1) * (2 * (int64_t)w - 1);
}

tm_node *tm_const_offset_rows(tm_builder *b, tm_node *table, int h, int w, bool token)
{
    offset_attrs attrs = {h, w, token};
    int64_t tokens = token + (int64_t)h * w;
    TM_EXPECT(b, table->rank == 2 && table->dims[0] == offset_count(h, w) + (token ? 3 : 0),
              "a table of offsets has other rows than its window has offsets");
    int64_t dims[] = {tokens * tokens, table->dims[1]};
    return tm_constant(b, &tm_op_const_offset_rows, table->name, &attrs, sizeof attrs, 1, &table, 2,
                       dims);
}

static int64_t offset_row(const offset_attrs *o, int64_t i, int64_t j)
{
    int64_t behind = offset_count(o->h, o->w);
    if (i < o->first)
        return j < o->first ? behind + 2 : behind;
    if (j < o->first)
        return behind + 1;
    i -= o->first;
    j -= o->first;
    return (i / o->w - j / o->w + o->h - 1) * (2 * o->w - 1) + i % o->w - j % o->w + o->w - 1;
}

static bool const_offset_rows_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                                       int64_t rows, float *out)
{
    const offset_attrs *attrs = node->attrs;
    size_t count = (size_t)tm_row_elements(node);
    int64_t tokens = attrs->first + (int64_t)attrs->h * attrs->w;
    for (int64_t i = row; i < row + rows; i++, out += count)
        memcpy(out, inputs[0] + (size_t)offset_row(attrs, i / tokens, i % tokens) * count,
               count * sizeof *out);
    return true;
}

const tm_op tm_op_const_offset_rows = {.name = "const_offset_rows",
                                       .evaluate = const_offset_rows_evaluate};
