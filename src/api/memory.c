/* SPDX-License-Identifier: Apache-2.0 */
/* What a model takes of memory, told and checked before any weight is read. */
#include "api/model.h"
#include "base/available.h"
#include "graph/constant.h"
#include "graph/op.h"
#include "run/run.h"

enum { PROGRAM_BYTES = 8 << 20 /* with what a weight is read through */ };

tm_status tm_model_select_answer(tm_model *model, tm_error *error)
{
    static const tm_tap_kind answers[] = {TM_TAP_LOGITS, TM_TAP_EMBEDDING, TM_TAP_FORWARD_FEATURES};
    static const char *const names[] = {"logits", "embedding", "forward_features"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (tm_graph_tap(&model->graph, answers[i], 0))
            return tm_model_select(model, names[i], error);
    return tm_fail(error, TM_USAGE, "%s has no answer of its own", model->display);
}

tm_status tm_model_measure(const tm_model *model, tm_model_memory *memory, tm_error *error)
{
    tm_model *again;
    *memory = (tm_model_memory){0};
    tm_status status = tm_model_repeat(model, &again, error);
    if (!status && !again->chosen_count)
        status = tm_model_select_answer(again, error);
    if (!status)
        status = tm_model_plan(again, NULL, NULL, 1, error);
    if (!status) {
        memory->weights = again->plan.steps.weight_bytes;
        if (!tm_runner_bytes(&again->plan, &memory->activations))
            memory->activations = SIZE_MAX;
        if (!tm_size_add(memory->weights, memory->activations, &memory->total) ||
            !tm_size_add(memory->total, PROGRAM_BYTES, &memory->total))
            memory->total = SIZE_MAX;
    }
    tm_model_close(again);
    return status;
}

static double elements(const tm_node *node)
{
    return node->constant ? (double)tm_element_count(node)
                          : (double)node->shape.h * node->shape.w * node->shape.c;
}

/* All constants that activations meet and all activations. What kernels want is at most some times
 * as much: a model that is small beside what there is need not be measured. */
static bool is_far_below(const tm_model *model, unsigned long long available)
{
    enum { FACTOR = 8 };
    double floats = 0;
    for (int i = 0; i < model->graph.node_count; i++) {
        const tm_node *node = model->graph.nodes[i];
        for (int k = 0; k < node->input_count && !node->constant; k++)
            floats += elements(node->inputs[k]);
    }
    return FACTOR * (floats * sizeof(float) + PROGRAM_BYTES) < (double)available;
}

tm_status tm_model_require_memory(const tm_model *model, tm_error *error)
{
    tm_available available = tm_memory_available("/proc", "/sys/fs/cgroup");
    tm_model_memory memory;
    if (is_far_below(model, available.bytes))
        return TM_OK;
    tm_status status = tm_model_measure(model, &memory, error);
    if (!status && memory.total > available.bytes)
        status =
            tm_fail(error, TM_MODEL_TOO_LARGE,
                    "%s takes %.1f MB of memory, and %.1f MB are left %s", model->display,
                    tm_mebibytes(memory.total), tm_mebibytes(available.bytes), available.whose);
    return status;
}
