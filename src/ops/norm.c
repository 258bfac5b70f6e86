/* SPDX-License-Identifier: Apache-2.0 */
/* Normalization. Batch norm is folded into the convolution before it where there is one
 * (passes/fold_batch_norm.c); what is left is an affine per channel. */
#include <math.h>

#include "base/loops.h"
#include "ops/rows.h"

/* timm's SimpleNorm, of other operators */
static tm_node *simple_norm(tm_builder *b, const char *name, tm_node *x, tm_norm norm)
{
    int c = x->shape.c;
    float per_degree = 1.0f / (float)(c > 1 ? c - 1 : 1);
    tm_push(b, "%s", name);
    tm_node *centered = tm_sub(b, x, tm_reduce_c(b, x, TM_REDUCE_AVG));
    tm_node *var = tm_reduce_c(b, tm_mul(b, centered, centered), TM_REDUCE_SUM);
    var = tm_affine(b, var, per_degree, norm.eps > 0 ? norm.eps : 1e-5f);
    x = tm_mul(b, x, tm_activate(b, var, TM_ACT_RSQRT));
    if (!norm.no_affine)
        x = tm_mul(b, x, tm_param1(b, "weight", c));
    tm_pop(b);
    return x;
}

tm_node *tm_normalize(tm_builder *b, const char *name, tm_node *x, tm_norm norm)
{
    if (norm.kind == TM_NORM_SIMPLE)
        return simple_norm(b, name, x, norm);
    bool batch = norm.kind == TM_NORM_BATCH, group = norm.kind == TM_NORM_GROUP;
    tm_norm_attrs attrs = {.kind = norm.kind,
                           .eps = norm.eps > 0 ? norm.eps : 1e-5f,
                           .groups = norm.groups ? norm.groups
                                     : group     ? 32
                                                 : 1,
                           .weight = !norm.no_affine,
                           .bias = !norm.no_affine && !norm.no_bias && norm.kind != TM_NORM_RMS};
    TM_EXPECT(b, x->shape.c % attrs.groups == 0,
              "the channels of a norm do not divide by its groups");
    int64_t width = group || batch ? x->shape.c : x->shape.c / attrs.groups;
    tm_node *inputs[5] = {x};
    int count = 1;
    tm_push(b, "%s", name);
    if (attrs.weight)
        inputs[count++] = tm_param1(b, "weight", width);
    if (norm.magnitude)
        inputs[1] = tm_const_affine(b, tm_const_abs(b, inputs[1]), 1.0f, attrs.eps);
    if (attrs.bias)
        inputs[count++] = tm_param1(b, "bias", width);
    if (batch) {
        inputs[count++] = tm_buffer_param(b, "running_mean", 1, &width);
        inputs[count++] = tm_buffer_param(b, "running_var", 1, &width);
    }
    const char *full = tm_scoped(b, NULL);
    tm_pop(b);
    return tm_activation(b, &tm_op_norm, full, &attrs, sizeof attrs, count, inputs, x->shape);
}

/* ---- batch ---- */

typedef struct scaling {
    const tm_node *norm;
    float *out; /* mul, add */
} scaling;

static const float *read_next(tm_lowering *worker, const tm_node *node, bool present, int *at)
{
    return present ? tm_lower_constant(worker, node->inputs[(*at)++]) : NULL;
}

static void scale(tm_lowering *worker, const void *context)
{
    const scaling *s = context;
    const tm_norm_attrs *attrs = s->norm->attrs;
    int at = 1;
    const float *gamma = read_next(worker, s->norm, attrs->weight, &at);
    const float *beta = read_next(worker, s->norm, attrs->bias, &at);
    const float *mean = read_next(worker, s->norm, true, &at);
    const float *var = read_next(worker, s->norm, true, &at);
    size_t c = mean && var ? (size_t)s->norm->shape.c : 0;
    for (size_t i = 0; i < c; i++) {
        double factor = (gamma ? gamma[i] : 1.0) / sqrt((double)var[i] + attrs->eps);
        s->out[i] = (float)factor;
        s->out[c + i] = (float)((beta ? beta[i] : 0.0) - mean[i] * factor);
    }
    const float *read[] = {gamma, beta, mean, var};
    for (size_t i = 0; i < sizeof read / sizeof *read; i++)
        tm_lower_release(worker, read[i]);
}

