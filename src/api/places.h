/* SPDX-License-Identifier: Apache-2.0 */
/* In which part of a checkpoint the model lies. */
#ifndef TM_API_PLACES_H
#define TM_API_PLACES_H

#include "api/model.h"

/* Brings the tensors to the model's names and settles them. Where the options name no part of the
 * file, and those that timm takes lack names that are not the classifier's, the one part that has
 * them all is taken, with a warning. TM_WEIGHTS_MISMATCH: several have, or the named one does not
 * exist. */
tm_status tm_place_weights(tm_model *model, tm_weights *weights, tm_error *error);

#endif
