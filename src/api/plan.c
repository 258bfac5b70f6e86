/* SPDX-License-Identifier: Apache-2.0 */
#include "api/model.h"
#include "passes/passes.h"

tm_status tm_model_plan(tm_model *model, const tm_weights *weights, const tm_packed_memory *packed,
                        int max_batch, tm_error *error)
{
    model->spent = true;
    tm_passes_run(&model->builder);
    tm_status status = tm_model_check_graph(model, error);
    if (status)
        return status;
    tm_plan_options options = {.max_batch = max_batch,
                               .threads = model->options.threads,
                               .spread = model->spread,
                               .isa = tm_isa_or_best(model->options.isa)};
    tm_precision_parse(model->options.precision, &options.precision);
    return packed ? tm_plan_make_packed(&model->builder, packed, &options, &model->plan, error)
                  : tm_plan_make(&model->builder, weights, &options, &model->plan, error);
}
