/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/own_aspect.h"

#include <string.h>

#include "cli/process.h"

tm_status tm_load_model(tm_model *model, tm_error *error)
{
    tm_status status = tm_model_load(model, error);
    tm_return_memory();
    return status ? status : tm_model_require_classifier(model, error);
}

static void close_sized(tm_sized *sized)
{
    tm_context_close(sized->context);
    tm_model_close(sized->model);
    *sized = (tm_sized){0};
}

static bool is_of(const tm_sized *sized, const tm_preprocess *how)
{
    const tm_preprocess *own = &sized->model->preprocess;
    return own->width == how->width && own->height == how->height;
}

static size_t weight_bytes(const tm_sizes *sizes)
{
    size_t bytes = 0;
    for (int i = 0; i < sizes->count; i++)
        bytes += sizes->kept[i].model->plan.steps.weight_bytes;
    return bytes;
}

/* For one more, which takes as much as each of the others. */
static void make_room(tm_sizes *sizes)
{
    for (size_t bytes; sizes->count; close_sized(&sizes->kept[--sizes->count])) {
        bytes = weight_bytes(sizes);
        if (sizes->count < TM_SIZES_KEPT &&
            bytes + bytes / (size_t)sizes->count <= TM_SIZES_WEIGHT_BYTES)
            return;
    }
}

/* The one at `at`, or a new one, before the others. */
static void put_first(tm_sizes *sizes, int at, tm_sized sized)
{
    memmove(&sizes->kept[1], &sizes->kept[0], (size_t)at * sizeof sized);
    sizes->kept[0] = sized;
}

/* All sizes of a run have the same weights. */
static tm_status check_weights(tm_sizes *sizes, const char *path, tm_error *error)
{
    struct stat now, *first = &sizes->weights;
    if (stat(path, &now) != 0) /* the formula, or what is linked in */
        return TM_OK;
    if (!first->st_nlink)
        *first = now;
    return first->st_dev == now.st_dev && first->st_ino == now.st_ino &&
                   first->st_size == now.st_size && first->st_mtim.tv_sec == now.st_mtim.tv_sec &&
                   first->st_mtim.tv_nsec == now.st_mtim.tv_nsec
               ? TM_OK
               : tm_fail(error, TM_WEIGHTS_INVALID,
                         "%s: written to since the first picture's size was loaded from it", path);
}

static tm_status open_sized(tm_sizes *sizes, const tm_model *model, const tm_preprocess *how,
                            bool load, tm_error *error)
{
    tm_sized sized = {0};
    make_room(sizes);
    tm_status status = tm_model_open_like(model, how, &sized.model, error);
    if (!status && load)
        status = tm_load_model(sized.model, error);
    if (!status && load)
        status = tm_context_open(sized.model, &sized.context, error);
    if (!status && load)
        status = check_weights(sizes, sized.model->weights_name, error);
    if (status)
        close_sized(&sized);
    else
        put_first(sizes, sizes->count++, sized);
    return status;
}

tm_status tm_sizes_take(tm_sizes *sizes, const tm_model *model, const tm_preprocess *how, bool load,
                        tm_sized *sized, tm_error *error)
{
    int at = 0;
    tm_status status = TM_OK;
    while (at < sizes->count && !is_of(&sizes->kept[at], how))
        at++;
    if (at < sizes->count)
        put_first(sizes, at, sizes->kept[at]);
    else
        status = open_sized(sizes, model, how, load, error);
    if (!status)
        *sized = sizes->kept[0];
    return status;
}

void tm_sizes_free(tm_sizes *sizes)
{
    while (sizes->count)
        close_sized(&sizes->kept[--sizes->count]);
}
