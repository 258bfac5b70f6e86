/* SPDX-License-Identifier: Apache-2.0 */
#include "api/names.h"

#include "api/adapt.h"
#include "models/model.h"
#include "weights/state_dict.h"

/* A classifier that was stored with classes before the model's own. */
static void cut_label_offset(const tm_model *model, tm_state_dict *state)
{
    int64_t offset = model->source.config.label_offset;
    int64_t classes = model->resolved.config.num_classes;
    for (size_t i = 0; offset && i < state->count; i++) {
        tm_tensor_view *view = &state->tensors[i];
        if (tm_is_head(model, view->name) && view->rank > 0 && view->shape[0] == classes + offset)
            tm_state_slice(state, view, 0, offset, classes);
    }
}

tm_status tm_use_model_names(const tm_model *model, tm_weights *weights, tm_error *error)
{
    tm_state_dict *state = tm_weights_state(weights);
    if (model->family->filter && !tm_weights_is_formula(weights))
        model->family->filter(state, &model->graph, model->variant);
    cut_label_offset(model, state);
    return tm_weights_settle(weights, error);
}