static void batch_lower(tm_lowering *lowering, const tm_node *node)
{
    size_t c = (size_t)node->shape.c;
    scaling s = {node, tm_lower_memory(lowering, 2 * c)};
    if (!s.out)
        return;
    tm_lower_defer(lowering, scale, &s, sizeof s);
    tm_lower_channel_affine(lowering, node, s.out, s.out + c);
}

/* What the layer and group norms keep. */
static const float *kept(tm_lowering *lowering, const tm_node *node, bool present, int *at)
{
    return present ? tm_lower_keep(lowering, node->inputs[(*at)++]) : NULL;
}

/* ---- layer, rms ---- */

typedef struct layer_args {
    tm_rows rows;
    tm_tensor x, y;
    tm_layernorm_args norm;
    tm_layernorm_fn *kernel;
} layer_args;

static void layer_range(const layer_args *args, const tm_run_state *run, tm_row_range range)
{
    args->kernel(&args->norm, range.count, tm_row(run, &args->x, range), args->x.ld,
                 tm_row(run, &args->y, range), args->y.ld);
}

static void layer_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const layer_args *args = step->args;
    layer_range(args, run, tm_rows_at(args->rows, unit));
}

static void layer_pixels(const tm_step *step, const tm_run_state *run, int n, int first, int count)
{
    layer_range(step->args, run, (tm_row_range){n, first, (size_t)count});
}

static void layer_lower(tm_lowering *lowering, const tm_node *node)
{
    const tm_norm_attrs *attrs = node->attrs;
    int at = 1;
    layer_args args = {.x = tm_lower_input(lowering, node, 0),
                       .y = tm_lower_output(lowering, node),
                       .norm = {.n = (size_t)node->shape.c,
                                .groups = attrs->groups,
                                .rms = attrs->kind == TM_NORM_RMS,
                                .eps = attrs->eps},
                       .kernel = TM_LOWER_KERNEL(lowering, layernorm, node->type)};
    args.norm.weight = kept(lowering, node, attrs->weight, &at);
    args.norm.bias = kept(lowering, node, attrs->bias, &at);
    args.rows = tm_rows_of(&args.y);
    tm_lower_step(lowering, node, layer_run, tm_rows_step_units, &args, sizeof args, 0);
    tm_lower_pixels(lowering, layer_pixels);
}

/* ---- group ---- */

typedef struct group_args {
    tm_tensor x, y;
    int groups, together; /* groups of a unit, at most: narrow ones fill a line together */
    float eps;
    const float *weight, *bias;
    tm_affine_fn *kernel;
} group_args;

/* A unit's channels, m of them, n a group. */
typedef struct group_part {
    size_t first, n, m, pixels;
    const float *x;
    /* scratch, of each channel */
    double *mean, *sums;
    float *mul, *add;
} group_part;

static int shares_of_groups(const group_args *args)
{
    return tm_ceil_div(args->groups, args->together);
}

static int group_units(const tm_step *step, int batch)
{
    return batch * shares_of_groups(step->args);
}

static group_part group_part_of(const group_args *args, const tm_run_state *run, int unit)
{
    size_t n = (size_t)(args->x.c / args->groups), most = n * (size_t)args->together;
    int shares = shares_of_groups(args), group = unit % shares * args->together;
    group_part p = {.first = n * (size_t)group,
                    .n = n,
                    .m = n * (size_t)tm_least(args->together, args->groups - group),
                    .pixels = (size_t)args->x.h * (size_t)args->x.w,
                    .mean = run->scratch};
    p.x = tm_tensor_channel(run, &args->x, unit / shares, 0, 0, p.first);
    p.sums = p.mean + most;
    p.mul = (float *)(void *)(p.sums + most);
    p.add = p.mul + most;
    return p;
}

