/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that move or rename pixels and channels without arithmetic. */
#include <string.h>

#include "ops/ops.h"
#include "steps/lower.h"

/* ---- views ---- */

tm_node *tm_reshape(tm_builder *b, tm_node *x, int h, int w, int c)
{
    TM_EXPECT(b, (int64_t)h * w * c == (int64_t)x->shape.h * x->shape.w * x->shape.c,
              "a map has another number of elements");
    return tm_activation(b, &tm_op_reshape, x->name, NULL, 0, 1, &x, (tm_shape){h, w, c});
}

static void reshape_offset(const tm_node *node, int *channel, int *token)
{
    (void)node;
    *channel = *token = 0;
}

tm_node *tm_slice_c(tm_builder *b, tm_node *x, int begin, int count)
{
    TM_EXPECT(b, begin >= 0 && begin + count <= x->shape.c,
              "a slice has more channels than there are");
    tm_slice_attrs attrs = {begin};
    tm_shape shape = {x->shape.h, x->shape.w, count};
    return tm_activation(b, &tm_op_slice_c, x->name, &attrs, sizeof attrs, 1, &x, shape);
}

static void slice_c_offset(const tm_node *node, int *channel, int *token)
{
    *channel = ((const tm_slice_attrs *)node->attrs)->begin;
    *token = 0;
}

const tm_op tm_op_slice_c = {.name = "slice_c", .view = true, .view_offset = slice_c_offset};

tm_node *tm_slice_w(tm_builder *b, tm_node *x, int begin, int count)
{
    TM_EXPECT(b, x->shape.h == 1 && begin >= 0 && begin + count <= x->shape.w,
              "a slice has more tokens than there are");
    tm_slice_attrs attrs = {begin};
    return tm_activation(b, &tm_op_slice_w, x->name, &attrs, sizeof attrs, 1, &x,
                         (tm_shape){1, count, x->shape.c});
}

static void slice_w_offset(const tm_node *node, int *channel, int *token)
{
    *channel = 0;
    *token = ((const tm_slice_attrs *)node->attrs)->begin;
}

const tm_op tm_op_slice_w = {.name = "slice_w", .view = true, .view_offset = slice_w_offset};

/* ---- copies: one unit copies one row of pixels of one picture ---- */

typedef struct copy_args {
    tm_tensor from, to;
    int top, left; /* where from begins in to */
    int height;    /* rows of to that this step writes */
    tm_pad_mode mode;
} copy_args;

static int copy_units(const tm_step *step, int batch)
{
    return batch * ((const copy_args *)step->args)->height;
}

/* to[y][x] = from[y - top][x - left] over from's own extent */
static void copy_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const copy_args *args = step->args;
    int n = unit / args->height, y = unit % args->height;
    size_t size = tm_dtype_size(args->to.type);
    char *to = tm_tensor_at(run, &args->to, n, y + args->top, args->left);
    const char *from = tm_tensor_at(run, &args->from, n, y, 0);
    for (int x = 0; x < args->from.w; x++, to += args->to.ld * size, from += args->from.ld * size)
        memcpy(to, from, (size_t)args->from.c * size);
}

/* Only where the input's memory has gaps: its pixels one after another, read as another shape. */
static void reshape_lower(tm_lowering *lowering, const tm_node *node)
{
    tm_tensor from = tm_lower_input(lowering, node, 0), to = tm_lower_output(lowering, node);
    to.h = from.h;
    to.w = from.w;
    to.c = from.c;
    to.ld = (size_t)from.c;
    copy_args args = {.from = from, .to = to, .height = from.h};
    tm_lower_step(lowering, node, copy_run, copy_units, &args, sizeof args, 0);
}

const tm_op tm_op_reshape = {.name = "reshape",
                             .view = true,
                             .regroups = true,
                             .view_offset = reshape_offset,
                             .lower = reshape_lower};

