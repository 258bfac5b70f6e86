/* SPDX-License-Identifier: Apache-2.0 */
/* timm's nasnet.py: NASNet-A Large (1707.07012). */
#include <stdio.h>

#include "layers/nas_cell.h"
#include "layers/taps.h"
#include "models/model.h"

enum { STAGES = 3, CELLS = 6 /* of a stage */, WIDTH = 168 /* of the first stage */ };

typedef struct nasnet_variant {
    const char *name;
} nasnet_variant;

static const nasnet_variant variants[] = {{.name = "nasnetalarge"}};

static const tm_nas_cell normal = {
    .sums = {{{TM_NAS_SEPARABLE, TM_NAS_RIGHT, .kernel = 5},
              {TM_NAS_SEPARABLE, TM_NAS_LEFT, .kernel = 3}},
             {{TM_NAS_SEPARABLE, TM_NAS_LEFT, .kernel = 5},
              {TM_NAS_SEPARABLE, TM_NAS_LEFT, .kernel = 3}},
             {{TM_NAS_AVG, TM_NAS_RIGHT}, {TM_NAS_ITSELF, TM_NAS_LEFT}},
             {{TM_NAS_AVG, TM_NAS_LEFT}, {TM_NAS_AVG, TM_NAS_LEFT}},
             {{TM_NAS_SEPARABLE, TM_NAS_RIGHT, .kernel = 3}, {TM_NAS_ITSELF, TM_NAS_RIGHT}}},
    .stride = 1,
    .with_left = true};

static const tm_nas_cell reduction = {
    .sums = {{{TM_NAS_SEPARABLE, TM_NAS_RIGHT, .kernel = 5, .halves = true},
              {TM_NAS_SEPARABLE, TM_NAS_LEFT, .kernel = 7, .halves = true}},
             {{TM_NAS_MAX, TM_NAS_RIGHT, .halves = true},
              {TM_NAS_SEPARABLE, TM_NAS_LEFT, .kernel = 7, .halves = true}},
             {{TM_NAS_AVG, TM_NAS_RIGHT, .halves = true},
              {TM_NAS_SEPARABLE, TM_NAS_LEFT, .kernel = 5, .halves = true}},
             {{TM_NAS_ITSELF, TM_NAS_SUM + 1}, {TM_NAS_AVG, TM_NAS_SUM}},
             {{TM_NAS_SEPARABLE, TM_NAS_SUM, .kernel = 3},
              {TM_NAS_MAX, TM_NAS_RIGHT, .halves = true}}},
    .stride = 2,
    .first = 1};

/* What a cell makes of the output of the cell before the last one. */
typedef enum left_kind { LEFT_CONV, LEFT_REDUCED /* as the last one did */, LEFT_ITSELF } left_kind;

static tm_node *run(tm_builder *b, const char *name, const tm_nas_cell *cell, left_kind kind,
                    tm_node *previous, tm_node *x, int width)
{
    tm_push(b, "%s", name);
    tm_node *left = previous;
    if (kind == LEFT_CONV)
        left = tm_nas_conv(b, "conv_prev_1x1", previous, width, 1);
    else if (kind == LEFT_REDUCED)
        left = tm_nas_factorized_reduction(b, previous, width);
    x = tm_nas_cell_of(b, cell, left, tm_nas_conv(b, "conv_1x1", x, width, 1), width);
    tm_pop(b);
    return x;
}

/* The cell whose first layer is the feature's module begins the next stage. */
static void tap(tm_builder *b, const char *cell, tm_node *x, int reduced)
{
    char module[40];
    snprintf(module, sizeof module, "%s.conv_1x1.act", cell);
    tm_tap_stage(b, module, tm_activate(b, x, TM_ACT_RELU), reduced);
}

static void build(tm_builder *b, const void *variant)
{
    (void)variant;
    tm_node *previous = tm_nas_stem(b, "conv0");
    tm_tap_stage(b, "conv0", previous, 2);
    tm_node *x = run(b, "cell_stem_0", &reduction, LEFT_ITSELF, previous, previous, WIDTH / 4);
    tap(b, "cell_stem_1", x, 4);
    tm_node *y = run(b, "cell_stem_1", &reduction, LEFT_REDUCED, previous, x, WIDTH / 2);
    previous = x;
    x = y;
    for (int i = 0; i < STAGES * CELLS; i++) {
        char name[24];
        int stage = i / CELLS;
        snprintf(name, sizeof name, "reduction_cell_%d", stage - 1);
        if (stage && i % CELLS == 0) {
            tap(b, name, x, 4 << stage);
            x = run(b, name, &reduction, LEFT_CONV, previous, x, WIDTH << stage);
        }
        snprintf(name, sizeof name, "cell_%d", i);
        y = run(b, name, &normal, i % CELLS ? LEFT_CONV : LEFT_REDUCED, previous, x,
                WIDTH << stage);
        previous = x;
        x = y;
    }
    tm_nas_head(b, x);
}

const tm_family tm_family_nasnet = {.module = "nasnet", TM_VARIANTS(variants), .build = build};
