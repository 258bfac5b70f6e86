/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/loading.h"

#include "base/clock.h"
#include "base/parallel.h"
#include "cli/own_aspect.h"

static void *load(void *argument)
{
    tm_loading *loading = argument;
    double begin = tm_seconds();
    tm_load_model(loading->model, &loading->error);
    loading->seconds = tm_seconds() - begin;
    return NULL;
}

bool tm_loading_begin(tm_loading *loading, tm_model *model)
{
    *loading = (tm_loading){.model = model};
    bool begun =
        tm_model_has_weights(model) && tm_thread_start(&loading->thread, TM_STACK, load, loading);
    if (!begun)
        loading->model = NULL;
    return begun;
}

tm_status tm_loading_end(tm_loading *loading, tm_error *error)
{
    pthread_join(loading->thread, NULL);
    loading->model = NULL;
    return loading->error.status
               ? tm_fail(error, loading->error.status, "%s", loading->error.message)
               : TM_OK;
}
