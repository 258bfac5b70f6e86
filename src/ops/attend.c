/* SPDX-License-Identifier: Apache-2.0 */
/* (kept softmax(scale (q k^T + down + across) + bias + mask) + placed) v. A unit packs the keys and
 * values of a head as panels; blocks of queries then go through both products without leaving the
 * thread's scratch. */
#include <math.h>
#include <string.h>

#include "ops/ops.h"
#include "products/dense.h"

enum { UNITS_PER_THREAD = 4 };

static bool shapes_agree(const tm_node *q, const tm_node *k, const tm_node *v, int heads)
{
    return k->shape.h == q->shape.h && v->shape.h == q->shape.h && k->shape.w == v->shape.w &&
           q->shape.c == k->shape.c && heads > 0 && q->shape.c % heads == 0 &&
           v->shape.c % heads == 0;
}

static bool is_addend(const tm_node *x, int count, const tm_node *q, const tm_node *k)
{
    return x->constant && x->rank == 3 && x->dims[0] == count && x->dims[1] == q->shape.w &&
           x->dims[2] == k->shape.w;
}

static bool are_places(const tm_attention *a, const tm_node *q, const tm_node *k)
{
    const tm_node *down = a->down, *across = a->across;
    return !a->bias && !a->mask && down->shape.h == q->shape.h && down->shape.w == q->shape.w &&
           across->shape.h == q->shape.h && across->shape.w == q->shape.w &&
           (down->shape.c / a->heads) * (across->shape.c / a->heads) <= k->shape.w;
}

tm_node *tm_attend(tm_builder *b, tm_node *q, tm_node *k, tm_node *v, tm_attention attention)
{
    tm_node *inputs[7] = {q, k, v};
    int count = 3;
    tm_attend_attrs attrs = {.heads = attention.heads,
                             .scale = attention.scale,
                             .bias = attention.bias != NULL,
                             .mask = attention.mask != NULL,
                             .places = attention.down != NULL,
                             .mixed = attention.placed != NULL};
    TM_EXPECT(b, shapes_agree(q, k, v, attention.heads),
              "the channels of queries, keys and values do not divide by the heads");
    if (attrs.scale == 0.0f)
        attrs.scale = (float)(1.0 / sqrt((double)q->shape.c / attrs.heads));
    /* the softmax scales what it reads, so addends are divided once, here */
    if (attrs.bias) {
        TM_EXPECT(b, is_addend(attention.bias, attrs.heads, q, k),
                  "a bias of attention has another shape");
        inputs[count++] = tm_const_affine(b, attention.bias, 1.0f / attrs.scale, 0.0f);
    }
    if (attrs.mask) {
        TM_EXPECT(b, is_addend(attention.mask, q->shape.h, q, k),
                  "a mask of attention has another shape");
        inputs[count++] = tm_const_affine(b, attention.mask, 1.0f / attrs.scale, 0.0f);
    }
    if (attrs.places) {
        TM_EXPECT(b, are_places(&attention, q, k),
                  "what attention adds by rows and columns has another shape");
        inputs[count++] = attention.down;
        inputs[count++] = attention.across;
    }
    if (attrs.mixed) {
        TM_EXPECT(b,
                  is_addend(attention.placed, attrs.heads, q, k) &&
                      tm_element_count(attention.kept) == attrs.heads,
                  "what attention is mixed with has another shape");
        inputs[count++] = attention.kept;
        inputs[count++] = attention.placed;
    }
    return tm_activation(b, &tm_op_attend, tm_scoped(b, "attend"), &attrs, sizeof attrs, count,
                         inputs, (tm_shape){q->shape.h, q->shape.w, v->shape.c});
}

typedef struct attend_args {
    tm_tensor q, k, v, y;
    tm_tensor down, across; /* of no channels: there are none */
    int heads, share;       /* share: queries of a unit */
    float scale;
    const float *bias, *mask;   /* [heads][queries][keys], [rows][queries][keys], or NULL */
    const float *kept, *placed; /* [heads], [heads][queries][keys], or NULL */
    size_t dq, dv, keys;        /* of a head; keys: tokens */
    /* of the parts of a unit's scratch */
    size_t scores_ld, key_bytes, value_bytes, score_bytes, addend_bytes, room_bytes;
    tm_multiplier multiplier;
    const tm_kernels *kernels;
} attend_args;

/* A thread's scratch. */
typedef struct attend_scratch {
    void *keys, *values; /* panels */
    float *scores;       /* [rows at once][scores_ld] */
    float *addend;       /* [rows at once][keys] */
    void *room;          /* the multiplier's */
    float *copy;         /* of rows that are not float32, on their way here and back */
} attend_scratch;

/* Which queries a unit computes. */
typedef struct attend_place {
    int first, count, head, row, n;
} attend_place;

