/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph as a picture. A node's layer is the longest way to it, layers lie one below the other,
 * and in each the nodes are in the order of what they read. What no picture changes stands above
 * what reads it first: all of it would make the top layer too wide to be read. What goes on in the
 * next layer is a curve; what goes further leaves to the right, runs down in a lane of its own
 * beside all nodes, and comes back, so that no line crosses a box.
 */
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "cli/info_graph.h"
#include "graph/op.h"

enum {
    BOX = 240,
    HEIGHT = 40,
    SPACE = 24, /* between boxes of a layer */
    GAP = 36,   /* between layers */
    LANE = 8,
    MARGIN = 24,
    HEAD = 36,
    TITLE = 10, /* of one of its characters */
    NAME = 34   /* characters of a name that fit a box */
};

typedef struct place {
    int layer, x; /* of its middle, from the middle of the layers */
    int last;     /* layer of the last that reads it, if not the next one; else 0 */
    int lane;
    int reader;   /* the node that reads it first, in the highest layer; 0: none */
    bool reached; /* from the input */
    double order;
} place;

typedef struct sheet {
    const tm_graph *graph;
    place *places;      /* of each node */
    int *nodes, *first; /* nodes by layer; of each layer the first of them */
    int *lane_ends;     /* of each lane the layer up to which it is taken */
    int layers, lanes, half_width;
} sheet;

static bool is_drawn(const sheet *s, const tm_node *node)
{
    return node == s->graph->input || (!node->constant && node->op);
}

/* ---- layers ---- */

static void find_layers(sheet *s)
{
    for (int i = 0; i < s->graph->node_count; i++) {
        const tm_node *node = s->graph->nodes[i];
        place *p = &s->places[i];
        if (!is_drawn(s, node))
            continue;
        for (int k = 0; k < node->input_count; k++) {
            const place *before = &s->places[node->inputs[k]->id];
            if (node->inputs[k]->constant)
                continue;
            p->reached = p->reached || before->reached;
            p->layer = before->layer >= p->layer ? before->layer + 1 : p->layer;
        }
        p->reached = p->reached || node == s->graph->input;
        s->layers = p->layer >= s->layers ? p->layer + 1 : s->layers;
    }
}

/* From the last node up: a node's own layer is known once all that read it have theirs. */
static void find_first_readers(sheet *s)
{
    for (int i = s->graph->node_count - 1; i >= 0; i--) {
        const tm_node *node = s->graph->nodes[i];
        place *p = &s->places[i];
        if (!p->reached && p->reader)
            p->layer = s->places[p->reader].layer - 1;
        for (int k = 0; k < node->input_count && is_drawn(s, node); k++) {
            place *from = &s->places[node->inputs[k]->id];
            if (!from->reader || p->layer <= s->places[from->reader].layer)
                from->reader = i;
        }
    }
}

static void find_last_readers(sheet *s)
{
    for (int i = 0; i < s->graph->node_count; i++) {
        const tm_node *node = s->graph->nodes[i];
        int layer = s->places[i].layer;
        for (int k = 0; k < node->input_count && is_drawn(s, node); k++) {
            place *from = &s->places[node->inputs[k]->id];
            if (!node->inputs[k]->constant && layer > from->layer + 1 && layer > from->last)
                from->last = layer;
        }
    }
}

/* s->nodes by layer, in each as they are in the graph: `first` is moved on while they are put in,
 * and then again where it was. */
static void sort_by_layer(sheet *s)
{
    for (int i = 0; i < s->graph->node_count; i++)
        if (is_drawn(s, s->graph->nodes[i]))
            s->first[s->places[i].layer + 1]++;
    for (int layer = 0; layer < s->layers; layer++)
        s->first[layer + 1] += s->first[layer];
    for (int i = 0; i < s->graph->node_count; i++)
        if (is_drawn(s, s->graph->nodes[i]))
            s->nodes[s->first[s->places[i].layer]++] = i;
    for (int layer = s->layers; layer > 0; layer--)
        s->first[layer] = s->first[layer - 1];
    s->first[0] = 0;
}

/* ---- places in a layer ---- */

/* The middle of what the node reads; without such its reader's, as it was placed before. */
static double find_order(const sheet *s, const tm_node *node)
{
    const place *p = &s->places[node->id];
    if (!p->reached)
        return p->reader ? s->places[p->reader].x : 0;
    double sum = 0;
    int count = 0;
    for (int k = 0; k < node->input_count; k++)
        if (!node->inputs[k]->constant) {
            sum += s->places[node->inputs[k]->id].x;
            count++;
        }
    return count ? sum / count : 0;
}

