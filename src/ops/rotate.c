/* SPDX-License-Identifier: Apache-2.0 */
/* Rotary positions: pairs of a head's channels turned by an angle of the token's own (2104.09864).
 */
#include <math.h>
#include <string.h>

#include "base/loops.h"
#include "ops/rows.h"

typedef struct rotate_attrs {
    int heads, first;
    bool half;
} rotate_attrs;

tm_node *tm_rotate(tm_builder *b, tm_node *x, tm_node *table, tm_rotation rotation)
{
    rotate_attrs attrs = {rotation.heads, rotation.first, rotation.half};
    int tokens = x->shape.w - rotation.first, head = x->shape.c / rotation.heads;
    TM_EXPECT(b,
              x->shape.h == 1 && head % 2 == 0 && table->rank == 2 && table->dims[1] == head &&
                  (table->dims[0] == tokens || table->dims[0] == (int64_t)rotation.heads * tokens),
              "rotary positions have another shape");
    tm_node *inputs[] = {x, table};
    return tm_activation(b, &tm_op_rotate, tm_scoped(b, "rotate"), &attrs, sizeof attrs, 2, inputs,
                         x->shape);
}

typedef struct rotate_args {
    tm_rows rows;
    tm_tensor x, y;
    rotate_attrs attrs;
    size_t head, between; /* channels of a head; rows of the table from head to head */
    const float *table;
} rotate_args;

/* sin and cos: head / 2 of each */
static void turn_half(size_t pairs, const float *x, const float *sin, const float *cos, float *y)
{
    TM_VECTOR_LOOP for (size_t j = 0; j < pairs; j++)
    {
        float a = x[j], c = x[pairs + j];
        y[j] = a * cos[j] - c * sin[j];
        y[pairs + j] = c * cos[j] + a * sin[j];
    }
}

static void turn_neighbours(size_t pairs, const float *x, const float *sin, const float *cos,
                            float *y)
{
    TM_VECTOR_LOOP for (size_t j = 0; j < pairs; j++)
    {
        float a = x[2 * j], c = x[2 * j + 1];
        y[2 * j] = a * cos[j] - c * sin[j];
        y[2 * j + 1] = c * cos[j] + a * sin[j];
    }
}

static void rotate_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const rotate_args *args = step->args;
    tm_row_range range = tm_rows_at(args->rows, unit);
    const float *x = tm_row(run, &args->x, range);
    float *y = tm_row(run, &args->y, range);
    size_t pairs = args->head / 2;
    for (size_t i = 0; i < range.count; i++, x += args->x.ld, y += args->y.ld) {
        int token = range.first + (int)i - args->attrs.first;
        const float *row = args->table + (size_t)(token < 0 ? 0 : token) * args->head;
        for (int h = 0; h < args->attrs.heads && token >= 0; h++) {
            size_t at = (size_t)h * args->head;
            const float *sin = row + (size_t)h * args->between * args->head;
            (args->attrs.half ? turn_half : turn_neighbours)(pairs, x + at, sin, sin + pairs,
                                                             y + at);
        }
        if (token < 0)
            memcpy(y, x, (size_t)args->x.c * sizeof *y);
    }
}

static void rotate_lower(tm_lowering *lowering, const tm_node *node)
{
    const rotate_attrs *attrs = node->attrs;
    rotate_args args = {.x = tm_lower_input(lowering, node, 0),
                        .y = tm_lower_output(lowering, node),
                        .attrs = *attrs,
                        .head = (size_t)(node->shape.c / attrs->heads),
                        .table = tm_lower_keep(lowering, node->inputs[1])};
    int tokens = node->shape.w - attrs->first;
    args.between = node->inputs[1]->dims[0] == tokens ? 0 : (size_t)tokens;
    args.rows = tm_rows_of(&args.y);
    tm_lower_step(lowering, node, rotate_run, tm_rows_step_units, &args, sizeof args, 0);
}

const tm_op tm_op_rotate = {.name = "rotate", .lower = rotate_lower};

/* ---- tables of learned frequencies ---- */

typedef struct mixed_attrs {
    int block, h, w;
} mixed_attrs;

tm_node *tm_const_mixed_rotation(tm_builder *b, tm_node *freqs, int block, int h, int w)
{
    mixed_attrs attrs = {block, h, w};
    int64_t pairs = freqs->dims[3], heads = freqs->dims[2];
    return tm_constant(b, &tm_op_const_mixed_rotation, freqs->name, &attrs, sizeof attrs, 1, &freqs,
                       2, (int64_t[]){heads * h * w, 2 * pairs});
}

/* in float32, as timm has it: freqs [2][depth][heads][pairs] */
static bool mixed_evaluate(const tm_node *node, const float *const *inputs, int64_t row,
                           int64_t rows, float *out)
{
    (void)row, (void)rows;
    const mixed_attrs *a = node->attrs;
    const int64_t *dims = node->inputs[0]->dims;
    size_t heads = (size_t)dims[2], pairs = (size_t)dims[3], axis = (size_t)dims[1] * heads * pairs;
    for (size_t h = 0; h < heads; h++)
        for (int p = 0; p < a->h * a->w; p++, out += 2 * pairs) {
            const float *fx = inputs[0] + ((size_t)a->block * heads + h) * pairs, *fy = fx + axis;
            for (size_t i = 0; i < pairs; i++) {
                float angle = (float)(p % a->w) * fx[i];
                angle += (float)(p / a->w) * fy[i];
                out[i] = (float)sin(angle);
                out[pairs + i] = (float)cos(angle);
            }
        }
    return true;
}

const tm_op tm_op_const_mixed_rotation = {.name = "const_mixed_rotation",
                                          .evaluate = mixed_evaluate};
