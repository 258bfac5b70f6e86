/* SPDX-License-Identifier: Apache-2.0 */
/* Weights as panels of 16 outputs. */
#ifndef TM_PRODUCTS_PANELS_H
#define TM_PRODUCTS_PANELS_H

#include "steps/lower.h"

/* Panels of TM_PANEL columns that n columns take. */
static inline size_t tm_panels_of(size_t n)
{
    return (n + TM_PANEL - 1) / TM_PANEL;
}

/* A convolution's weights of one panel, values [rows][kc][taps] of rows <= 16 outputs, into
 * [taps * kc][TM_PANEL], zeros behind the last output. */
void tm_pack_taps(const tm_kernels *kernels, const float *values, size_t rows, size_t kc,
                  size_t taps, float *panel);

/* A bias [groups * outputs] as rows of `padded` floats for each group, zeros behind its last
 * output; in a job. NULL: none, and nothing is done. */
void tm_pack_bias(tm_lowering *worker, const tm_node *bias, int groups, int outputs, size_t padded,
                  float *out);

/* Packs one panel: values [rows][row elements], rows <= 16, are outputs of a group from `first` on,
 * a multiple of 16. room: see below. */
typedef void tm_pack_panel_fn(const void *context, const float *values, int group, int first,
                              int rows, float *room);
/* Every panel of a weight [groups * outputs][...], in a job, some rows at a time; room: this many
 * floats for whoever packs. */
void tm_pack_panels(tm_lowering *worker, const tm_node *weight, int groups, int outputs,
                    size_t room, tm_pack_panel_fn *pack, const void *context);

/* Tiles of one width take turns in fetching what the next ones multiply, `count` rows of each of
 * `ahead` panels from `next` on, evenly: at batch 1 most weights come from memory. The share of
 * number `tile` of so many begins at `from`, NULL: there is nothing left, and each TM_STEPS of k
 * are `step` floats of it. */
typedef struct tm_fetch {
    const float *from;
    size_t step;
} tm_fetch;

static inline tm_fetch tm_fetch_share(const float *next, size_t panel_stride, size_t count,
                                      int ahead, int tiles, int tile)
{
    enum { FLOATS = TM_STEPS * TM_PANEL }; /* of a panel for each TM_STEPS of its rows */
    int most = ahead > 0 && tiles / ahead > TM_STEPS ? tiles / ahead : TM_STEPS;
    size_t step = (size_t)tm_ceil_div(FLOATS, most);
    int sharing = tm_ceil_div(FLOATS, (int)step);
    if (tile / sharing >= ahead)
        return (tm_fetch){0};
    size_t part = (size_t)(tile % sharing) * (count / TM_STEPS) * step;
    return (tm_fetch){next + (size_t)(tile / sharing) * panel_stride + part, step};
}

#endif