static void place_layer(sheet *s, int layer)
{
    int *nodes = s->nodes + s->first[layer], count = s->first[layer + 1] - s->first[layer];
    for (int i = 0; i < count; i++)
        s->places[nodes[i]].order = find_order(s, s->graph->nodes[nodes[i]]);
    for (int i = 1; i < count; i++)
        for (int k = i; k && s->places[nodes[k]].order < s->places[nodes[k - 1]].order; k--) {
            int swapped = nodes[k];
            nodes[k] = nodes[k - 1];
            nodes[k - 1] = swapped;
        }
    int width = count * (BOX + SPACE) - SPACE;
    for (int i = 0; i < count; i++)
        s->places[nodes[i]].x = i * (BOX + SPACE) + BOX / 2 - width / 2;
    s->half_width = width / 2 > s->half_width ? width / 2 : s->half_width;
}

/* The first lane that is free where the node's line begins. */
static void take_lane(sheet *s, place *p)
{
    int lane = 0;
    while (lane < s->lanes && s->lane_ends[lane] > p->layer)
        lane++;
    s->lanes = lane == s->lanes ? lane + 1 : s->lanes;
    s->lane_ends[lane] = p->last;
    p->lane = lane;
}

static void place_all(sheet *s)
{
    find_layers(s);
    find_first_readers(s);
    find_last_readers(s);
    sort_by_layer(s);
    for (int turn = 0; turn < 2; turn++) /* what waits for its reader's place has it then */
        for (int layer = 0; layer < s->layers; layer++)
            place_layer(s, layer);
    for (int layer = 0; layer < s->layers; layer++)
        for (int i = s->first[layer]; i < s->first[layer + 1]; i++)
            if (s->places[s->nodes[i]].last)
                take_lane(s, &s->places[s->nodes[i]]);
}

/* ---- writing ---- */

/* Characters of markup as such. */
static void add_text(tm_buffer *out, const char *text)
{
    tm_buffer plain = {0};
    tm_text_escaped(&plain, text);
    for (const char *p = plain.failed || !plain.data ? "" : plain.data; *p; p++)
        if (strchr("&<>\"'", *p))
            tm_buffer_printf(out, "&#%d;", *p);
        else
            tm_buffer_putc(out, *p);
    out->failed = out->failed || plain.failed;
    tm_buffer_free(&plain);
}

/* The end of a long name says more than its begin. */
static void add_name(tm_buffer *out, const char *name)
{
    size_t length = strlen(name);
    if (length > NAME) {
        name += length - NAME + strlen("...");
        while ((*name & 0xC0) == 0x80)
            name++;
        tm_buffer_puts(out, "...");
    }
    add_text(out, name);
}

static int left_of(const sheet *s, const place *p)
{
    return MARGIN + s->half_width + p->x - BOX / 2;
}

static int middle_of(const sheet *s, const place *p)
{
    return left_of(s, p) + BOX / 2;
}

static int top_of(int layer)
{
    return HEAD + MARGIN + layer * (HEIGHT + GAP);
}

static const char *class_of(const tm_node *node)
{
    static const char *const classes[][2] = {{"conv", "c"},   {"matmul", "c"}, {"attend", "t"},
                                             {"norm", "n"},   {"act", "a"},    {"pool", "p"},
                                             {"reduce", "p"}, {"binary", "b"}, {"concat", "b"}};
    for (size_t i = 0; node->op && i < sizeof classes / sizeof *classes; i++)
        if (strstr(node->op->name, classes[i][0]))
            return classes[i][1];
    return "o";
}

static void add_node(tm_buffer *out, const sheet *s, int id)
{
    const tm_node *node = s->graph->nodes[id];
    const place *p = &s->places[id];
    const char *op = node->op ? node->op->name : "input", *name = node->op ? node->name : "";
    double macs = node->op && node->op->macs ? node->op->macs(node) : 0;
    int x = left_of(s, p), y = top_of(p->layer);
    tm_buffer_puts(out, "<g><title>");
    add_text(out, name);
    tm_buffer_printf(out, "\n%s, height %d, width %d, %d channels", op, node->shape.h,
                     node->shape.w, node->shape.c);
    if (macs > 0)
        tm_buffer_printf(out, "\n%.3f million multiply-adds", macs * 1e-6);
    tm_buffer_printf(out,
                     "</title><rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
                     "rx=\"4\"/><text class=\"h\" x=\"%d\" y=\"%d\">%s  %dx%dx%d</text>"
                     "<text x=\"%d\" y=\"%d\">",
                     class_of(node), x, y, BOX, HEIGHT, x + 8, y + 16, op, node->shape.h,
                     node->shape.w, node->shape.c, x + 8, y + 32);
    add_name(out, name);
    tm_buffer_puts(out, "</text></g>\n");
}