/* Copies the parts that the plan could not place in the result's memory. */
static void concat_lower(tm_lowering *lowering, const tm_node *node)
{
    tm_tensor out = tm_lower_output(lowering, node);
    for (int i = 0; i < node->input_count; i++) {
        int channel, token;
        node->op->part_offset(node, i, &channel, &token);
        tm_tensor from = tm_lower_input(lowering, node, i);
        tm_tensor to = out;
        to.offset += ((size_t)channel + (size_t)token * out.ld) * tm_dtype_size(out.type);
        if (tm_tensor_same_place(&to, &from))
            continue;
        copy_args args = {.from = from, .to = to, .height = from.h};
        tm_lower_step(lowering, node, copy_run, copy_units, &args, sizeof args, 0);
    }
}

static tm_node *concat(tm_builder *b, const tm_op *op, int count, tm_node *const *xs,
                       tm_shape shape)
{
    return tm_activation(b, op, tm_scoped(b, "cat"), NULL, 0, count, xs, shape);
}

tm_node *tm_concat_c(tm_builder *b, int count, tm_node *const *xs)
{
    tm_shape shape = xs[0]->shape;
    for (int i = 1; i < count; i++) {
        TM_EXPECT(b, xs[i]->shape.h == shape.h && xs[i]->shape.w == shape.w,
                  "branches of other sizes are joined");
        shape.c += xs[i]->shape.c;
    }
    return concat(b, &tm_op_concat_c, count, xs, shape);
}

static void concat_c_part(const tm_node *node, int input, int *channel, int *token)
{
    *channel = *token = 0;
    for (int i = 0; i < input; i++)
        *channel += node->inputs[i]->shape.c;
}

const tm_op tm_op_concat_c = {.name = "concat_c",
                              .lower = concat_lower,
                              .part_offset = concat_c_part,
                              .types = TM_TYPES_SAME};

static tm_shape operand_shape(const tm_node *x)
{
    return x->constant ? tm_constant_shape(x) : x->shape;
}

tm_node *tm_concat_w(tm_builder *b, int count, tm_node *const *xs)
{
    tm_shape shape = {1, 0, operand_shape(xs[0]).c};
    for (int i = 0; i < count; i++) {
        tm_shape part = operand_shape(xs[i]);
        TM_EXPECT(b, part.h == 1 && part.c == shape.c, "tokens of other widths are joined");
        shape.w += part.w;
    }
    return concat(b, &tm_op_concat_w, count, xs, shape);
}

static void concat_w_part(const tm_node *node, int input, int *channel, int *token)
{
    *channel = *token = 0;
    for (int i = 0; i < input; i++)
        *token += operand_shape(node->inputs[i]).w;
}

const tm_op tm_op_concat_w = {.name = "concat_w",
                              .lower = concat_lower,
                              .part_offset = concat_w_part,
                              .types = TM_TYPES_SAME};

/* ---- a constant as an activation ---- */

tm_node *tm_constant_activation(tm_builder *b, tm_node *constant, int h, int w, int c)
{
    TM_EXPECT(b, tm_element_count(constant) == (int64_t)h * w * c,
              "a constant has another number of elements");
    return tm_activation(b, &tm_op_constant_activation, constant->name, NULL, 0, 1, &constant,
                         (tm_shape){h, w, c});
}

static void constant_activation_lower(tm_lowering *lowering, const tm_node *node)
{
    tm_tensor from = tm_lower_input(lowering, node, 0), to = tm_lower_output(lowering, node);
    from.h = to.h;
    from.w = to.w;
    from.c = to.c;
    from.ld = (size_t)to.c;
    copy_args args = {.from = from, .to = to, .height = to.h};
    tm_lower_step(lowering, node, copy_run, copy_units, &args, sizeof args, 0);
}

const tm_op tm_op_constant_activation = {.name = "constant_activation",
                                         .lower = constant_activation_lower};

/* ---- padding ---- */

typedef struct pad_attrs {
    int top, left;
    tm_pad_mode mode;
} pad_attrs;