static int shares(const attend_args *args)
{
    return tm_ceil_div(args->q.w, args->share);
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

static attend_scratch scratch_of(const attend_args *args, char *scratch)
{
    attend_scratch s = {.keys = scratch};
    s.values = scratch += args->key_bytes;
    s.scores = (float *)(void *)(scratch += args->value_bytes);
    s.addend = (float *)(void *)(scratch += args->score_bytes);
    s.room = scratch += args->addend_bytes;
    s.copy = (float *)(void *)(scratch + args->room_bytes);
    return s;
}

/* Rows of n channels of a head, in float32; ld becomes their distance. */
static const float *read_rows(const attend_args *args, const tm_tensor *t, const void *rows,
                              size_t count, size_t n, const attend_scratch *s, size_t *ld)
{
    *ld = t->ld;
    if (t->type == TM_DTYPE_F32)
        return rows;
    *ld = n;
    args->kernels->f32_of_bf16(count, n, rows, t->ld, s->copy, n);
    return s->copy;
}

/* k^T and v of a head */
static void pack_head(const attend_args *args, const tm_run_state *run, attend_place at,
                      const attend_scratch *s)
{
    size_t ld, head = (size_t)at.head;
    const void *k = tm_tensor_channel(run, &args->k, at.n, at.row, 0, head * args->dq);
    const void *v = tm_tensor_channel(run, &args->v, at.n, at.row, 0, head * args->dv);
    k = read_rows(args, &args->k, k, args->keys, args->dq, s, &ld);
    tm_dense_pack_t(&args->multiplier, k, ld, args->dq, args->keys, s->keys);
    v = read_rows(args, &args->v, v, args->keys, args->dv, s, &ld);
    tm_dense_pack(&args->multiplier, v, ld, args->keys, args->dv, s->values);
}

/* What the queries say of the places of the keys: [count][keys] */
static const float *add_places(const attend_args *args, const tm_run_state *run, attend_place at,
                               int first, size_t count, const attend_scratch *s)
{
    const tm_tensor *down = &args->down, *across = &args->across;
    size_t h = (size_t)(down->c / args->heads), w = (size_t)(across->c / args->heads);
    size_t head = (size_t)at.head, without = args->keys - h * w;
    const float *y = tm_tensor_channel(run, down, at.n, at.row, first, head * h);
    const float *x = tm_tensor_channel(run, across, at.n, at.row, first, head * w);
    for (size_t i = 0; i < count; i++)
        memset(s->addend + i * args->keys, 0, without * sizeof *s->addend);
    for (size_t i = 0; i < h; i++)
        args->kernels->binary_f32(TM_BINARY_ADD, count, w, x, across->ld, y + i, down->ld, true,
                                  s->addend + without + i * w, args->keys);
    return s->addend;
}

/* The scores of queries become kept * them + placed. */
static void mix(const attend_args *args, attend_place at, int first, size_t count,
                const attend_scratch *s)
{
    size_t n = args->keys, ld = args->scores_ld, head = (size_t)at.head;
    const float *placed = args->placed + (head * (size_t)args->q.w + (size_t)first) * n;
    args->kernels->binary_f32(TM_BINARY_MUL, count, n, s->scores, ld, args->kept + head, 0, true,
                              s->scores, ld);
    args->kernels->binary_f32(TM_BINARY_ADD, count, n, s->scores, ld, placed, n, false, s->scores,
                              ld);
}

/* softmax over the keys, for `count` queries from `first` on */
static void score(const attend_args *args, const tm_run_state *run, attend_place at, int first,
                  size_t count, const attend_scratch *s)
{
    size_t queries = (size_t)args->q.w, query = (size_t)first;
    const float *bias = args->bias, *mask = args->mask;
    if (bias)
        bias += ((size_t)at.head * queries + query) * args->keys;
    if (mask)
        mask += ((size_t)at.row * queries + query) * args->keys;
    const void *q =
        tm_tensor_channel(run, &args->q, at.n, at.row, first, (size_t)at.head * args->dq);
    size_t ld;
    tm_dense product = {.x = read_rows(args, &args->q, q, count, args->dq, s, &ld),
                        .ld = ld,
                        .count = count,
                        .k = args->dq,
                        .n = args->keys,
                        .panels = s->keys,
                        .addend = args->down.c ? add_places(args, run, at, first, count, s)
                                  : bias       ? bias
                                               : mask,
                        .c = s->scores,
                        .c_ld = args->scores_ld,
                        .room = s->room};
    args->multiplier.kind->multiply(&args->multiplier, &product);
    if (bias && mask)
        args->kernels->binary_f32(TM_BINARY_ADD, count, args->keys, s->scores, args->scores_ld,
                                  mask, args->keys, false, s->scores, args->scores_ld);
    args->kernels->softmax_f32(count, args->keys, args->scale, s->scores, args->scores_ld);
}

static void weigh_values(const attend_args *args, const tm_run_state *run, attend_place at,
                         int first, size_t count, const attend_scratch *s)
{
    bool direct = args->y.type == TM_DTYPE_F32;
    void *y = tm_tensor_channel(run, &args->y, at.n, at.row, first, (size_t)at.head * args->dv);
    tm_dense product = {.x = s->scores,
                        .ld = args->scores_ld,
                        .count = count,
                        .k = args->keys,
                        .n = args->dv,
                        .panels = s->values,
                        .c = direct ? y : s->copy,
                        .c_ld = direct ? args->y.ld : args->dv,
                        .room = s->room};
    args->multiplier.kind->multiply(&args->multiplier, &product);
    if (!direct)
        args->kernels->bf16_of_f32(count, args->dv, s->copy, args->dv, y, args->y.ld);
}

static void attend_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const attend_args *args = step->args;
    attend_place at = place_of(args, unit);
    attend_scratch s = scratch_of(args, run->scratch);
    int rows = args->multiplier.kind->rows;
    pack_head(args, run, at, &s);
    for (int i = 0; i < at.count; i += rows) {
        size_t count = (size_t)(at.count - i < rows ? at.count - i : rows);
        score(args, run, at, at.first + i, count, &s);
        if (args->placed)
            mix(args, at, at.first + i, count, &s);
        weigh_values(args, run, at, at.first + i, count, &s);
    }
}

