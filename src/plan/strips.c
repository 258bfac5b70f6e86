/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/strips.h"

#include <math.h>
#include <stdlib.h>

#include "graph/constant.h"
#include "plan/nodes.h"
#include "steps/lower.h"

enum {
    LARGE_BYTES = 1536 * 1024, /* of a thread's part of an activation: more leaves L2 */
    WEIGHT_BYTES = 512 * 1024, /* of a strip's steps: they are read again for every strip */
    STRIP_BYTES = 768 * 1024,  /* of activations in a strip */
    UNITS_PER_THREAD = 4       /* so that an uneven machine stays busy */
};

/* Multiply-adds for a byte that stays in L2: those that are computed twice must not outweigh it,
 * and where there are windows, and thus rows to read twice as well, neither may all. */
static const double TWICE_PER_BYTE = 1.0, WINDOWS_PER_BYTE = 8.0;

/* A strip under construction. */
typedef struct draft {
    tm_strip strip;
    const tm_node *nodes[TM_MAX_STRIP];
} draft;

typedef struct finder {
    const tm_graph *graph;
    const tm_lowering *lowering;
    int pictures;
    tm_strips *strips;
} finder;

static size_t weights_of(const tm_node *node)
{
    size_t floats = 0;
    for (int i = 1; i < node->input_count; i++)
        if (node->inputs[i]->constant)
            floats += (size_t)tm_element_count(node->inputs[i]);
    return floats * sizeof(float);
}

static bool is_large(const finder *f, const tm_node *node)
{
    return (double)tm_node_bytes(node) * f->pictures / tm_lower_threads(f->lowering) > LARGE_BYTES;
}

static bool can_join(const finder *f, const tm_node *node, tm_reach *reach)
{
    return tm_is_computed(node) && node->op->reach && node->type == TM_DTYPE_F32 &&
           node->op->reach(f->lowering, node, reach);
}

/* The node that computes next, if it is the only one to read this one's result, as its input 0. */
static const tm_node *reader_of(const finder *f, const tm_node *node)
{
    int i = node->id + 1;
    while (i < f->graph->node_count && !tm_is_computed(f->graph->nodes[i]))
        i++;
    const tm_node *next = i < f->graph->node_count ? f->graph->nodes[i] : NULL;
    return next && node->users == 1 && next->inputs[0] == node ? next : NULL;
}

static void add_stage(draft *d, const tm_node *node, tm_reach reach)
{
    tm_strip *strip = &d->strip;
    d->nodes[strip->count] = node;
    strip->stages[strip->count++] =
        (struct tm_strip_stage){.reach = reach,
                                .h = node->shape.h,
                                .w = node->shape.w,
                                .row_bytes = tm_node_bytes(node) / (size_t)node->shape.h};
}

/* Where each step reads the pixels that it writes, a strip need not be whole rows. */
static void go_by_pixels(tm_strip *strip)
{
    for (int i = 0; i < strip->count; i++)
        if (!strip->stages[i].reach.pixel)
            return;
    for (int i = 0; i < strip->count; i++) {
        struct tm_strip_stage *stage = &strip->stages[i];
        stage->row_bytes /= (size_t)stage->w;
        stage->h *= stage->w;
        stage->w = 1;
    }
}

/* As many rows as fit, in even parts, and enough parts for the threads; false: not one fits. */
static bool choose_rows(const finder *f, tm_strip *strip)
{
    int h = strip->stages[strip->count - 1].h, threads = tm_lower_threads(f->lowering);
    int parts = threads > 1 ? tm_least(tm_ceil_div(UNITS_PER_THREAD * threads, f->pictures), h) : 1;
    while (parts < h && tm_strip_bytes(strip, tm_ceil_div(h, parts)) > STRIP_BYTES)
        parts++;
    strip->rows = tm_ceil_div(h, parts);
    return tm_strip_bytes(strip, strip->rows) <= STRIP_BYTES;
}

