/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/layout.h"

#include <limits.h>
#include <stdlib.h>

enum { ALIGN = 64 };

typedef struct layouter {
    const tm_graph *graph;
    tm_arena_layout *layout;
    const tm_strips *strips;
    int max_batch, walk_batch;
    int *concat_of, *part_of; /* by node id: the concatenation it writes into, or -1 */
    bool failed;
} layouter;

static size_t pixels(const tm_node *node)
{
    return (size_t)node->shape.h * (size_t)node->shape.w;
}

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* A part of what lies at `place`: `channel` numbers and `token` pixels behind its begin. */
static void move(tm_place *place, const tm_node *node, int channel, int token)
{
    size_t numbers = (size_t)channel + (size_t)token * place->ld;
    place->offset += numbers * tm_dtype_size(node->type);
}

/* ---- storages and places ---- */

static bool in_strip(const layouter *l, const tm_node *node)
{
    return l->strips && l->strips->space[node->id] != 0;
}

static tm_place new_storage(layouter *l, const tm_node *node)
{
    tm_arena_layout *layout = l->layout;
    tm_place place = {.storage = layout->storage_count,
                      .ld = (size_t)node->shape.c,
                      .stride = pixels(node) * (size_t)node->shape.c};
    tm_storage *storage = &layout->storages[layout->storage_count];
    *storage = (tm_storage){.first = node->id, .last = node->id, .merged = layout->storage_count};
    storage->bytes =
        place.stride *
        tm_dtype_size(node->type); /* of one picture, as long as its space is not known */
    layout->storage_count++;
    if (in_strip(l, node)) {
        storage->space = (tm_space)l->strips->space[node->id];
        place.stride = 0; /* there is one picture of it */
    }
    return place;
}

/* A reshape of memory with gaps must copy; it then has memory of its own. */
static bool is_view(const layouter *l, const tm_node *node)
{
    if (!node->op || !node->op->view || node->inputs[0]->constant)
        return false;
    const tm_node *x = node->inputs[0];
    tm_place from = l->layout->places[x->id];
    bool keeps_pixels = !node->op->regroups || node->shape.c == x->shape.c;
    return keeps_pixels || from.ld == (size_t)x->shape.c;
}

static tm_place place_of(layouter *l, tm_node *node);

static tm_place part_place(layouter *l, tm_node *node)
{
    tm_node *concat = l->graph->nodes[l->concat_of[node->id]];
    int channel, token;
    concat->op->part_offset(concat, l->part_of[node->id], &channel, &token);
    tm_place place = place_of(l, concat);
    move(&place, node, channel, token);
    return place;
}

static tm_place place_of(layouter *l, tm_node *node)
{
    tm_place *known = &l->layout->places[node->id];
    if (known->storage >= 0)
        return *known;
    if (l->concat_of[node->id] >= 0) {
        *known = part_place(l, node);
    } else if (is_view(l, node)) {
        const tm_node *x = node->inputs[0];
        int channel, token;
        tm_place place = l->layout->places[x->id];
        node->op->view_offset(node, &channel, &token);
        move(&place, node, channel, token);
        if (node->op->regroups && node->shape.c != x->shape.c)
            place.ld = (size_t)node->shape.c;
        *known = place;
    } else {
        *known = new_storage(l, node);
    }
    return *known;
}

/* A node may write straight into a concatenation when it computes memory of its own. */
static void find_parts(layouter *l)
{
    const tm_graph *graph = l->graph;
    for (int i = 0; i < graph->node_count; i++) {
        const tm_node *node = graph->nodes[i];
        l->concat_of[i] = -1;
        l->layout->places[i].storage = -1;
        if (!node->live || !node->op || !node->op->part_offset)
            continue;
        for (int k = 0; k < node->input_count; k++) {
            const tm_node *x = node->inputs[k];
            if (x->constant || x == graph->input || x->op->view || l->concat_of[x->id] >= 0)
                continue;
            l->concat_of[x->id] = i;
            l->part_of[x->id] = k;
        }
    }
}

