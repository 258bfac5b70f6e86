/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a transformer's last state, which has its class and register tokens before those of the
 * patches: what DINOv2 calls x_norm_clstoken, x_norm_regtokens and, in the mean, x_norm_patchtokens
 * (https://arxiv.org/abs/2304.07193). */
#ifndef TM_CLI_PARTS_H
#define TM_CLI_PARTS_H

#include "api/model.h"

typedef enum tm_part {
    TM_PART_ALL,
    TM_PART_CLS,       /* [1,C] */
    TM_PART_REGISTERS, /* [1,R,C] */
    TM_PART_PATCH_MEAN /* [1,C] */
} tm_part;

/* "cls", "registers", "patch-mean"; TM_PART_ALL: none of these. */
tm_part tm_part_of(const char *name);

/* Where the part's tokens are. */
typedef struct tm_part_place {
    tm_part part;
    size_t first, count; /* tokens */
} tm_part_place;

/* TM_USAGE: the model's last state has no such part, or none whose place is known. */
tm_status tm_part_find(const tm_model *model, const tm_output *output, tm_part part,
                       tm_part_place *place, tm_error *error);

/* The shape of the part of an output, and its rank. */
int tm_part_shape(const tm_output *output, const tm_part_place *place, int64_t shape[4]);

/* Brings the part to the begin of the values of the whole. */
void tm_part_take(const tm_output *output, const tm_part_place *place, float *values);

#endif
