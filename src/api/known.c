/* SPDX-License-Identifier: Apache-2.0 */
/* What the library's callers may ask of models, open or only known. */
#include <string.h>

#include "api/model.h"
#include "api/options.h"

const char *tm_version(void)
{
    return TIMMC_VERSION;
}

size_t tm_known_count(void)
{
    return tm_pretrained_count();
}

tm_status tm_known_model_at(size_t index, tm_known_model *known, tm_error *error)
{
    tm_pretrained config, first;
    tm_arch arch;
    tm_result result = {0};
    tm_error_clear(error);
    if (!known)
        return tm_fail(error, TM_USAGE, "model %zu: nowhere to tell it", index);
    *known = (tm_known_model){.name = "", .arch = "", .tag = "", .module = "", .license = ""};
    if (index >= tm_pretrained_count())
        return tm_fail(error, TM_USAGE, "model %zu: expected one below %zu", index,
                       tm_pretrained_count());
    tm_pretrained_at(index, &config);
    tm_arch_find(config.arch, &arch);
    tm_arch_config(&arch, 0, &first);
    if (!tm_result_default(&config, &result))
        result = (tm_result){0};
    *known = (tm_known_model){.name = config.name,
                              .arch = config.arch,
                              .tag = config.tag,
                              .module = arch.module,
                              .license = config.license,
                              .has_weights = config.has_weights,
                              .is_default = strcmp(first.name, config.name) == 0,
                              .num_classes = config.num_classes,
                              .top1 = result.top1,
                              .params = result.params_m,
                              .gmacs = result.gmacs};
    memcpy(known->input_size, config.input_size, sizeof known->input_size);
    memcpy(known->test_input_size, config.test_input_size, sizeof known->test_input_size);
    return TM_OK;
}

/* Counted on a graph that no pass has rewritten. */
static tm_status count(const tm_model *model, tm_model_facts *facts, tm_error *error)
{
    if (!model->spent)
        return tm_model_count(model, facts, error);
    tm_model *again;
    tm_status status = tm_model_repeat(model, &again, error);
    if (status)
        return status;
    status = tm_model_count(again, facts, error);
    tm_model_close(again);
    return status;
}

tm_status tm_model_tell(const tm_model *model, tm_model_info *info, tm_error *error)
{
    tm_model_facts facts;
    tm_model_memory memory;
    tm_error_clear(error);
    if (!model || !info)
        return tm_fail(error, TM_USAGE, "a NULL model was asked, or there is nowhere to tell it");
    tm_status status = count(model, &facts, error);
    if (!status)
        status = tm_model_measure(model, &memory, error);
    if (status)
        return status;
    const tm_model_info told = {.name = model->display,
                                .params = facts.params,
                                .macs = facts.macs,
                                .activations = facts.activations,
                                .num_classes = model->options.num_classes,
                                .threads = model->options.threads,
                                .max_batch = model->options.max_batch,
                                .weight_bytes = memory.weights,
                                .activation_bytes = memory.activations,
                                .total_bytes = memory.total};
    return tm_give_struct("tm_model_info", &told, sizeof told, info, error);
}