/* ---- lifetimes ---- */

static int root(const tm_arena_layout *layout, int storage)
{
    while (layout->storages[storage].merged != storage)
        storage = layout->storages[storage].merged;
    return storage;
}

static void extend(const layouter *l, const tm_node *node, int at)
{
    tm_place place = l->layout->places[node->id];
    if (place.storage < 0)
        return;
    tm_storage *storage = &l->layout->storages[place.storage];
    if (at > storage->last)
        storage->last = at;
    if (at < storage->first)
        storage->first = at;
}

/* The input and the selected taps are there before and after the run; what a strip reads is there
 * until its last step ran. */
static void find_lifetimes(const layouter *l)
{
    const tm_graph *graph = l->graph;
    for (int i = 0; i < graph->node_count; i++) {
        const tm_node *node = graph->nodes[i];
        if (!node->live || node->constant)
            continue;
        extend(l, node, i);
        int last = l->strips ? l->strips->end[i] : i;
        for (int k = 0; k < node->input_count; k++)
            extend(l, node->inputs[k], last);
    }
    for (int i = 0; i < graph->tap_count; i++)
        if (graph->taps[i].selected)
            extend(l, graph->taps[i].node, INT_MAX);
    extend(l, graph->input, INT_MAX);
}

/* ---- results in place of an input ---- */

/* The input whose memory the result may take, or -1. */
static int in_place_input(const tm_node *node)
{
    if (node->op && node->op->addend)
        return node->op->addend(node);
    return node->op && node->op->in_place ? 0 : -1;
}

static bool owns_storage(const tm_arena_layout *layout, const tm_node *node)
{
    tm_place place = layout->places[node->id];
    return place.storage >= 0 && place.offset == 0 && place.ld == (size_t)node->shape.c &&
           place.stride == pixels(node) * place.ld;
}

/* Another input in the same memory could be read after it was overwritten. */
static bool others_are_apart(const tm_arena_layout *layout, const tm_node *node, int which)
{
    int storage = root(layout, layout->places[node->inputs[which]->id].storage);
    for (int k = 0; k < node->input_count; k++) {
        int other = layout->places[node->inputs[k]->id].storage;
        if (k != which && other >= 0 && root(layout, other) == storage)
            return false;
    }
    return true;
}

static void merge_in_place(const layouter *l)
{
    tm_arena_layout *layout = l->layout;
    for (int i = 0; i < l->graph->node_count; i++) {
        const tm_node *node = l->graph->nodes[i];
        int which = node->live && !node->constant ? in_place_input(node) : -1;
        /* the first steps of a strip would read what the last one wrote in another */
        if (which < 0 || l->concat_of[i] >= 0 || in_strip(l, node->inputs[0]))
            continue;
        const tm_node *x = node->inputs[which];
        if (x->constant || x == l->graph->input || x->type != node->type ||
            !owns_storage(layout, x) || !owns_storage(layout, node) ||
            !others_are_apart(layout, node, which))
            continue;
        tm_storage *from = &layout->storages[root(layout, layout->places[x->id].storage)];
        tm_storage *to = &layout->storages[layout->places[i].storage];
        if (from->last != i || from->bytes != to->bytes)
            continue;
        from->last = to->last;
        to->merged = (int)(from - layout->storages);
    }
}

/* ---- spaces ---- */

static void choose_spaces(layouter *l)
{
    tm_arena_layout *layout = l->layout;
    for (int i = 0; i < layout->storage_count; i++) {
        tm_storage *storage = &layout->storages[i];
        if (storage->space >= TM_SPACES)
            continue;
        bool kept = layout->storages[root(layout, i)].last == INT_MAX;
        storage->space = kept ? TM_SPACE_KEPT : TM_SPACE_ARENA;
        size_t pictures = (size_t)(kept ? l->max_batch : l->walk_batch);
        if (!tm_size_mul(storage->bytes, pictures, &storage->bytes) ||
            storage->bytes > SIZE_MAX / 64)
            l->failed = true;
    }
}