static double macs_of(const tm_node *node)
{
    return node->op->macs ? node->op->macs(node) : 0;
}

/* Multiply-adds of the rows of stage i that two strips compute. */
static double computed_twice(const draft *d, int i)
{
    const tm_strip *strip = &d->strip;
    int h = strip->stages[strip->count - 1].h, rows = 0;
    tm_strip_rows need[TM_MAX_STRIP];
    for (int first = 0; first < h; first += strip->rows) {
        tm_strip_need(strip, first, tm_least(first + strip->rows, h), need);
        rows += need[i].end - need[i].first;
    }
    return macs_of(d->nodes[i]) * fmax(0, (double)rows / strip->stages[i].h - 1);
}

static bool pays(const draft *d)
{
    bool windows = false;
    double all = 0, twice = 0, saved = 0;
    for (int i = 0; i < d->strip.count; i++) {
        windows = windows || !d->strip.stages[i].reach.pixel;
        all += macs_of(d->nodes[i]);
    }
    for (int i = 0; i + 1 < d->strip.count; i++) {
        twice += computed_twice(d, i);
        saved += (double)tm_node_bytes(d->nodes[i]);
    }
    return twice <= saved * TWICE_PER_BYTE && (!windows || all <= saved * WINDOWS_PER_BYTE);
}

/* All that could go through strips together from the node on, before what they cost is known. */
static void draw(const finder *f, const tm_node *node, draft *d)
{
    tm_strip *strip = &d->strip;
    tm_reach reach;
    size_t weights = weights_of(node);
    *d = (draft){0};
    if (!can_join(f, node, &reach))
        return;
    add_stage(d, node, reach);
    while (strip->count < TM_MAX_STRIP && is_large(f, node) && (node = reader_of(f, node)) &&
           can_join(f, node, &reach) && (weights += weights_of(node)) <= WEIGHT_BYTES)
        add_stage(d, node, reach);
}

/* The longest strip that pays, from the node on; returns its last node, NULL: there is none. */
static const tm_node *find_from(const finder *f, const tm_node *node, tm_strip *strip)
{
    draft all;
    draw(f, node, &all);
    for (int count = all.strip.count; count > 1; count--) {
        draft d = all;
        d.strip.count = count;
        go_by_pixels(&d.strip);
        if (!choose_rows(f, &d.strip) || !pays(&d))
            continue;
        *strip = d.strip;
        return d.nodes[count - 1];
    }
    return NULL;
}

static void mark(const finder *f, const tm_node *first, const tm_node *last)
{
    int space = TM_SPACE_STRIP;
    for (int i = first->id; i < last->id; i++)
        if (tm_is_computed(f->graph->nodes[i])) {
            f->strips->space[i] = space++;
            f->strips->end[i] = last->id;
        }
}

tm_status tm_strips_find(const tm_graph *graph, const tm_lowering *lowering, int pictures,
                         tm_strips *strips, tm_error *error)
{
    size_t count = (size_t)graph->node_count;
    *strips = (tm_strips){.space = calloc(count + 1, sizeof *strips->space),
                          .end = calloc(count + 1, sizeof *strips->end),
                          .rows = calloc(count + 1, sizeof *strips->rows)};
    if (!strips->space || !strips->end || !strips->rows) {
        tm_strips_free(strips);
        return tm_fail(error, TM_NO_MEMORY, "no memory for the strips of %zu activations", count);
    }
    finder f = {graph, lowering, pictures, strips};
    for (int i = 0; i < graph->node_count; i++)
        strips->end[i] = i;
    for (int i = 0; i < graph->node_count; i++) {
        const tm_node *node = graph->nodes[i];
        const tm_node *last = find_from(&f, node, &strips->rows[strips->count]);
        if (!last)
            continue;
        mark(&f, node, last);
        strips->count++;
        i = last->id;
    }
    return TM_OK;
}

void tm_strips_free(tm_strips *strips)
{
    free(strips->space);
    free(strips->end);
    free(strips->rows);
    *strips = (tm_strips){0};
}
