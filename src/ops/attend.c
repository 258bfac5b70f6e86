/* SPDX-License-Identifier: Apache-2.0 */
/* softmax(scale q k^T) v, one unit per head and block of query rows: the scores of a block never
 * leave the thread's own scratch. Both products run on the GEMM kernel, with the head's keys and
 * values packed into its panels. */
#include <math.h>

#include "ops/lower.h"

enum { QUERY_BLOCK = 48, MAX_SPLIT = 4 };

tm_node *tm_attend(tm_builder *b, tm_node *q, tm_node *k, tm_node *v, tm_attention attention)
{
    TM_ASSERT(b->graph->error.status ||
              (q->shape.h == 1 && k->shape.h == 1 && v->shape.h == 1 && k->shape.w == v->shape.w &&
               q->shape.c == k->shape.c && q->shape.c % attention.heads == 0 &&
               v->shape.c % attention.heads == 0));
    if (attention.scale == 0.0f)
        attention.scale = (float)(1.0 / sqrt((double)q->shape.c / attention.heads));
    tm_node *inputs[] = {q, k, v};
    return tm_activation(b, &tm_op_attend, tm_scoped(b, "attend"), &attention, sizeof attention, 3,
                         inputs, (tm_shape){1, q->shape.w, v->shape.c});
}

typedef struct attend_args {
    tm_tensor q, k, v, y;
    int heads, split; /* split: units that share a head's queries */
    float scale;
    const float *zeros;
    const tm_kernels *kernels;
} attend_args;

/* Sizes of a unit's scratch, in floats. */
typedef struct attend_sizes {
    size_t dq, dv, keys; /* per head; keys: tokens */
    size_t key_panels, value_panels, scores_ld;
} attend_sizes;

static size_t panels_of(size_t n)
{
    return (n + TM_PANEL - 1) / TM_PANEL;
}

static attend_sizes sizes_of(const attend_args *args)
{
    attend_sizes s = {.dq = (size_t)(args->q.c / args->heads),
                      .dv = (size_t)(args->v.c / args->heads),
                      .keys = (size_t)args->k.w};
    s.key_panels = panels_of(s.keys);
    s.value_panels = panels_of(s.dv);
    s.scores_ld = s.key_panels * TM_PANEL;
    return s;
}

static int attend_units(const tm_step *step, int batch)
{
    const attend_args *args = step->args;
    return batch * args->heads * args->split;
}

/* k^T: panel p, row d, column j is key 16 p + j's component d */
static void pack_keys(const attend_args *args, const attend_sizes *s, const float *k, float *panels)
{
    for (size_t p = 0; p < s->key_panels; p++, panels += s->dq * TM_PANEL)
        for (size_t j = 0; j < TM_PANEL; j++) {
            size_t key = p * TM_PANEL + j;
            const float *row = key < s->keys ? k + key * args->k.ld : args->zeros;
            for (size_t d = 0; d < s->dq; d++)
                panels[d * TM_PANEL + j] = row[d];
        }
}

/* v: panel p, row i is token i's components 16 p ... */
static void pack_values(const attend_args *args, const attend_sizes *s, const float *v,
                        float *panels)
{
    for (size_t p = 0; p < s->value_panels; p++, panels += s->keys * TM_PANEL) {
        size_t first = p * TM_PANEL, left = s->dv - first;
        size_t count = left < TM_PANEL ? left : TM_PANEL;
        for (size_t i = 0; i < s->keys; i++) {
            memcpy(panels + i * TM_PANEL, v + i * args->v.ld + first, count * sizeof *v);
            for (size_t j = count; j < TM_PANEL; j++)
                panels[i * TM_PANEL + j] = 0.0f;
        }
    }
}

/* c[count][n] = rows[count][kc] * panels, through tiles */
static void product(const attend_args *args, const float *const *rows, size_t count, size_t kc,
                    const float *panels, size_t n, float *c, size_t c_ld)
{
    tm_gemm_tile tile = {.tap_stride = 0,
                         .taps = 1,
                         .kc = (int)kc,
                         .panel_stride = kc * TM_PANEL,
                         .bias = args->zeros,
                         .lo = -INFINITY,
                         .hi = INFINITY,
                         .c_ld = c_ld};
    for (size_t column = 0, wide; column < n; column += wide * TM_PANEL) {
        wide = (size_t)tm_gemm_width(args->kernels, (int)panels_of(n - column));
        const tm_gemm_kernel *kernel = &args->kernels->gemm[wide];
        size_t left = n - column;
        tile.n = (int)(left < wide * TM_PANEL ? left : wide * TM_PANEL);
        tile.panel = panels + column * kc;
        for (size_t i = 0; i < count; i += (size_t)kernel->rows) {
            tile.rows = rows + i;
            tile.m = count - i < (size_t)kernel->rows ? (int)(count - i) : kernel->rows;
            tile.c = c + i * c_ld + column;
            kernel->run(&tile);
        }
    }
}

static void point(const float **rows, const float *first, size_t count, size_t ld)
{
    for (size_t i = 0; i < count; i++)
        rows[i] = first + i * ld;
    for (size_t i = count; i < QUERY_BLOCK + TM_MAX_ROWS; i++)
        rows[i] = rows[count - 1];
}

