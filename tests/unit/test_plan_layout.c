/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where activations live. Random graphs are run symbolically over their layout: every element of
 * every tensor is a number of its own, and each step must find its inputs as they were written.
 */
#include "kernels/dispatch.h"
#include "plan/layout.h"
#include "plan/types.h"
#include "tests/unit/harness.h"

/* ---- random graphs ---- */

enum { MAX_NODES = 48 };

typedef struct garden {
    net n;
    tm_node *nodes[MAX_NODES * 2];
    int count;
} garden;

static tm_node *pick(garden *g)
{
    size_t from = coin() && g->count > 4 ? (size_t)g->count - 4 : 0;
    return g->nodes[from + below((size_t)g->count - from)];
}

static bool same_shape(tm_shape a, tm_shape b)
{
    return a.h == b.h && a.w == b.w && a.c == b.c;
}

/* up to 4 nodes that can stand beside x; x itself at a random place */
static int gather(garden *g, tm_node *x, bool tokens, tm_node *parts[4])
{
    int count = 1;
    parts[0] = x;
    for (int tries = 0; tries < 12 && count < 4; tries++) {
        tm_node *y = pick(g);
        bool fits = tokens ? y->shape.h == 1 && y->shape.c == x->shape.c
                           : y->shape.h == x->shape.h && y->shape.w == x->shape.w;
        if (fits)
            parts[count++] = y;
    }
    size_t place = below((size_t)count);
    parts[0] = parts[place];
    parts[place] = x;
    return count;
}

static tm_node *grow_shape(garden *g, tm_node *x, size_t kind)
{
    tm_builder *b = &g->n.b;
    tm_node *parts[4];
    tm_shape s = x->shape;
    int begin;
    switch (kind) {
    case 0:
        begin = between(0, s.c - 1);
        return tm_slice_c(b, x, begin, between(1, s.c - begin));
    case 1:
        begin = between(0, s.w - 1);
        return s.h == 1 ? tm_slice_w(b, x, begin, between(1, s.w - begin)) : x;
    case 2:
        if (s.c > 40)
            return x;
        return tm_concat_c(b, gather(g, x, false, parts), parts);
    case 3:
        if (s.h > 1 || s.w > 40)
            return x;
        return tm_concat_w(b, gather(g, x, true, parts), parts);
    case 4:
        return tm_reshape(b, x, 1, s.h * s.w, s.c);
    default:
        return s.h * s.w * s.c <= 200 ? tm_reshape(b, x, 1, 1, s.h * s.w * s.c) : x;
    }
}

static tm_node *grow_arithmetic(garden *g, tm_node *x, size_t kind)
{
    tm_builder *b = &g->n.b;
    char name[16];
    snprintf(name, sizeof name, "n%d", g->count);
    tm_node *y = pick(g);
    switch (kind) {
    case 0:
        return tm_linear(b, name, x, between(1, 12), coin());
    case 1:
        return tm_add(b, tm_conv2d(b, name, x, (tm_conv){.out = x->shape.c, .kernel = 3}), x);
    case 2:
        return tm_activate(b, x, coin() ? TM_ACT_RELU : TM_ACT_SIGMOID);
    case 3:
        return tm_affine(b, x, 0.5f, 0.25f);
    case 4:
        return same_shape(x->shape, y->shape) ? tm_add(b, x, y) : tm_sub(b, x, x);
    case 5:
        return tm_mul(b, x, tm_reduce_hw(b, x, TM_REDUCE_AVG));
    case 6:
        return tm_softmax_c(b, x, 1);
    case 7:
        return tm_pool2d(b, x, (tm_pool){.max = true, .kernel = 3, .stride = 1, .pad = 1});
    default:
        return tm_normalize(b, name, x, (tm_norm){.kind = TM_NORM_LAYER});
    }
}

