/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling over windows, over whole maps and over channels. */
#include <math.h>
#include <string.h>

#include "base/floats.h"
#include "ops/rows.h"

/* ---- windows ---- */

typedef struct pool_attrs {
    tm_pool pool; /* stride and dilation at least 1 */
    int pad_top, pad_left;
} pool_attrs;

/* torch's output size; a window of ceil mode may not begin in the right-hand padding */
static int pooled(const tm_pool *pool, int in, int *pad)
{
    int reach = pool->dilation * (pool->kernel - 1) + 1;
    if (pool->same) {
        int out = (in + pool->stride - 1) / pool->stride;
        int total = (out - 1) * pool->stride + reach - in;
        *pad = total > 0 ? total / 2 : 0;
        return out;
    }
    *pad = pool->pad;
    int room = in + 2 * pool->pad - reach + (pool->ceil_mode ? pool->stride - 1 : 0);
    if (room < 0)
        return 0;
    int out = room / pool->stride + 1;
    if (pool->ceil_mode && (out - 1) * pool->stride >= in + pool->pad)
        out--;
    return out;
}

tm_node *tm_pool2d(tm_builder *b, tm_node *x, tm_pool pool)
{
    pool.stride = pool.stride ? pool.stride : pool.kernel;
    pool.dilation = pool.dilation ? pool.dilation : 1;
    pool_attrs attrs = {.pool = pool};
    tm_shape shape = {.h = pooled(&pool, x->shape.h, &attrs.pad_top),
                      .w = pooled(&pool, x->shape.w, &attrs.pad_left),
                      .c = x->shape.c};
    return tm_activation(b, &tm_op_pool2d, tm_scoped(b, "pool"), &attrs, sizeof attrs, 1, &x,
                         shape);
}

typedef struct pool_args {
    tm_tensor x, y;
    pool_attrs attrs;
    tm_pool_fn *kernel;
} pool_args;

static int pool_units(const tm_step *step, int batch)
{
    return batch * ((const pool_args *)step->args)->y.h;
}

/* torch's divisor: pixels of the window clipped to the padded picture, or to the picture */
static int divisor(const pool_args *args, int y, int x, int inside)
{
    const tm_pool *pool = &args->attrs.pool;
    if (!pool->count_pad)
        return inside;
    int bottom = args->x.h + pool->pad - y, right = args->x.w + pool->pad - x;
    return (bottom < pool->kernel ? bottom : pool->kernel) *
           (right < pool->kernel ? right : pool->kernel);
}

static void fill(const tm_tensor *y, float value, void *pixel)
{
    float *numbers = pixel;
    uint16_t *halves = pixel;
    for (int c = 0; c < y->c; c++)
        if (y->type == TM_DTYPE_BF16)
            halves[c] = tm_bf16_of_f32(value);
        else
            numbers[c] = value;
}

/* scratch: pointers to the pixels of a window */
static void pool_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const pool_args *args = step->args;
    const tm_pool *pool = &args->attrs.pool;
    const void **taps = run->scratch;
    int n = unit / args->y.h, oy = unit % args->y.h, top = oy * pool->stride - args->attrs.pad_top;
    for (int ox = 0; ox < args->y.w; ox++) {
        int left = ox * pool->stride - args->attrs.pad_left, count = 0;
        for (int ky = 0; ky < pool->kernel; ky++)
            for (int kx = 0; kx < pool->kernel; kx++) {
                int y = top + ky * pool->dilation, x = left + kx * pool->dilation;
                if (y >= 0 && y < args->x.h && x >= 0 && x < args->x.w)
                    taps[count++] = tm_tensor_at(run, &args->x, n, y, x);
            }
        void *out = tm_tensor_at(run, &args->y, n, oy, ox);
        if (!count) { /* a dilated window can lie in the padding alone */
            fill(&args->y, pool->max ? -INFINITY : 0.0f, out);
            continue;
        }
        float scale = pool->max ? 1.0f : 1.0f / (float)divisor(args, top, left, count);
        args->kernel(pool->max ? TM_REDUCE_OP_MAX : TM_REDUCE_OP_SUM, count, taps,
                     (size_t)args->x.c, scale, out);
    }
}