static void attend_run(const tm_step *step, int batch, int unit, void *scratch)
{
    (void)batch;
    const attend_args *args = step->args;
    attend_sizes s = sizes_of(args);
    int part = unit % args->split, head = unit / args->split % args->heads;
    int n = unit / args->split / args->heads;
    float *keys = scratch, *values = keys + s.key_panels * s.dq * TM_PANEL;
    float *scores = values + s.value_panels * s.keys * TM_PANEL;
    const float *rows[QUERY_BLOCK + TM_MAX_ROWS];
    pack_keys(args, &s, tm_tensor_at(&args->k, n, 0, 0) + (size_t)head * s.dq, keys);
    pack_values(args, &s, tm_tensor_at(&args->v, n, 0, 0) + (size_t)head * s.dv, values);
    size_t queries = (size_t)args->q.w,
           share = (queries + (size_t)args->split - 1) / (size_t)args->split;
    size_t begin = share * (size_t)part, end = begin + share < queries ? begin + share : queries;
    for (size_t i = begin; i < end; i += QUERY_BLOCK) {
        size_t count = end - i < QUERY_BLOCK ? end - i : QUERY_BLOCK;
        point(rows, tm_tensor_at(&args->q, n, 0, (int)i) + (size_t)head * s.dq, count, args->q.ld);
        product(args, rows, count, s.dq, keys, s.keys, scores, s.scores_ld);
        args->kernels->softmax_f32(count, s.keys, args->scale, scores, s.scores_ld);
        point(rows, scores, count, s.scores_ld);
        product(args, rows, count, s.keys, values, s.dv,
                tm_tensor_at(&args->y, n, 0, (int)i) + (size_t)head * s.dv, args->y.ld);
    }
}

static void attend_lower(tm_lowering *lowering, const tm_node *node)
{
    const tm_attention *attrs = node->attrs;
    attend_args args = {.q = tm_lower_input(lowering, node, 0),
                        .k = tm_lower_input(lowering, node, 1),
                        .v = tm_lower_input(lowering, node, 2),
                        .y = tm_lower_output(lowering, node),
                        .heads = attrs->heads,
                        .scale = attrs->scale,
                        .kernels = tm_lower_kernels(lowering)};
    attend_sizes s = sizes_of(&args);
    int blocks = (args.q.w + QUERY_BLOCK - 1) / QUERY_BLOCK;
    args.split = blocks < MAX_SPLIT ? blocks : MAX_SPLIT;
    size_t widest = s.dq > TM_PANEL * TM_MAX_PANELS ? s.dq : TM_PANEL * TM_MAX_PANELS;
    args.zeros = tm_lower_zeros(lowering, widest);
    size_t floats = s.key_panels * s.dq * TM_PANEL + s.value_panels * s.keys * TM_PANEL +
                    (size_t)QUERY_BLOCK * s.scores_ld;
    tm_lower_step(lowering, node, attend_run, attend_units, &args, sizeof args,
                  floats * sizeof(float));
}

static double attend_macs(const tm_node *node)
{
    const tm_node *q = node->inputs[0], *k = node->inputs[1];
    return (double)q->shape.w * k->shape.w * (q->shape.c + node->shape.c);
}

const tm_op tm_op_attend = {.name = "attend", .lower = attend_lower, .macs = attend_macs};

/* ---- softmax over groups of channels ---- */

typedef struct softmax_attrs {
    int groups;
} softmax_attrs;

tm_node *tm_softmax_c(tm_builder *b, tm_node *x, int groups)
{
    softmax_attrs attrs = {groups};
    return tm_activation(b, &tm_op_softmax_c, tm_scoped(b, "softmax"), &attrs, sizeof attrs, 1, &x,
                         x->shape);
}

typedef struct softmax_args {
    tm_tensor x, y;
    size_t n; /* channels of a group */
    tm_softmax_f32_fn *kernel;
} softmax_args;

static int softmax_units(const tm_step *step, int batch)
{
    return batch * ((const softmax_args *)step->args)->x.h;
}

static void softmax_run(const tm_step *step, int batch, int unit, void *scratch)
{
    (void)batch, (void)scratch;
    const softmax_args *args = step->args;
    int n = unit / args->x.h, row = unit % args->x.h;
    for (int i = 0; i < args->x.w; i++) {
        float *y = tm_tensor_at(&args->y, n, row, i);
        memmove(y, tm_tensor_at(&args->x, n, row, i), (size_t)args->x.c * sizeof *y);
        args->kernel((size_t)args->x.c / args->n, args->n, 1.0f, y, args->n);
    }
}

static void softmax_lower(tm_lowering *lowering, const tm_node *node)
{
    const softmax_attrs *attrs = node->attrs;
    softmax_args args = {.x = tm_lower_input(lowering, node, 0),
                         .y = tm_lower_output(lowering, node),
                         .n = (size_t)(node->shape.c / attrs->groups),
                         .kernel = tm_lower_kernels(lowering)->softmax_f32};
    tm_lower_step(lowering, node, softmax_run, softmax_units, &args, sizeof args, 0);
}

const tm_op tm_op_softmax_c = {.name = "softmax_c", .lower = softmax_lower, .in_place = true};
