/* SPDX-License-Identifier: Apache-2.0 */
/* softmax(scale q k^T + bias + mask) v, one unit per head and block of query rows: the scores of a
 * block never leave the thread's own scratch. Both products run on the GEMM kernel, with the head's
 * keys and values packed into its panels. */
#include <math.h>
#include <string.h>

#include "ops/attend.h"
#include "ops/panels.h"

enum { QUERY_BLOCK = 48, MAX_SPLIT = 4 };

static bool shapes_agree(const tm_node *q, const tm_node *k, const tm_node *v, int heads)
{
    return k->shape.h == q->shape.h && v->shape.h == q->shape.h && k->shape.w == v->shape.w &&
           q->shape.c == k->shape.c && q->shape.c % heads == 0 && v->shape.c % heads == 0;
}

static bool is_addend(const tm_node *x, int count, const tm_node *q, const tm_node *k)
{
    return x->constant && x->rank == 3 && x->dims[0] == count && x->dims[1] == q->shape.w &&
           x->dims[2] == k->shape.w;
}

tm_node *tm_attend(tm_builder *b, tm_node *q, tm_node *k, tm_node *v, tm_attention attention)
{
    tm_node *inputs[5] = {q, k, v};
    int count = 3;
    tm_attend_attrs attrs = {.heads = attention.heads,
                             .scale = attention.scale,
                             .bias = attention.bias != NULL,
                             .mask = attention.mask != NULL};
    TM_ASSERT(b->graph->error.status || shapes_agree(q, k, v, attention.heads));
    if (attrs.scale == 0.0f)
        attrs.scale = (float)(1.0 / sqrt((double)q->shape.c / attrs.heads));
    /* the softmax scales what it reads, so addends are divided once, here */
    if (attrs.bias) {
        TM_ASSERT(b->graph->error.status || is_addend(attention.bias, attrs.heads, q, k));
        inputs[count++] = tm_const_affine(b, attention.bias, 1.0f / attrs.scale, 0.0f);
    }
    if (attrs.mask) {
        TM_ASSERT(b->graph->error.status || is_addend(attention.mask, q->shape.h, q, k));
        inputs[count++] = tm_const_affine(b, attention.mask, 1.0f / attrs.scale, 0.0f);
    }
    return tm_activation(b, &tm_op_attend, tm_scoped(b, "attend"), &attrs, sizeof attrs, count,
                         inputs, (tm_shape){q->shape.h, q->shape.w, v->shape.c});
}

typedef struct attend_args {
    tm_tensor q, k, v, y;
    int heads, split; /* split: units that share a head's queries */
    float scale;
    const float *bias, *mask; /* [heads][queries][keys], [rows][queries][keys], or NULL */
    const float *zeros;
    const tm_kernels *kernels;
} attend_args;

/* Sizes of a unit's scratch, in floats. */
typedef struct attend_sizes {
    size_t dq, dv, keys; /* per head; keys: tokens */
    size_t key_panels, value_panels, scores_ld;
} attend_sizes;

static attend_sizes sizes_of(const attend_args *args)
{
    attend_sizes s = {.dq = (size_t)(args->q.c / args->heads),
                      .dv = (size_t)(args->v.c / args->heads),
                      .keys = (size_t)args->k.w};
    s.key_panels = tm_panels_of(s.keys);
    s.value_panels = tm_panels_of(s.dv);
    s.scores_ld = s.key_panels * TM_PANEL;
    return s;
}

