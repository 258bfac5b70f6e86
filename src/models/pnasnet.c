/* SPDX-License-Identifier: Apache-2.0 */
/* timm's pnasnet.py: PNASNet-5 Large (1712.00559). */
#include <stdio.h>

#include "layers/nas_cell.h"
#include "layers/taps.h"
#include "models/model.h"

enum { STAGES = 3, CELLS = 4 /* of a stage */, WIDTH = 216 /* of the first stage */ };

typedef struct pnasnet_variant {
    const char *name;
} pnasnet_variant;

static const pnasnet_variant variants[] = {{.name = "pnasnet5large"}};

/* All cells are one but for what the last sum and the first one's pool become. */
#define CELL(size, first_pool, last)                                                               \
    {                                                                                              \
        .sums = {{{TM_NAS_SEPARABLE, TM_NAS_LEFT, .kernel = 5, .halves = true},                    \
                  {first_pool, TM_NAS_LEFT, .halves = true}},                                      \
                 {{TM_NAS_SEPARABLE, TM_NAS_RIGHT, .kernel = 7, .halves = true},                   \
                  {TM_NAS_MAX, TM_NAS_RIGHT, .halves = true}},                                     \
                 {{TM_NAS_SEPARABLE, TM_NAS_RIGHT, .kernel = 5, .halves = true},                   \
                  {TM_NAS_SEPARABLE, TM_NAS_RIGHT, .kernel = 3, .halves = true}},                  \
                 {{TM_NAS_SEPARABLE, TM_NAS_SUM + 2, .kernel = 3},                                 \
                  {TM_NAS_MAX, TM_NAS_RIGHT, .halves = true}},                                     \
                 {{TM_NAS_SEPARABLE, TM_NAS_LEFT, .kernel = 3, .halves = true},                    \
                  {last, TM_NAS_RIGHT, .halves = true}}},                                          \
        .stride = (size)                                                                           \
    }

static const tm_nas_cell stem = CELL(2, TM_NAS_MAX_CONV, TM_NAS_CONV);
static const tm_nas_cell reduction = CELL(2, TM_NAS_MAX, TM_NAS_CONV);
static const tm_nas_cell normal = CELL(1, TM_NAS_MAX, TM_NAS_ITSELF);

/* left: the output of the cell before the last one; it is `larger` where the last one reduced. */
static tm_node *run(tm_builder *b, const tm_nas_cell *cell, tm_node *left, bool larger, tm_node *x,
                    int width)
{
    if (larger) {
        tm_push(b, "conv_prev_1x1");
        left = tm_nas_factorized_reduction(b, left, width);
        tm_pop(b);
    } else {
        left = tm_nas_conv(b, "conv_prev_1x1", left, width, 1);
    }
    return tm_nas_cell_of(b, cell, left, tm_nas_conv(b, "conv_1x1", x, width, 1), width);
}

static tm_node *run_stem(tm_builder *b, tm_node *x, int width)
{
    tm_push(b, "cell_stem_0");
    x = tm_nas_cell_of(b, &stem, x, tm_nas_conv(b, "conv_1x1", x, width, 1), width);
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    (void)variant;
    tm_node *left = tm_nas_stem(b, "conv_0");
    tm_tap_stage(b, "conv_0", left, 2);
    tm_node *x = run_stem(b, left, WIDTH / 4);
    bool larger = true; /* left than x */
    for (int i = -1; i < STAGES * CELLS; i++) {
        int stage = i < 0 ? -1 : i / CELLS;
        bool reduces = i < 0 || (stage && i % CELLS == 0);
        char name[24] = "cell_stem_1", module[48];
        if (i >= 0)
            snprintf(name, sizeof name, "cell_%d", i);
        snprintf(module, sizeof module, "%s.conv_1x1.act", name);
        if (reduces)
            tm_tap_stage(b, module, tm_activate(b, x, TM_ACT_RELU), i < 0 ? 4 : 4 << stage);
        tm_push(b, "%s", name);
        tm_node *y = run(b, reduces ? &reduction : &normal, left, larger, x,
                         i < 0 ? WIDTH / 2 : WIDTH << stage);
        tm_pop(b);
        left = x;
        x = y;
        larger = reduces;
    }
    tm_nas_head(b, x);
}

const tm_family tm_family_pnasnet = {.module = "pnasnet", TM_VARIANTS(variants), .build = build};
