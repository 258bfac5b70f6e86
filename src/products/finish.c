/* SPDX-License-Identifier: Apache-2.0 */
#include "products/finish.h"

#include <math.h>

tm_store tm_store_of(tm_lowering *lowering, const tm_epilogue *epilogue, tm_dtype type)
{
    tm_store store = {.lo = -INFINITY,
                      .hi = INFINITY,
                      .act = {epilogue->act, epilogue->act_param},
                      .kernel = TM_LOWER_KERNEL(lowering, act, type)};
    if (epilogue->act == TM_ACT_RELU || epilogue->act == TM_ACT_RELU6)
        store.lo = 0.0f;
    else
        store.curve = epilogue->act != TM_ACT_NONE;
    if (epilogue->act == TM_ACT_RELU6)
        store.hi = 6.0f;
    return store;
}
