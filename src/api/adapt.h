/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TM_API_ADAPT_H
#define TM_API_ADAPT_H

#include "api/model.h"

/* Makes the model's graph read a checkpoint of another input or head, as timm's load_pretrained
 * does: input channels, position embedding, classifier (dropped when the model has none, or when
 * the options say so). Whatever else differs is left for the comparison to refuse. Sound files of
 * the model's own shape change nothing. */
tm_status tm_adapt(tm_model *model, const tm_weights *weights, tm_error *error);

/* Whether tensor `name` belongs to a classifier. */
bool tm_is_head(const tm_model *model, const char *name);
/* Whether it belongs to one that the model does not take from the file, or went with it: where the
 * whole head does, so do its norm and its hidden layer. */
bool tm_is_dropped_head(const tm_model *model, const char *name);

/* The parameter no longer comes from the weights but has the formula's values: it is there to be
 * seen through, not to be believed. */
tm_status tm_param_from_formula(tm_node *param, tm_builder *b, tm_error *error);

#endif