/* To the next layer a curve; further a line in the source's lane. */
static void add_edge(tm_buffer *out, const sheet *s, const place *from, const place *to)
{
    int x = middle_of(s, from), y = top_of(from->layer) + HEIGHT;
    int to_x = middle_of(s, to), to_y = top_of(to->layer);
    if (to->layer == from->layer + 1) {
        tm_buffer_printf(out, "<path d=\"M%d %dC%d %d %d %d %d %d\"/>\n", x, y, x, y + GAP / 2,
                         to_x, to_y - GAP / 2, to_x, to_y);
        return;
    }
    int lane_x = MARGIN + 2 * s->half_width + MARGIN + from->lane * LANE;
    int shift = 6 + from->lane % 4 * 3;
    tm_buffer_printf(out, "<path class=\"l\" d=\"M%d %dV%dH%dV%dH%dV%d\"/>\n", x + 12, y, y + shift,
                     lane_x, to_y - shift - 6, to_x + 12, to_y);
}

static void add_edges(tm_buffer *out, const sheet *s, int id)
{
    const tm_node *node = s->graph->nodes[id];
    for (int k = 0; k < node->input_count; k++)
        if (!node->inputs[k]->constant)
            add_edge(out, s, &s->places[node->inputs[k]->id], &s->places[id]);
}

static const char style[] =
    "<style>text{font:11px monospace;fill:#222}.h{font-weight:bold}.m{font:bold 16px monospace}"
    "rect{stroke:#556;fill:#fff}.c{fill:#cfe3f8}.t{fill:#f8dcc4}.n{fill:#d8efd4}.a{fill:#fbf2c4}"
    ".p{fill:#e4d8f2}.b{fill:#e2e4e8}"
    "path{fill:none;stroke:#556;stroke-width:1.3;marker-end:url(#e)}.l{stroke:#a54}</style>\n"
    "<defs><marker id=\"e\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"6\" "
    "markerHeight=\"6\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" "
    "style=\"fill:#556;stroke:none;marker-end:none\"/></marker></defs>\n";

static void write(tm_buffer *out, const sheet *s, const char *title)
{
    int width = 2 * s->half_width + 3 * MARGIN + s->lanes * LANE;
    int needed = 2 * MARGIN + TITLE * (int)strlen(title);
    width = width > needed ? width : needed;
    int height = top_of(s->layers) - GAP + MARGIN, drawn = s->first[s->layers];
    tm_buffer_printf(out,
                     "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                     "viewBox=\"0 0 %d %d\">\n",
                     width, height, width, height);
    tm_buffer_puts(out, style);
    tm_buffer_printf(
        out,
        "<path style=\"fill:#fafafa;stroke:none;marker-end:none\" d=\"M0 0H%dV%dH0z\"/>"
        "\n<text class=\"m\" x=\"%d\" y=\"%d\">",
        width, height, MARGIN, HEAD);
    add_text(out, title);
    tm_buffer_puts(out, "</text>\n");
    for (int i = 0; i < drawn; i++)
        add_edges(out, s, s->nodes[i]);
    for (int i = 0; i < drawn; i++)
        add_node(out, s, s->nodes[i]);
    tm_buffer_puts(out, "</svg>\n");
}

tm_status tm_info_graph_svg(tm_buffer *out, const tm_model *model, tm_error *error)
{
    sheet s = {.graph = &model->graph};
    size_t count = (size_t)s.graph->node_count + 2;
    s.places = calloc(count, sizeof *s.places);
    s.nodes = calloc(count, sizeof *s.nodes);
    s.first = calloc(count, sizeof *s.first);
    s.lane_ends = calloc(count, sizeof *s.lane_ends);
    bool fits = s.places && s.nodes && s.first && s.lane_ends;
    if (fits) {
        place_all(&s);
        write(out, &s, model->display);
    }
    free(s.places);
    free(s.nodes);
    free(s.first);
    free(s.lane_ends);
    return fits ? TM_OK
                : tm_fail(error, TM_NO_MEMORY, "no memory for the graph of %s", model->display);
}