/* sums[j] = of (x[j] - mean[j]) to that power, 1 or 2, over all pixels */
static void sum_columns(const group_part *p, size_t ld, int power)
{
    for (size_t j = 0; j < p->m; j++)
        p->sums[j] = 0;
    for (size_t i = 0; i < p->pixels; i++) {
        const float *x = p->x + i * ld;
        double *sums = p->sums;
        const double *mean = p->mean;
        if (power == 1) {
            TM_VECTOR_LOOP
            for (size_t j = 0; j < p->m; j++)
                sums[j] += x[j];
        } else {
            TM_VECTOR_LOOP
            for (size_t j = 0; j < p->m; j++)
                sums[j] += (x[j] - mean[j]) * (x[j] - mean[j]);
        }
    }
}

/* Of the group whose channels begin at j, over all its numbers. */
static double group_mean_of_sums(const group_part *p, size_t j)
{
    double sum = 0;
    for (size_t k = 0; k < p->n; k++)
        sum += p->sums[j + k];
    return sum / ((double)p->pixels * (double)p->n);
}

/* mean and biased variance in two passes, in double */
static void group_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const group_args *args = step->args;
    group_part p = group_part_of(args, run, unit);
    sum_columns(&p, args->x.ld, 1);
    for (size_t j = 0; j < p.m; j++)
        p.mean[j] = j % p.n ? p.mean[j - 1] : group_mean_of_sums(&p, j);
    sum_columns(&p, args->x.ld, 2);
    double scale = 0;
    for (size_t j = 0; j < p.m; j++) {
        if (j % p.n == 0)
            scale = 1.0 / sqrt(group_mean_of_sums(&p, j) + args->eps);
        double m = scale * (args->weight ? args->weight[p.first + j] : 1.0);
        p.mul[j] = (float)m;
        p.add[j] = (float)((args->bias ? args->bias[p.first + j] : 0.0) - p.mean[j] * m);
    }
    float *y = tm_tensor_channel(run, &args->y, unit / shares_of_groups(args), 0, 0, p.first);
    args->kernel(p.pixels, p.m, p.x, args->x.ld, p.mul, p.add, -INFINITY, INFINITY, y, args->y.ld);
}

static void group_lower(tm_lowering *lowering, const tm_node *node)
{
    const tm_norm_attrs *attrs = node->attrs;
    int at = 1, n = node->shape.c / attrs->groups;
    group_args args = {.x = tm_lower_input(lowering, node, 0),
                       .y = tm_lower_output(lowering, node),
                       .groups = attrs->groups,
                       .together = tm_least(tm_ceil_div(TM_LINE_FLOATS, n), attrs->groups),
                       .eps = attrs->eps,
                       .kernel = tm_lower_kernels(lowering)->affine_f32};
    args.weight = kept(lowering, node, attrs->weight, &at);
    args.bias = kept(lowering, node, attrs->bias, &at);
    size_t channels = (size_t)n * (size_t)args.together;
    tm_lower_step(lowering, node, group_run, group_units, &args, sizeof args,
                  2 * channels * (sizeof(double) + sizeof(float)));
}

static void norm_lower(tm_lowering *lowering, const tm_node *node)
{
    switch (((const tm_norm_attrs *)node->attrs)->kind) {
    case TM_NORM_BATCH:
        batch_lower(lowering, node);
        break;
    case TM_NORM_LAYER:
    case TM_NORM_RMS:
        layer_lower(lowering, node);
        break;
    case TM_NORM_GROUP:
        group_lower(lowering, node);
        break;
    case TM_NORM_SIMPLE: /* tm_normalize makes no such node */
        break;
    }
}

static tm_types norm_types(const tm_lowering *lowering, const tm_node *node)
{
    (void)lowering;
    bool group = ((const tm_norm_attrs *)node->attrs)->kind == TM_NORM_GROUP;
    return group ? TM_TYPES_F32 : TM_TYPES_SAME;
}

static bool norm_reach(const tm_lowering *lowering, const tm_node *node, tm_reach *reach)
{
    (void)lowering;
    tm_norm_kind kind = ((const tm_norm_attrs *)node->attrs)->kind;
    *reach = (tm_reach){.stride = 1, .rows = 1, .pixel = true};
    return kind == TM_NORM_LAYER || kind == TM_NORM_RMS;
}

const tm_op tm_op_norm = {.name = "norm",
                          .lower = norm_lower,
                          .in_place = true,
                          .types_of = norm_types,
                          .reach = norm_reach};
