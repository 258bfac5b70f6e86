/* SPDX-License-Identifier: Apache-2.0 */
/*
 * softmax(scale q k^T + bias + mask) v with both products in bfloat16 parts (kernels/split.h). A
 * unit packs the keys and values of a head as panels; a block of queries then goes through both
 * products without leaving the thread's scratch.
 */
#include <math.h>

#include "ops/attend.h"
#include "ops/panels.h"

enum { QUERY_BLOCK = 4 * TM_SPLIT_ROWS, UNITS_PER_THREAD = 4 };

typedef struct attend_args {
    tm_tensor q, k, v, y;
    int heads, share; /* share: queries of a unit */
    int parts;
    float scale;
    const float *bias, *mask; /* [heads][queries][keys], [rows][queries][keys], or NULL */
    const float *zeros;
    size_t dq, dv, keys;         /* of a head; keys: tokens */
    size_t key_size, value_size; /* elements of a panel of keys, of values */
    size_t scores_ld;
    const tm_kernels *kernels;
    const tm_split_kernels *split;
} attend_args;

/* A thread's scratch. */
typedef struct attend_scratch {
    tm_bf16 *keys, *values; /* panels */
    tm_bf16 *rows;          /* row tiles of queries, then of their scores */
    float *scores;          /* [QUERY_BLOCK][scores_ld] */
} attend_scratch;

/* Which queries a unit computes. */
typedef struct attend_place {
    int first, count, head, row, n;
} attend_place;

static size_t panel_size(size_t inputs, int parts)
{
    return (inputs + TM_SPLIT_K - 1) / TM_SPLIT_K * (size_t)parts * TM_SPLIT_TILE;
}

static int shares(const attend_args *args)
{
    return (args->q.w + args->share - 1) / args->share;
}

static int attend_units(const tm_step *step, int batch)
{
    const attend_args *args = step->args;
    return batch * args->q.h * args->heads * shares(args);
}

static attend_place place_of(const attend_args *args, int unit)
{
    attend_place at = {.first = unit % shares(args) * args->share};
    unit /= shares(args);
    at.count = args->q.w - at.first < args->share ? args->q.w - at.first : args->share;
    at.head = unit % args->heads;
    unit /= args->heads;
    at.row = unit % args->q.h;
    at.n = unit / args->q.h;
    return at;
}

/* k^T and v of a head */
static void pack_head(const attend_args *args, const tm_run_state *run, attend_place at,
                      const attend_scratch *s)
{
    const float *k = tm_tensor_at(run, &args->k, at.n, at.row, 0) + (size_t)at.head * args->dq;
    const float *v = tm_tensor_at(run, &args->v, at.n, at.row, 0) + (size_t)at.head * args->dv;
    for (size_t j = 0; j < args->keys; j += TM_PANEL) {
        int columns = (int)(args->keys - j < TM_PANEL ? args->keys - j : TM_PANEL);
        args->split->panel_t(args->parts, args->dq, columns, k + j * args->k.ld, args->k.ld,
                             s->keys + j / TM_PANEL * args->key_size);
    }
    for (size_t j = 0; j < args->dv; j += TM_PANEL) {
        int columns = (int)(args->dv - j < TM_PANEL ? args->dv - j : TM_PANEL);
        args->split->panel(args->parts, args->keys, columns, v + j, args->v.ld,
                           s->values + j / TM_PANEL * args->value_size);
    }
}

/* c[count][n] = x[count][k] * panels + addend; addend [count][n] or NULL */
static void multiply(const attend_args *args, const float *x, size_t ld, size_t k, size_t count,
                     const tm_bf16 *panels, size_t n, const float *addend, tm_bf16 *tiles, float *c,
                     size_t c_ld)
{
    size_t size = panel_size(k, args->parts);
    const float *rows[TM_SPLIT_ROWS];
    for (size_t i = 0; i < count; i += TM_SPLIT_ROWS) {
        size_t m = count - i < TM_SPLIT_ROWS ? count - i : TM_SPLIT_ROWS;
        for (size_t j = 0; j < m; j++)
            rows[j] = x + (i + j) * ld;
        args->split->rows(args->parts, (int)m, k, rows, tiles + i / TM_SPLIT_ROWS * size);
    }
    tm_split_tile tile = {.parts = args->parts,
                          .steps = (k + TM_SPLIT_K - 1) / TM_SPLIT_K,
                          .a = tiles,
                          .b_stride = size,
                          .begins = true,
                          .ends = true,
                          .bias = args->zeros,
                          .residual_ld = n,
                          .lo = -INFINITY,
                          .hi = INFINITY,
                          .c_ld = c_ld,
                          .m = (int)count};
    enum { COLUMNS = TM_SPLIT_PANELS * TM_PANEL };
    for (size_t j = 0; j < n; j += COLUMNS) {
        tile.n = (int)(n - j < COLUMNS ? n - j : COLUMNS);
        tile.b = panels + j / TM_PANEL * size;
        tile.residual = addend ? addend + j : NULL;
        tile.c = c + j;
        args->split->multiply(&tile);
    }
}

