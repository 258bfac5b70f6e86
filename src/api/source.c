/* SPDX-License-Identifier: Apache-2.0 */
/* Where a model's weights come from, and the names they get. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/builtin.h"
#include "api/model.h"
#include "hub/cache.h"
#include "models/model.h"
#include "weights/state_dict.h"

static bool is_builtin(const tm_model *model)
{
    return strcmp(model->resolved.config.name, TM_BUILTIN_MODEL) == 0;
}

/* "formula:SEED[:GAIN]" */
static tm_status open_formula(const char *text, tm_weights **weights, tm_error *error)
{
    char *end;
    errno = 0;
    unsigned long long seed = strtoull(text, &end, 10);
    double gain = 1.0;
    bool good = end != text && text[0] != '-' && !errno;
    if (good && *end == ':') {
        const char *number = end + 1;
        gain = strtod(number, &end);
        good = end != number;
    }
    if (!good || *end)
        return tm_fail(error, TM_USAGE,
                       "weights 'formula:%s': expected formula:SEED or formula:SEED:GAIN", text);
    return tm_weights_open_formula(seed, gain, weights, error);
}

/* The cached weights file of the model's config; false: there is none. */
static bool find_cached(const tm_model *model, char path[static TM_PATH_MAX])
{
    char root[TM_PATH_MAX];
    const char *hub = model->resolved.config.hf_hub_id;
    return hub[0] && tm_hub_cache_root(model->options.cache_dir, root) &&
           tm_hub_cache_find(root, hub, model->resolved.revision, "model.safetensors", path);
}

bool tm_model_has_weights(const tm_model *model)
{
    char path[TM_PATH_MAX];
    return model->options.weights || is_builtin(model) || find_cached(model, path);
}

static tm_status open_source(const tm_model *model, tm_weights **weights, tm_error *error)
{
    const char *from = model->options.weights;
    char path[TM_PATH_MAX];
    if (from && strncmp(from, "formula:", 8) == 0)
        return open_formula(from + 8, weights, error);
    if (from)
        return tm_weights_open_file(from, !model->options.no_ema, weights, error);
    if (is_builtin(model))
        return tm_weights_open_memory(tm_builtin_weights, tm_builtin_weights_size,
                                      TM_BUILTIN_MODEL ".safetensors (built in)", true, weights,
                                      error);
    if (find_cached(model, path))
        return tm_weights_open_file(path, !model->options.no_ema, weights, error);
    const char *hub = model->resolved.config.hf_hub_id;
    return tm_fail(error, TM_WEIGHTS_MISSING,
                   "%s: its weights are not here; give a file with --weights FILE.safetensors%s%s%s"
                   ", or --no-pretrained for values made by the formula",
                   model->display, hub[0] ? " (model.safetensors of " : "", hub,
                   hub[0] ? " on the Hugging Face hub)" : "");
}

/* Checkpoints under the names their authors gave them get timm's. */
static tm_status use_model_names(const tm_model *model, tm_weights *weights, tm_error *error)
{
    tm_state_dict *state = tm_weights_state(weights);
    if (model->family->filter && !tm_weights_is_formula(weights))
        model->family->filter(state, &model->graph, model->variant);
    return tm_weights_settle(weights, error);
}

tm_status tm_model_open_weights(const tm_model *model, tm_weights **weights, tm_error *error)
{
    tm_weights *opened;
    tm_status status = open_source(model, &opened, error);
    if (status)
        return status;
    status = use_model_names(model, opened, error);
    if (status)
        tm_weights_close(opened);
    else
        *weights = opened;
    return status;
}