/* The same seed grows the same graph. */
static void grow(garden *g, uint64_t seed)
{
    random_state = seed * 7919;
    g->count = 0;
    net_open(&g->n, (tm_shape){between(1, 4), between(1, 4), between(1, 9)});
    g->nodes[g->count++] = g->n.graph.input;
    int wanted = between(2, MAX_NODES);
    for (int i = 0; i < wanted; i++) {
        tm_node *x = pick(g);
        x = below(5) < 2 ? grow_shape(g, x, below(6)) : grow_arithmetic(g, x, below(9));
        g->nodes[g->count++] = x;
    }
}

/* ---- symbolic execution ---- */

enum { CELL = 2 /* bytes: of the smallest numbers */ };

typedef struct simulation {
    const tm_graph *graph;
    tm_arena_layout layout;
    uint64_t seed;
    int batch;
    uint64_t *arena;   /* what stands in each cell */
    uint64_t **values; /* by node id: [batch][pixels][c] */
} simulation;

static size_t node_size(const simulation *s, const tm_node *x)
{
    return (size_t)s->batch * (size_t)x->shape.h * (size_t)x->shape.w * (size_t)x->shape.c;
}

/* in cells */
static size_t memory_size(const simulation *s)
{
    return (s->layout.bytes[TM_SPACE_ARENA] + s->layout.bytes[TM_SPACE_KEPT]) / CELL;
}

static size_t cells_of(const tm_node *x)
{
    return tm_dtype_size(x->type) / CELL;
}

/* The kept space behind the arena. */
static size_t base_of(const tm_arena_layout *layout, tm_place place)
{
    const tm_storage *storage = &layout->storages[place.storage];
    size_t base = storage->space == TM_SPACE_KEPT ? layout->bytes[TM_SPACE_ARENA] : 0;
    return base + storage->offset + place.offset;
}

/* the first cell of element i of x */
static size_t address(const simulation *s, const tm_node *x, size_t i)
{
    tm_place place = s->layout.places[x->id];
    size_t c = (size_t)x->shape.c, pixels = (size_t)x->shape.h * (size_t)x->shape.w;
    size_t number = i / c / pixels * place.stride + i / c % pixels * place.ld + i % c;
    size_t at = base_of(&s->layout, place) / CELL + number * cells_of(x);
    assert_true(at + cells_of(x) <= memory_size(s));
    return at;
}

static uint64_t element(const simulation *s, const tm_node *x, int n, int pixel, int c)
{
    size_t pixels = (size_t)x->shape.h * (size_t)x->shape.w;
    return s->values[x->id][((size_t)n * pixels + (size_t)pixel) * (size_t)x->shape.c + (size_t)c];
}

/* What x must hold: its own numbers, or its inputs' where it only moves them. */
static void set_values(simulation *s, const tm_node *x)
{
    size_t size = node_size(s, x), per_picture = size / (size_t)s->batch;
    uint64_t *out = s->values[x->id] = malloc(size * sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < size; i++)
        out[i] = ((uint64_t)x->id + 1) << 32 | i;
    int c = x->shape.c;
    if (x->op && x->op->view) {
        const tm_node *from = x->inputs[0];
        int channel, token;
        x->op->view_offset(x, &channel, &token);
        for (size_t i = 0; i < size; i++) {
            int n = (int)(i / per_picture), k = (int)(i % per_picture), fc = from->shape.c;
            out[i] = x->op == &tm_op_reshape ? element(s, from, n, k / fc, k % fc)
                                             : element(s, from, n, k / c + token, k % c + channel);
        }
    } else if (x->op && x->op->part_offset) {
        for (int part = 0; part < x->input_count; part++) {
            const tm_node *from = x->inputs[part];
            int channel, token, pixels = from->shape.h * from->shape.w, fc = from->shape.c;
            x->op->part_offset(x, part, &channel, &token);
            for (int n = 0; n < s->batch; n++)
                for (int i = 0; i < pixels * fc; i++)
                    out[(size_t)n * per_picture +
                        (size_t)((i / fc + token) * c + i % fc + channel)] =
                        element(s, from, n, i / fc, i % fc);
        }
    }
}