/* softmax over the keys, for `count` queries from `first` on */
static void score(const attend_args *args, const tm_run_state *run, attend_place at, size_t first,
                  size_t count, const attend_scratch *s)
{
    const float *q =
        tm_tensor_at(run, &args->q, at.n, at.row, (int)first) + (size_t)at.head * args->dq;
    size_t queries = (size_t)args->q.w;
    size_t bias_at = ((size_t)at.head * queries + first) * args->keys;
    size_t mask_at = ((size_t)at.row * queries + first) * args->keys;
    const float *bias = args->bias ? args->bias + bias_at : NULL;
    const float *mask = args->mask ? args->mask + mask_at : NULL;
    multiply(args, q, args->q.ld, args->dq, count, s->keys, args->keys, bias ? bias : mask, s->rows,
             s->scores, args->scores_ld);
    if (bias && mask)
        args->kernels->binary_f32(TM_BINARY_ADD, count, args->keys, s->scores, args->scores_ld,
                                  mask, args->keys, false, s->scores, args->scores_ld);
    args->kernels->softmax_f32(count, args->keys, args->scale, s->scores, args->scores_ld);
}

static size_t panels_of_keys(const attend_args *args)
{
    return tm_panels_of(args->keys) * args->key_size;
}

static size_t panels_of_values(const attend_args *args)
{
    return tm_panels_of(args->dv) * args->value_size;
}

static size_t row_tiles(const attend_args *args)
{
    size_t larger = args->key_size > args->value_size ? args->key_size : args->value_size;
    return QUERY_BLOCK / TM_SPLIT_ROWS * larger;
}

static void attend_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const attend_args *args = step->args;
    attend_place at = place_of(args, unit);
    attend_scratch s = {.keys = run->scratch};
    s.values = s.keys + panels_of_keys(args);
    s.rows = s.values + panels_of_values(args);
    s.scores = (float *)(void *)(s.rows + row_tiles(args));
    pack_head(args, run, at, &s);
    for (int i = 0; i < at.count; i += QUERY_BLOCK) {
        int first = at.first + i, count = at.count - i < QUERY_BLOCK ? at.count - i : QUERY_BLOCK;
        float *y = tm_tensor_at(run, &args->y, at.n, at.row, first) + (size_t)at.head * args->dv;
        score(args, run, at, (size_t)first, (size_t)count, &s);
        multiply(args, s.scores, args->scores_ld, args->keys, (size_t)count, s.values, args->dv,
                 NULL, s.rows, y, args->y.ld);
    }
}

/* Keys and values are packed again for every share of a head's queries. */
static int choose_share(const attend_args *args, int threads)
{
    int units = args->q.h * args->heads, blocks = (args->q.w + QUERY_BLOCK - 1) / QUERY_BLOCK;
    int parts = (UNITS_PER_THREAD * threads + units - 1) / units;
    parts = parts < blocks ? parts : blocks;
    return (blocks + parts - 1) / parts * QUERY_BLOCK;
}

void tm_attend_lower_split(tm_lowering *lowering, const tm_node *node)
{
    const tm_attend_attrs *attrs = node->attrs;
    attend_args args = {.q = tm_lower_input(lowering, node, 0),
                        .k = tm_lower_input(lowering, node, 1),
                        .v = tm_lower_input(lowering, node, 2),
                        .y = tm_lower_output(lowering, node),
                        .heads = attrs->heads,
                        .parts = tm_split_parts(tm_lower_precision(lowering)),
                        .scale = attrs->scale,
                        .zeros = tm_lower_zeros(lowering, TM_SPLIT_PANELS * TM_PANEL),
                        .kernels = tm_lower_kernels(lowering),
                        .split = tm_lower_split_kernels(lowering)};
    if (attrs->bias)
        args.bias = tm_lower_keep(lowering, node->inputs[3], 0);
    if (attrs->mask)
        args.mask = tm_lower_keep(lowering, node->inputs[attrs->bias ? 4 : 3], 0);
    args.dq = (size_t)(args.q.c / args.heads);
    args.dv = (size_t)(args.v.c / args.heads);
    args.keys = (size_t)args.k.w;
    args.key_size = panel_size(args.dq, args.parts);
    args.value_size = panel_size(args.keys, args.parts);
    args.scores_ld = tm_panels_of(args.keys) * TM_PANEL;
    args.share = choose_share(&args, tm_lower_threads(lowering));
    size_t halves = panels_of_keys(&args) + panels_of_values(&args) + row_tiles(&args);
    tm_lower_step(lowering, node, attend_run, attend_units, &args, sizeof args,
                  halves * sizeof(tm_bf16) + QUERY_BLOCK * args.scores_ld * sizeof(float));
}
