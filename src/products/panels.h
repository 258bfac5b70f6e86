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

/* Tiles of one width take turns in fetching what the next ones multiply, evenly: at batch 1 most
 * weights come from memory. */
typedef struct tm_fetch {
    const float *panel;  /* that the next tile has a share of */
    size_t panel_stride; /* floats to the one after it */
    int ahead;           /* panels left */
    int sharing, done;   /* tiles that share a panel; of these, that have their share */
    size_t step, share;  /* floats for each TM_STEPS of k, a line at most; of a tile */
} tm_fetch;

/* `count` rows of each of `ahead` panels from `next` on, by so many tiles. */
static inline tm_fetch tm_fetch_from(const float *next, size_t panel_stride, size_t count,
                                     int ahead, int tiles)
{
    enum { FLOATS = TM_STEPS * TM_PANEL }; /* of a panel for each TM_STEPS of its rows */
    int most = ahead > 0 && tiles / ahead > TM_STEPS ? tiles / ahead : TM_STEPS;
    int step = tm_ceil_div(FLOATS, most);
    return (tm_fetch){.panel = next,
                      .panel_stride = panel_stride,
                      .ahead = ahead,
                      .sharing = tm_ceil_div(FLOATS, step),
                      .step = (size_t)step,
                      .share = count / TM_STEPS * (size_t)step};
}

/* Where the share of the next tile begins; NULL: there is nothing left. */
static inline const float *tm_fetch_next(tm_fetch *fetch)
{
    if (fetch->ahead <= 0)
        return NULL;
    const float *from = fetch->panel + (size_t)fetch->done * fetch->share;
    if (++fetch->done == fetch->sharing) {
        fetch->done = 0;
        fetch->panel += fetch->panel_stride;
        fetch->ahead--;
    }
    return from;
}

#endif