static void pool_lower(tm_lowering *lowering, const tm_node *node)
{
    pool_args args = {.x = tm_lower_input(lowering, node, 0),
                      .y = tm_lower_output(lowering, node),
                      .attrs = *(const pool_attrs *)node->attrs,
                      .kernel = TM_LOWER_KERNEL(lowering, pool, node->type)};
    size_t taps = (size_t)args.attrs.pool.kernel * (size_t)args.attrs.pool.kernel;
    tm_lower_step(lowering, node, pool_run, pool_units, &args, sizeof args, taps * sizeof(float *));
}

const tm_op tm_op_pool2d = {.name = "pool2d", .lower = pool_lower, .types = TM_TYPES_SAME};

/* ---- whole maps ---- */

enum {
    REDUCE_COLUMNS = 64,
    REDUCE_BLOCKS = 8,        /* of rows, which are reduced where they were computed */
    REDUCE_FLOATS = 16 * 1024 /* a smaller map is one block */
};

typedef struct reduce_args {
    tm_tensor x, y;
    tm_tensor parts; /* a row for each block, unless there is one block */
    tm_reduce_kind kind;
    int blocks;
    tm_colreduce_fn *kernel, *combine; /* of x, of parts */
} reduce_args;

tm_node *tm_reduce_hw(tm_builder *b, tm_node *x, tm_reduce_kind kind)
{
    tm_reduce_attrs attrs = {kind};
    return tm_activation(b, &tm_op_reduce_hw, tm_scoped(b, "pool"), &attrs, sizeof attrs, 1, &x,
                         (tm_shape){1, 1, x->shape.c});
}

static int reduce_units(const tm_step *step, int batch)
{
    return batch * ((const reduce_args *)step->args)->blocks;
}

static int reduce_pictures(const tm_step *step, int batch)
{
    (void)step;
    return batch;
}

/* all columns, as many at a time as stay in the nearest cache */
static void reduce_rows(const reduce_args *args, size_t rows, const tm_tensor *t, const void *x,
                        float *out)
{
    tm_colreduce_fn *kernel = t == &args->x ? args->kernel : args->combine;
    size_t c = (size_t)args->x.c;
    for (size_t first = 0; first < c; first += REDUCE_COLUMNS)
        kernel(args->kind == TM_REDUCE_MAX ? TM_REDUCE_OP_MAX : TM_REDUCE_OP_SUM, rows,
               c - first < REDUCE_COLUMNS ? c - first : REDUCE_COLUMNS,
               tm_numbers_behind(x, t->type, first), t->ld, out + first);
}

static void finish_reduction(const reduce_args *args, float *out)
{
    if (args->kind == TM_REDUCE_AVG)
        for (int j = 0; j < args->x.c; j++)
            out[j] /= (float)(args->x.h * args->x.w);
}

/* one block of rows */
static void reduce_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const reduce_args *args = step->args;
    int n = unit / args->blocks, block = unit % args->blocks, pixels = args->x.h * args->x.w;
    int first = pixels * block / args->blocks, end = pixels * (block + 1) / args->blocks;
    float *out = args->blocks > 1 ? tm_tensor_at(run, &args->parts, n, 0, block)
                                  : tm_tensor_at(run, &args->y, n, 0, 0);
    reduce_rows(args, (size_t)(end - first), &args->x, tm_tensor_at(run, &args->x, n, 0, first),
                out);
    if (args->blocks == 1)
        finish_reduction(args, out);
}

/* the blocks of a picture */
static void combine_run(const tm_step *step, const tm_run_state *run, int n)
{
    const reduce_args *args = step->args;
    float *out = tm_tensor_at(run, &args->y, n, 0, 0);
    reduce_rows(args, (size_t)args->blocks, &args->parts, tm_tensor_at(run, &args->parts, n, 0, 0),
                out);
    finish_reduction(args, out);
}

