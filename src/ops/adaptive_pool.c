/* SPDX-License-Identifier: Apache-2.0 */
/* Average pooling to a given size: torch's adaptive_avg_pool2d. */
#include "ops/ops.h"
#include "steps/lower.h"

typedef struct adaptive_args {
    tm_tensor x, y;
    tm_pool_fn *kernel;
} adaptive_args;

typedef struct window {
    int begin, end;
} window;

/* Windows overlap where the sizes do not divide; a larger output repeats pixels. */
static window window_at(int index, int out, int in)
{
    int64_t begin = (int64_t)index * in / out;
    int64_t end = ((int64_t)(index + 1) * in + out - 1) / out;
    return (window){(int)begin, (int)end};
}

tm_node *tm_adaptive_avg_pool2d(tm_builder *b, tm_node *x, int h, int w)
{
    return tm_activation(b, &tm_op_adaptive_pool2d, tm_scoped(b, "pool"), NULL, 0, 1, &x,
                         (tm_shape){h, w, x->shape.c});
}

static int adaptive_units(const tm_step *step, int batch)
{
    return batch * ((const adaptive_args *)step->args)->y.h;
}

/* scratch: pointers to the pixels of a window */
static void adaptive_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const adaptive_args *args = step->args;
    const void **taps = run->scratch;
    int n = unit / args->y.h, oy = unit % args->y.h;
    window rows = window_at(oy, args->y.h, args->x.h);
    for (int ox = 0; ox < args->y.w; ox++) {
        window columns = window_at(ox, args->y.w, args->x.w);
        int count = 0;
        for (int y = rows.begin; y < rows.end; y++)
            for (int x = columns.begin; x < columns.end; x++)
                taps[count++] = tm_tensor_at(run, &args->x, n, y, x);
        args->kernel(TM_REDUCE_OP_SUM, count, taps, (size_t)args->x.c, 1.0f / (float)count,
                     tm_tensor_at(run, &args->y, n, oy, ox));
    }
}

static void adaptive_lower(tm_lowering *lowering, const tm_node *node)
{
    adaptive_args args = {.x = tm_lower_input(lowering, node, 0),
                          .y = tm_lower_output(lowering, node),
                          .kernel = TM_LOWER_KERNEL(lowering, pool, node->type)};
    /* a window begins and ends inside a pixel of its neighbours at most */
    size_t taps = ((size_t)(args.x.h / args.y.h) + 2) * ((size_t)(args.x.w / args.y.w) + 2);
    tm_lower_step(lowering, node, adaptive_run, adaptive_units, &args, sizeof args,
                  taps * sizeof(float *));
}

const tm_op tm_op_adaptive_pool2d = {
    .name = "adaptive_pool2d", .lower = adaptive_lower, .types = TM_TYPES_SAME};