tm_node *tm_pad2d(tm_builder *b, tm_node *x, int top, int bottom, int left, int right,
                  tm_pad_mode mode)
{
    pad_attrs attrs = {top, left, mode};
    tm_shape shape = {x->shape.h + top + bottom, x->shape.w + left + right, x->shape.c};
    if (mode == TM_PAD_REFLECT &&
        (top >= x->shape.h || bottom >= x->shape.h || left >= x->shape.w || right >= x->shape.w))
        tm_fail(&b->graph->error, TM_SHAPE, "%s: a map of %dx%d pixels is too small to reflect",
                x->name, x->shape.h, x->shape.w);
    return tm_activation(b, &tm_op_pad2d, tm_scoped(b, "pad"), &attrs, sizeof attrs, 1, &x, shape);
}

/* -1, -2, ... and size, size + 1, ... mirrored at the edge pixel */
static int reflect(int i, int size)
{
    return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
}

static void pad_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const copy_args *args = step->args;
    int n = unit / args->height, y = unit % args->height, from_y = y - args->top;
    size_t bytes = (size_t)args->from.c * sizeof(float);
    for (int x = 0; x < args->to.w; x++) {
        float *to = tm_tensor_at(run, &args->to, n, y, x);
        int sy = from_y, sx = x - args->left;
        if (args->mode == TM_PAD_REFLECT) {
            sy = reflect(sy, args->from.h);
            sx = reflect(sx, args->from.w);
        }
        if (sy < 0 || sy >= args->from.h || sx < 0 || sx >= args->from.w)
            memset(to, 0, bytes);
        else
            memcpy(to, tm_tensor_at(run, &args->from, n, sy, sx), bytes);
    }
}

static void pad_lower(tm_lowering *lowering, const tm_node *node)
{
    const pad_attrs *attrs = node->attrs;
    copy_args args = {.from = tm_lower_input(lowering, node, 0),
                      .to = tm_lower_output(lowering, node),
                      .top = attrs->top,
                      .left = attrs->left,
                      .mode = attrs->mode};
    args.height = args.to.h;
    tm_lower_step(lowering, node, pad_run, copy_units, &args, sizeof args, 0);
}

const tm_op tm_op_pad2d = {.name = "pad2d", .lower = pad_lower, .types = TM_TYPES_SAME};

/* ---- space to depth ---- */

typedef struct depth_attrs {
    int size;
} depth_attrs;

tm_node *tm_space_to_depth(tm_builder *b, tm_node *x, int size)
{
    depth_attrs attrs = {size};
    tm_shape shape = {x->shape.h / size, x->shape.w / size, x->shape.c * size * size};
    return tm_activation(b, &tm_op_space_to_depth, tm_scoped(b, "s2d"), &attrs, sizeof attrs, 1, &x,
                         shape);
}

static void depth_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const copy_args *args = step->args;
    int n = unit / args->height, y = unit % args->height, size = args->top;
    size_t bytes = (size_t)args->from.c * tm_dtype_size(args->from.type);
    for (int x = 0; x < args->to.w; x++) {
        char *to = tm_tensor_at(run, &args->to, n, y, x);
        for (int k = 0; k < size * size; k++, to += bytes)
            memcpy(to, tm_tensor_at(run, &args->from, n, y * size + k / size, x * size + k % size),
                   bytes);
    }
}

static void depth_lower(tm_lowering *lowering, const tm_node *node)
{
    copy_args args = {.from = tm_lower_input(lowering, node, 0),
                      .to = tm_lower_output(lowering, node),
                      .top = ((const depth_attrs *)node->attrs)->size};
    args.height = args.to.h;
    tm_lower_step(lowering, node, depth_run, copy_units, &args, sizeof args, 0);
}

const tm_op tm_op_space_to_depth = {
    .name = "space_to_depth", .lower = depth_lower, .types = TM_TYPES_SAME};