static bool holds(const simulation *s, const tm_node *x, size_t i)
{
    size_t at = address(s, x, i), same = 0;
    for (size_t cell = 0; cell < cells_of(x); cell++)
        same += s->arena[at + cell] == s->values[x->id][i];
    return same == cells_of(x);
}

static void expect_values(const simulation *s, const tm_node *x, const tm_node *reader)
{
    size_t size = node_size(s, x);
    for (size_t i = 0; i < size; i++)
        if (!holds(s, x, i))
            fail_msg("graph %zu: node %d (%s) finds node %d (%s) overwritten at element %zu",
                     (size_t)s->seed, reader->id, reader->op ? reader->op->name : "tap", x->id,
                     x->op ? x->op->name : "input", i);
}

static bool same_place(const simulation *s, const tm_node *a, const tm_node *b)
{
    tm_place p = s->layout.places[a->id], q = s->layout.places[b->id];
    return address(s, a, 0) == address(s, b, 0) && a->type == b->type && p.ld == q.ld &&
           p.stride == q.stride && same_shape(a->shape, b->shape);
}

static bool overlap(const simulation *s, const tm_node *a, const tm_node *b, unsigned char *marks)
{
    memset(marks, 0, memory_size(s));
    for (size_t i = 0; i < node_size(s, a); i++)
        memset(marks + address(s, a, i), 1, cells_of(a));
    for (size_t i = 0; i < node_size(s, b); i++)
        if (memchr(marks + address(s, b, i), 1, cells_of(b)))
            return true;
    return false;
}

/* A step may write over an input only element by element, and over one input only. */
static void expect_no_hazard(const simulation *s, const tm_node *x)
{
    unsigned char *marks = malloc(memory_size(s));
    assert_non_null(marks);
    bool adds = x->op == &tm_op_conv2d && ((const tm_conv_attrs *)x->attrs)->epilogue.residual;
    for (int k = 0; k < x->input_count; k++) {
        const tm_node *from = x->inputs[k];
        if (from->constant || !overlap(s, x, from, marks))
            continue;
        bool allowed = (x->op->in_place && k == 0) || (adds && k == x->input_count - 1);
        if (!allowed || !same_place(s, x, from))
            fail_msg("graph %zu: node %d (%s) writes over its input %d while it reads it",
                     (size_t)s->seed, x->id, x->op->name, k);
    }
    free(marks);
}

static void step(simulation *s, const tm_node *x)
{
    set_values(s, x);
    if (x->op && x->op->view &&
        s->layout.places[x->id].storage == s->layout.places[x->inputs[0]->id].storage) {
        expect_values(s, x, x); /* the place is the right part of its input's */
        return;
    }
    for (int k = 0; k < x->input_count; k++)
        if (!x->inputs[k]->constant)
            expect_values(s, x->inputs[k], x);
    if (x->op && !x->op->part_offset)
        expect_no_hazard(s, x);
    for (size_t i = 0; i < node_size(s, x); i++)
        for (size_t cell = 0; cell < cells_of(x); cell++)
            s->arena[address(s, x, i) + cell] = s->values[x->id][i];
    for (int k = 0; x->op && x->op->part_offset && k < x->input_count; k++)
        expect_values(s, x->inputs[k], x); /* parts that were copied left the others alone */
}