/* ---- offsets ---- */

static int by_size(const void *a, const void *b)
{
    const tm_storage *x = *(const tm_storage *const *)a, *y = *(const tm_storage *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->first < y->first ? -1 : x->first > y->first;
}

static bool overlap_in_time(const tm_storage *a, const tm_storage *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest gap that no placed storage of the same time touches; `placed` is sorted by offset. */
static void place_storage(tm_storage **placed, int *count, tm_storage *storage)
{
    size_t need = aligned(storage->bytes), at = 0;
    for (int i = 0; i < *count; i++) {
        if (!overlap_in_time(placed[i], storage))
            continue;
        if (placed[i]->offset >= at + need)
            break;
        size_t end = placed[i]->offset + placed[i]->bytes;
        at = aligned(end) > at ? aligned(end) : at;
    }
    storage->offset = at;
    int slot = (*count)++;
    for (; slot > 0 && placed[slot - 1]->offset > at; slot--)
        placed[slot] = placed[slot - 1];
    placed[slot] = storage;
}

static bool assign_offsets(tm_arena_layout *layout)
{
    size_t count = (size_t)layout->storage_count;
    tm_storage **order = malloc((count + 1) * sizeof *order);
    tm_storage **placed = malloc((count + 1) * sizeof *placed);
    for (int space = 0; order && placed && space < TM_SPACES; space++) {
        int roots = 0, done = 0;
        for (int i = 0; i < layout->storage_count; i++)
            if (layout->storages[i].merged == i && (int)layout->storages[i].space == space)
                order[roots++] = &layout->storages[i];
        qsort(order, (size_t)roots, sizeof *order, by_size);
        for (int i = 0; i < roots; i++) {
            place_storage(placed, &done, order[i]);
            size_t end = aligned(order[i]->offset + order[i]->bytes);
            layout->bytes[space] = end > layout->bytes[space] ? end : layout->bytes[space];
        }
    }
    if (order && placed) {
        for (int i = 0; i < layout->storage_count; i++)
            layout->storages[i].offset = layout->storages[root(layout, i)].offset;
    }
    bool good = order && placed;
    free(order);
    free(placed);
    return good;
}

tm_status tm_layout_make(const tm_graph *graph, const tm_strips *strips, int max_batch,
                         int walk_batch, tm_arena_layout *layout, tm_error *error)
{
    size_t count = (size_t)graph->node_count;
    *layout = (tm_arena_layout){.places = calloc(count, sizeof *layout->places),
                                .storages = calloc(count, sizeof *layout->storages)};
    layouter l = {.graph = graph,
                  .layout = layout,
                  .strips = strips,
                  .max_batch = max_batch,
                  .walk_batch = walk_batch,
                  .concat_of = calloc(count, sizeof(int)),
                  .part_of = calloc(count, sizeof(int))};
    if (layout->places && layout->storages && l.concat_of && l.part_of) {
        find_parts(&l);
        for (int i = 0; i < graph->node_count; i++)
            if (graph->nodes[i]->live && !graph->nodes[i]->constant)
                place_of(&l, graph->nodes[i]);
        find_lifetimes(&l);
        merge_in_place(&l);
        choose_spaces(&l);
        l.failed = l.failed || !assign_offsets(layout);
    } else {
        l.failed = true;
    }
    free(l.concat_of);
    free(l.part_of);
    if (!l.failed)
        return TM_OK;
    tm_layout_free(layout);
    return tm_fail(error, TM_NO_MEMORY, "no memory to plan a batch of %d", max_batch);
}

void tm_layout_free(tm_arena_layout *layout)
{
    free(layout->places);
    free(layout->storages);
    *layout = (tm_arena_layout){0};
}