static int attend_units(const tm_step *step, int batch)
{
    const attend_args *args = step->args;
    return batch * args->q.h * args->heads * args->split;
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

/* Which scores a unit computes. */
typedef struct attend_place {
    int part, head, row, n;
} attend_place;

static attend_place place_of(const attend_args *args, int unit)
{
    attend_place at = {.part = unit % args->split};
    unit /= args->split;
    at.head = unit % args->heads;
    unit /= args->heads;
    at.row = unit % args->q.h;
    at.n = unit / args->q.h;
    return at;
}

/* scores[count] of the queries from `first` on */
static void score(const attend_args *args, const attend_sizes *s, attend_place at, size_t first,
                  const float *const *rows, size_t count, const float *keys, float *scores)
{
    size_t queries = (size_t)args->q.w;
    const float *bias = args->bias, *mask = args->mask;
    if (bias)
        bias += ((size_t)at.head * queries + first) * s->keys;
    if (mask)
        mask += ((size_t)at.row * queries + first) * s->keys;
    tm_run_product(args->kernels, args->zeros,
                   &(tm_product){.rows = rows,
                                 .count = count,
                                 .kc = s->dq,
                                 .panels = keys,
                                 .n = s->keys,
                                 .residual = bias ? bias : mask,
                                 .c = scores,
                                 .c_ld = s->scores_ld});
    if (bias && mask)
        args->kernels->binary_f32(TM_BINARY_ADD, count, s->keys, scores, s->scores_ld, mask,
                                  s->keys, false, scores, s->scores_ld);
    args->kernels->softmax_f32(count, s->keys, args->scale, scores, s->scores_ld);
}

static void attend_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const attend_args *args = step->args;
    attend_sizes s = sizes_of(args);
    attend_place at = place_of(args, unit);
    size_t offset_q = (size_t)at.head * s.dq, offset_v = (size_t)at.head * s.dv;
    float *keys = run->scratch, *values = keys + s.key_panels * s.dq * TM_PANEL;
    float *scores = values + s.value_panels * s.keys * TM_PANEL;
    const float *rows[QUERY_BLOCK + TM_MAX_ROWS];
    pack_keys(args, &s, tm_tensor_at(run, &args->k, at.n, at.row, 0) + offset_q, keys);
    tm_pack_rows(tm_tensor_at(run, &args->v, at.n, at.row, 0) + offset_v, args->v.ld, s.keys, s.dv,
                 values);
    size_t queries = (size_t)args->q.w,
           share = (queries + (size_t)args->split - 1) / (size_t)args->split;
    size_t begin = share * (size_t)at.part, end = begin + share < queries ? begin + share : queries;
    for (size_t i = begin; i < end; i += QUERY_BLOCK) {
        size_t count = end - i < QUERY_BLOCK ? end - i : QUERY_BLOCK;
        tm_point_rows(rows, tm_tensor_at(run, &args->q, at.n, at.row, (int)i) + offset_q, count,
                      args->q.ld);
        score(args, &s, at, i, rows, count, keys, scores);
        tm_point_rows(rows, scores, count, s.scores_ld);
        tm_run_product(
            args->kernels, args->zeros,
            &(tm_product){.rows = rows,
                          .count = count,
                          .kc = s.keys,
                          .panels = values,
                          .n = s.dv,
                          .c = tm_tensor_at(run, &args->y, at.n, at.row, (int)i) + offset_v,
                          .c_ld = args->y.ld});
    }
}

static void attend_lower(tm_lowering *lowering, const tm_node *node)
{
    if (tm_lower_split_kernels(lowering)) {
        tm_attend_lower_split(lowering, node);
        return;
    }
    const tm_attend_attrs *attrs = node->attrs;
    attend_args args = {.q = tm_lower_input(lowering, node, 0),
                        .k = tm_lower_input(lowering, node, 1),
                        .v = tm_lower_input(lowering, node, 2),
                        .y = tm_lower_output(lowering, node),
                        .heads = attrs->heads,
                        .scale = attrs->scale,
                        .kernels = tm_lower_kernels(lowering)};
    if (attrs->bias)
        args.bias = tm_lower_keep(lowering, node->inputs[3], 0);
    if (attrs->mask)
        args.mask = tm_lower_keep(lowering, node->inputs[attrs->bias ? 4 : 3], 0);
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
    return (double)q->shape.h * q->shape.w * k->shape.w * (q->shape.c + node->shape.c);
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

static void softmax_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const softmax_args *args = step->args;
    int n = unit / args->x.h, row = unit % args->x.h;
    for (int i = 0; i < args->x.w; i++) {
        float *y = tm_tensor_at(run, &args->y, n, row, i);
        memmove(y, tm_tensor_at(run, &args->x, n, row, i), (size_t)args->x.c * sizeof *y);
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