static void simulate(const tm_graph *graph, uint64_t seed, int batch)
{
    tm_error error = {0};
    simulation s = {.graph = graph, .seed = seed, .batch = batch};
    assert_int_equal(tm_layout_make(graph, NULL, batch, batch, &s.layout, &error), TM_OK);
    s.arena = calloc(memory_size(&s), sizeof *s.arena);
    s.values = calloc((size_t)graph->node_count, sizeof *s.values);
    assert_true(s.arena && s.values);
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i]->live && !graph->nodes[i]->constant)
            step(&s, graph->nodes[i]);
    for (int i = 0; i < graph->tap_count; i++)
        if (graph->taps[i].selected)
            expect_values(&s, graph->taps[i].node, graph->taps[i].node);
    for (int i = 0; i < graph->node_count; i++)
        free(s.values[i]);
    free(s.values);
    free(s.arena);
    tm_layout_free(&s.layout);
}

static void nothing_is_overwritten(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= (uint64_t)rounds(400); seed++) {
        garden g;
        grow(&g, seed);
        int taps = between(1, 4);
        for (int i = 0; i < taps; i++)
            net_tap(&g.n, i ? pick(&g) : g.nodes[g.count - 1]);
        if (seed % 2)
            tm_passes_run(&g.n.b);
        else
            tm_pass_prune(&g.n.b);
        if (seed % 4 < 2) /* of two types */
            tm_types_assign(&g.n.b, &(tm_lowering){.isa = TM_ISA_COUNT - 1,
                                                   .kernels = tm_kernels_for(TM_ISA_COUNT - 1),
                                                   .precision = TM_PRECISION_BF16});
        assert_int_equal(g.n.graph.error.status, TM_OK);
        simulate(&g.n.graph, seed, 1 + (int)(seed % 3));
        net_close(&g.n);
    }
}

/* The same graph with every value kept, so that nothing shares memory, gives the same bits. */
static void reuse_changes_no_bit(void **state)
{
    (void)state;
    for (uint64_t seed = 1001; seed <= 1000 + (uint64_t)rounds(120); seed++) {
        garden reuse, keep;
        grow(&reuse, seed);
        grow(&keep, seed);
        int taps[3];
        for (int i = 0; i < 3; i++) {
            taps[i] = i ? between(0, reuse.count - 1) : reuse.count - 1;
            net_tap(&reuse.n, reuse.nodes[taps[i]]);
        }
        for (int i = 0; i < keep.count; i++)
            net_tap(&keep.n, keep.nodes[i]);
        tm_isa isa = (tm_isa)below(TM_ISA_COUNT);
        net_plan(&reuse.n, (net_options){.max_batch = 2, .passes = true, .isa = isa});
        net_plan(&keep.n, (net_options){.max_batch = 2, .isa = isa});
        net_run(&reuse.n, 2);
        net_run(&keep.n, 2);
        for (int i = 0; i < 3; i++) {
            float *got = net_read(&reuse.n, i, 1), *want = net_read(&keep.n, taps[i], 1);
            if (memcmp(got, want, net_size(&reuse.n, i) * sizeof *got) != 0)
                fail_msg("graph %zu: node %d differs", (size_t)seed, reuse.nodes[taps[i]]->id);
            free(got);
            free(want);
        }
        net_close(&reuse.n);
        net_close(&keep.n);
    }
}

/* ---- single rules ---- */

static size_t start_of(const tm_arena_layout *layout, const tm_node *x)
{
    return base_of(layout, layout->places[x->id]);
}

/* Lays out what was tapped; returns whether y begins where x does. */
static bool shares(net *n, const tm_node *x, const tm_node *y)
{
    tm_arena_layout layout;
    tm_error error = {0};
    tm_pass_prune(&n->b);
    assert_int_equal(tm_layout_make(&n->graph, NULL, 2, 2, &layout, &error), TM_OK);
    bool same = start_of(&layout, x) == start_of(&layout, y);
    tm_layout_free(&layout);
    return same;
}

