/* SPDX-License-Identifier: Apache-2.0 */
/* Constants that steps use as they are. */
#include <string.h>

#include "graph/constant.h"
#include "steps/lowering.h"

typedef struct keeping {
    const tm_node *constant;
    tm_dtype type;
    void *out;
} keeping;

static void keep(tm_lowering *worker, const void *context)
{
    const keeping *k = context;
    size_t count = (size_t)tm_element_count(k->constant);
    const float *values = tm_lower_constant(worker, k->constant);
    if (values && k->type == TM_DTYPE_BF16)
        worker->kernels->bf16_of_f32(1, count, values, count, k->out, count);
    else if (values)
        memcpy(k->out, values, count * sizeof *values);
    tm_lower_release(worker, values);
}

const void *tm_lower_keep_as(tm_lowering *lowering, const tm_node *constant, tm_dtype type)
{
    keeping k = {constant, type, tm_lower_memory(lowering, (size_t)tm_element_count(constant))};
    if (k.out)
        tm_lower_defer(lowering, keep, &k, sizeof k);
    return k.out;
}

const float *tm_lower_keep(tm_lowering *lowering, const tm_node *constant)
{
    return tm_lower_keep_as(lowering, constant, TM_DTYPE_F32);
}