/* Keys and values are packed again for every share of a head's queries. */
static int choose_share(const attend_args *args, int threads)
{
    int rows = args->multiplier.kind->rows, units = args->q.h * args->heads;
    int blocks = tm_ceil_div(args->q.w, rows),
        parts = tm_ceil_div(UNITS_PER_THREAD * threads, units);
    return tm_ceil_div(blocks, parts < blocks ? parts : blocks) * rows;
}

/* of the keys or values of a head, or of the rows that are multiplied at once */
static size_t copy_bytes(const attend_args *args)
{
    size_t rows = (size_t)args->multiplier.kind->rows;
    bool direct = args->q.type == TM_DTYPE_F32 && args->k.type == TM_DTYPE_F32 &&
                  args->v.type == TM_DTYPE_F32 && args->y.type == TM_DTYPE_F32;
    return direct ? 0
                  : (rows > args->keys ? rows : args->keys) *
                        (args->dq > args->dv ? args->dq : args->dv) * sizeof(float);
}

static void attend_lower(tm_lowering *lowering, const tm_node *node)
{
    const tm_attend_attrs *attrs = node->attrs;
    attend_args args = {.q = tm_lower_input(lowering, node, 0),
                        .k = tm_lower_input(lowering, node, 1),
                        .v = tm_lower_input(lowering, node, 2),
                        .y = tm_lower_output(lowering, node),
                        .heads = attrs->heads,
                        .scale = attrs->scale,
                        .multiplier = tm_multiplier_of(lowering),
                        .kernels = tm_lower_kernels(lowering)};
    if (attrs->bias)
        args.bias = tm_lower_keep(lowering, node->inputs[3]);
    if (attrs->mask)
        args.mask = tm_lower_keep(lowering, node->inputs[attrs->bias ? 4 : 3]);
    if (attrs->places) {
        args.down = tm_lower_input(lowering, node, 3);
        args.across = tm_lower_input(lowering, node, 4);
        TM_ASSERT(args.down.type == TM_DTYPE_F32 && args.across.type == TM_DTYPE_F32);
    }
    if (attrs->mixed) {
        args.kept = tm_lower_keep(lowering, node->inputs[node->input_count - 2]);
        args.placed = tm_lower_keep(lowering, node->inputs[node->input_count - 1]);
    }
    args.dq = (size_t)(args.q.c / args.heads);
    args.dv = (size_t)(args.v.c / args.heads);
    args.keys = (size_t)args.k.w;
    const tm_multiplier *m = &args.multiplier;
    args.scores_ld = tm_panels_of(args.keys) * TM_PANEL;
    args.key_bytes = tm_dense_panels_bytes(m, args.dq, args.keys);
    args.value_bytes = tm_dense_panels_bytes(m, args.keys, args.dv);
    args.score_bytes = (size_t)m->kind->rows * args.scores_ld * sizeof(float);
    if (attrs->places)
        args.addend_bytes = tm_whole_lines((size_t)m->kind->rows * args.keys * sizeof(float));
    args.share = choose_share(&args, tm_lower_threads(lowering));
    args.room_bytes = m->kind->room_bytes(m, args.dq > args.keys ? args.dq : args.keys);
    tm_lower_step(lowering, node, attend_run, attend_units, &args, sizeof args,
                  args.key_bytes + args.value_bytes + args.score_bytes + args.addend_bytes +
                      args.room_bytes + copy_bytes(&args));
}

static double attend_macs(const tm_node *node)
{
    const tm_node *q = node->inputs[0], *k = node->inputs[1];
    return (double)q->shape.h * q->shape.w * k->shape.w * (q->shape.c + node->shape.c);
}

const tm_op tm_op_attend = {
    .name = "attend", .lower = attend_lower, .types = TM_TYPES_ANY, .macs = attend_macs};

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