static void in_place_only_over_the_dying(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        net n;
        net_open(&n, (tm_shape){4, 4, 8});
        tm_builder *b = &n.b;
        tm_node *x = tm_linear(b, "fc", n.graph.input, 8, true);
        tm_node *y = tm_activate(b, x, TM_ACT_SILU);
        if (kind == 1) /* x is used again later */
            y = tm_add(b, tm_activate(b, y, TM_ACT_TANH), x);
        net_tap(&n, y);
        if (kind == 2)
            net_tap(&n, x);
        if (kind == 3) /* a view of x is used later */
            net_tap(&n, tm_concat_c(b, 2, (tm_node *[]){y, tm_slice_c(b, x, 0, 3)}));
        const tm_node *act = kind == 1 ? y->inputs[0]->inputs[0] : y;
        assert_int_equal(shares(&n, x, act), kind == 0);
        net_close(&n);
    }
}

static void never_over_the_input(void **state)
{
    (void)state;
    net n;
    net_open(&n, (tm_shape){4, 4, 8});
    tm_node *y = tm_activate(&n.b, n.graph.input, TM_ACT_SILU);
    net_tap(&n, y);
    assert_false(shares(&n, n.graph.input, y));
    net_close(&n);
}

static void residual_in_place(void **state)
{
    (void)state;
    net n;
    net_open(&n, (tm_shape){4, 4, 8});
    tm_builder *b = &n.b;
    tm_node *x = tm_linear(b, "a", n.graph.input, 8, true), *y = tm_linear(b, "b", x, 8, true);
    tm_node *other = tm_linear(b, "c", n.graph.input, 8, true);
    tm_node *own = tm_add(b, y, x), *apart = tm_add(b, tm_linear(b, "d", own, 8, true), other);
    net_tap(&n, apart);
    tm_passes_run(b);
    assert_ptr_equal(own->op, &tm_op_conv2d);
    /* own reads x as its rows as well: not over x; apart may take the place of other */
    assert_false(shares(&n, x, own));
    assert_true(shares(&n, other, apart));
    net_close(&n);
}

static void parts_stand_in_their_concatenation(void **state)
{
    (void)state;
    net n;
    net_open(&n, (tm_shape){4, 4, 8});
    tm_builder *b = &n.b;
    tm_node *x = tm_linear(b, "a", n.graph.input, 5, true), *y = tm_linear(b, "b", x, 7, true);
    tm_node *inner = tm_concat_c(b, 2, (tm_node *[]){x, y});
    tm_node *outer = tm_concat_c(b, 3, (tm_node *[]){n.graph.input, inner, x});
    net_tap(&n, outer);
    net_plan(&n, (net_options){.max_batch = 2});
    assert_int_equal(net_steps(&n, "conv2d"), 2);
    assert_int_equal(net_steps(&n, "concat_c"), 2); /* the input and the second x are copied */
    net_run(&n, 2);
    for (int i = 0; i < 16; i++)
        for (int c = 0; c < 5; c++)
            assert_true(net_at(&n, 0, 1, i / 4, i % 4, 8 + c) ==
                        net_at(&n, 0, 1, i / 4, i % 4, 20 + c));
    net_close(&n);
}

/* A batch whose bytes cannot be counted is refused. */
static void too_large_a_batch(void **state)
{
    (void)state;
    net n;
    tm_arena_layout layout;
    net_open(&n, (tm_shape){16384, 16384, 4096});
    net_tap(&n, tm_activate(&n.b, n.graph.input, TM_ACT_RELU));
    tm_pass_prune(&n.b);
    assert_int_equal(tm_layout_make(&n.graph, NULL, 2000000000, 1, &layout, &n.error),
                     TM_NO_MEMORY);
    assert_non_null(strstr(n.error.message, "2000000000"));
    net_close(&n);
}

int main(void)
{
    tm_kernels_emulate(); /* else only some machines have two types of activations */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_overwritten),
        cmocka_unit_test(reuse_changes_no_bit),
        cmocka_unit_test(in_place_only_over_the_dying),
        cmocka_unit_test(never_over_the_input),
        cmocka_unit_test(residual_in_place),
        cmocka_unit_test(parts_stand_in_their_concatenation),
        cmocka_unit_test(too_large_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
