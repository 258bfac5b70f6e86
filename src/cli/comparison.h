/* SPDX-License-Identifier: Apache-2.0 */
/* How far a model's logits are from those of the same weights in float32. */
#ifndef TM_CLI_COMPARISON_H
#define TM_CLI_COMPARISON_H

#include "timmc.h"

typedef struct tm_comparison {
    int pictures, same_first;       /* all; those whose first class is the same */
    double mean_error, worst_error; /* rms of the difference over the rms of float32's logits */
} tm_comparison;

/* Fills a picture's worth of numbers. */
typedef void tm_fill_input(float *x, int64_t count);

/* model: loaded, with its logits selected; exact: the same, in float32. files[count]: pictures;
 * of none, one that `fill` makes up. */
tm_status tm_compare(tm_model *model, tm_model *exact, char **files, int count, tm_fill_input *fill,
                     tm_comparison *result, tm_error *error);

#endif