static void reduce_lower(tm_lowering *lowering, const tm_node *node)
{
    reduce_args args = {.x = tm_lower_input(lowering, node, 0),
                        .y = tm_lower_output(lowering, node),
                        .kind = ((const tm_reduce_attrs *)node->attrs)->kind,
                        .combine = tm_lower_kernels(lowering)->colreduce_f32};
    args.kernel = TM_LOWER_KERNEL(lowering, colreduce, args.x.type);
    int pixels = args.x.h * args.x.w;
    bool large = pixels >= REDUCE_BLOCKS && args.x.c > REDUCE_FLOATS / pixels;
    args.blocks = large ? REDUCE_BLOCKS : 1;
    if (large)
        args.parts = tm_lower_between(lowering, REDUCE_BLOCKS, args.x.c);
    tm_lower_step(lowering, node, reduce_run, reduce_units, &args, sizeof args, 0);
    if (large)
        tm_lower_step(lowering, node, combine_run, reduce_pictures, &args, sizeof args, 0);
}

const tm_op tm_op_reduce_hw = {.name = "reduce_hw", .lower = reduce_lower, .types = TM_TYPES_READS};

/* ---- channels ---- */

typedef struct channel_args {
    tm_rows rows;
    tm_tensor x, y;
    tm_reduce_kind kind;
} channel_args;

tm_node *tm_reduce_c(tm_builder *b, tm_node *x, tm_reduce_kind kind)
{
    tm_reduce_attrs attrs = {kind};
    return tm_activation(b, &tm_op_reduce_c, tm_scoped(b, "pool"), &attrs, sizeof attrs, 1, &x,
                         (tm_shape){x->shape.h, x->shape.w, 1});
}

static float reduce_row(tm_reduce_kind kind, const float *x, int n)
{
    if (kind == TM_REDUCE_MAX) {
        float best = x[0];
        for (int j = 1; j < n; j++)
            best = tm_f32_max(best, x[j]);
        return best;
    }
    double sum = 0;
    for (int j = 0; j < n; j++)
        sum += x[j];
    return (float)(kind == TM_REDUCE_AVG ? sum / n : sum);
}

static void channel_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const channel_args *args = step->args;
    tm_row_range range = tm_rows_at(args->rows, unit);
    const float *x = tm_row(run, &args->x, range);
    float *y = tm_row(run, &args->y, range);
    for (size_t i = 0; i < range.count; i++)
        y[i * args->y.ld] = reduce_row(args->kind, x + i * args->x.ld, args->x.c);
}

static void channel_lower(tm_lowering *lowering, const tm_node *node)
{
    channel_args args = {.x = tm_lower_input(lowering, node, 0),
                         .y = tm_lower_output(lowering, node),
                         .kind = ((const tm_reduce_attrs *)node->attrs)->kind};
    args.rows = tm_rows_of(&args.x);
    tm_lower_step(lowering, node, channel_run, tm_rows_step_units, &args, sizeof args, 0);
}

const tm_op tm_op_reduce_c = {.name = "reduce_c", .lower = channel_lower};

/* ---- timm's SelectAdaptivePool2d ---- */

tm_node *tm_global_pool(tm_builder *b, tm_node *x, const char *kind)
{
    if (strcmp(kind, "") == 0)
        return x;
    if (strcmp(kind, "avg") == 0 || strcmp(kind, "fast") == 0 || strcmp(kind, "fastavg") == 0)
        return tm_reduce_hw(b, x, TM_REDUCE_AVG);
    if (strcmp(kind, "max") == 0 || strcmp(kind, "fastmax") == 0)
        return tm_reduce_hw(b, x, TM_REDUCE_MAX);
    bool sum = strcmp(kind, "avgmax") == 0 || strcmp(kind, "fastavgmax") == 0;
    bool cat = strcmp(kind, "catavgmax") == 0 || strcmp(kind, "fastcatavgmax") == 0;
    if (!sum && !cat) {
        tm_refuse(b, "global pool '%s' is none of avg, max, avgmax, catavgmax", kind);
        return x;
    }
    tm_node *both[] = {tm_reduce_hw(b, x, TM_REDUCE_AVG), tm_reduce_hw(b, x, TM_REDUCE_MAX)};
    return cat ? tm_concat_c(b, 2, both) : tm_affine(b, tm_add(b, both[0], both[1]), 0.5f, 0.0f);
}
