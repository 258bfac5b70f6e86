/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/parts.h"

#include <string.h>

tm_part tm_part_of(const char *name)
{
    return strcmp(name, "cls") == 0          ? TM_PART_CLS
           : strcmp(name, "registers") == 0  ? TM_PART_REGISTERS
           : strcmp(name, "patch-mean") == 0 ? TM_PART_PATCH_MEAN
                                             : TM_PART_ALL;
}

/* Tokens before those of the patches. */
static size_t count_prefix(const tm_graph *graph)
{
    for (int i = 0; i < graph->tap_count; i++)
        if (graph->taps[i].kind == TM_TAP_PREFIX)
            return (size_t)(graph->taps[i].node->shape.h * graph->taps[i].node->shape.w);
    return 0;
}

static tm_status refuse(const tm_model *model, const char *what, tm_error *error)
{
    return tm_fail(error, TM_USAGE, "%s has no %s", model->display, what);
}

tm_status tm_part_find(const tm_model *model, const tm_output *output, tm_part part,
                       tm_part_place *place, tm_error *error)
{
    const tm_graph *graph = &model->graph;
    size_t prefix = count_prefix(graph), cls = tm_find_param(graph, "cls_token") ? 1 : 0;
    size_t special = cls + (tm_find_param(graph, "dist_token") ? 1 : 0);
    *place = (tm_part_place){.part = part};
    if (part == TM_PART_ALL)
        return TM_OK;
    if (output->rank != 3)
        return refuse(model, "tokens: its last state is maps, of which --kind pooled is the mean",
                      error);
    if (special > prefix || (size_t)output->shape[1] <= prefix)
        return refuse(model, "class token before its patches, as far as is known", error);
    if (part == TM_PART_CLS && !cls)
        return refuse(model, "class token", error);
    if (part == TM_PART_REGISTERS && prefix == special)
        return refuse(model, "register tokens", error);
    place->first = part == TM_PART_CLS ? 0 : part == TM_PART_REGISTERS ? special : prefix;
    place->count = part == TM_PART_CLS         ? 1
                   : part == TM_PART_REGISTERS ? prefix - special
                                               : (size_t)output->shape[1] - prefix;
    return TM_OK;
}

int tm_part_shape(const tm_output *output, const tm_part_place *place, int64_t shape[4])
{
    memcpy(shape, output->shape, sizeof output->shape);
    if (place->part == TM_PART_ALL)
        return output->rank;
    shape[1] = place->part == TM_PART_REGISTERS ? (int64_t)place->count : output->shape[2];
    return place->part == TM_PART_REGISTERS ? 3 : 2;
}

void tm_part_take(const tm_output *output, const tm_part_place *place, float *values)
{
    size_t channels = (size_t)output->shape[2];
    const float *from = values + place->first * channels;
    if (place->part == TM_PART_PATCH_MEAN) {
        for (size_t c = 0; c < channels; c++) {
            double sum = 0;
            for (size_t i = 0; i < place->count; i++)
                sum += from[i * channels + c];
            values[c] = (float)(sum / (double)place->count);
        }
    } else if (place->part != TM_PART_ALL) {
        memmove(values, from, place->count * channels * sizeof *values);
    }
}
