/* SPDX-License-Identifier: Apache-2.0 */
/* Where a model's weights come from. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/builtin.h"
#include "api/model.h"
#include "api/places.h"
#include "base/text.h"
#include "models/model.h"

static bool is_builtin(const tm_model *model)
{
    return !model->resolved.revision[0] &&
           strcmp(model->resolved.config.name, TM_BUILTIN_MODEL) == 0;
}

#define FORMULA "formula:"

/* "SEED[:GAIN]" */
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

/* ---- files ---- */

/* In the order in which timm looks for them in a folder. */
static const char *const folder_names[] = {"model.safetensors",
                                           "pytorch_model.bin",
                                           "pytorch_model.pth",
                                           "model.pth",
                                           "open_clip_model.safetensors",
                                           "open_clip_pytorch_model.safetensors",
                                           "open_clip_pytorch_model.bin",
                                           "open_clip_pytorch_model.pth",
                                           NULL};
/* A shard alone is no model: the index of several goes first. */
static const char *const folder_endings[] = {
    ".safetensors.index.json", ".safetensors", ".bin.index.json", ".pth", ".pth.tar", ".bin", NULL};

/* TM_NOT_FOUND, without a message: there is no file FOLDER/NAME. What cannot be looked at is an
 * error, for the next name would be other weights. */
static tm_status look_for(const char *folder, const char *name, char path[static TM_PATH_MAX],
                          tm_error *error)
{
    struct stat st;
    if (snprintf(path, TM_PATH_MAX, "%s/%s", folder, name) >= TM_PATH_MAX)
        return TM_NOT_FOUND;
    if (stat(path, &st) == 0)
        return S_ISREG(st.st_mode) ? TM_OK : TM_NOT_FOUND;
    return errno == ENOENT || errno == ENOTDIR ? TM_NOT_FOUND
                                               : tm_fail(error, tm_errno_status(TM_WEIGHTS_MISSING),
                                                         "%s: %s", path, strerror(errno));
}

/* The first name by bytes that ends so; "": none does. */
static tm_status find_ending(const char *folder, const char *ending, char best[static NAME_MAX + 1],
                             tm_error *error)
{
    DIR *dir = opendir(folder);
    int cause = dir ? 0 : errno;
    *best = '\0';
    while (dir) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry)
            break;
        if (tm_has_ending(entry->d_name, ending) && (!*best || strcmp(entry->d_name, best) < 0))
            snprintf(best, NAME_MAX + 1, "%s", entry->d_name);
    }
    if (dir) {
        cause = errno;
        closedir(dir);
    }
    return cause ? tm_fail(error, cause == ENOMEM ? TM_NO_MEMORY : TM_WEIGHTS_MISSING,
                           "%s: cannot list the folder: %s", folder, strerror(cause))
                 : TM_OK;
}

static tm_status find_in_folder(const char *folder, char path[static TM_PATH_MAX], tm_error *error)
{
    tm_status status = TM_NOT_FOUND;
    char best[NAME_MAX + 1];
    for (const char *const *name = folder_names; *name && status == TM_NOT_FOUND; name++)
        status = look_for(folder, *name, path, error);
    for (const char *const *end = folder_endings; *end && status == TM_NOT_FOUND; end++) {
        status = find_ending(folder, *end, best, error);
        if (!status)
            status = *best ? look_for(folder, best, path, error) : TM_NOT_FOUND;
    }
    if (status != TM_NOT_FOUND)
        return status;
    return tm_fail(error, TM_WEIGHTS_MISSING,
                   "%s: found no weights, expected model.safetensors, pytorch_model.bin or another "
                   "file ending in .safetensors, .pth or .bin",
                   folder);
}

bool tm_weights_cached(const tm_pretrained *config, const char *revision, const char *cache_dir)
{
    char path[TM_PATH_MAX];
    return (config->hf_hub_id[0] || config->url[0]) &&
           tm_hub_find_weights(cache_dir, config->hf_hub_id, revision, config->url, path);
}

static void warn_of_download(void *context, const char *text)
{
    tm_model_warn(context, "%s", text);
}

tm_status tm_model_fetch_weights(tm_model *model, char path[static TM_PATH_MAX], tm_error *error)
{
    const tm_pretrained *config = &model->resolved.config;
    tm_hub_options hub = tm_hub_options_of(&model->options);
    hub.warn = warn_of_download;
    hub.warn_context = model;
    tm_error cause = {0};
    tm_status status = TM_WEIGHTS_MISSING;
    if (!config->hf_hub_id[0] && !config->url[0])
        snprintf(cause.message, sizeof cause.message, "nobody publishes weights of it");
    else
        status = tm_hub_fetch_weights(&hub, config->hf_hub_id, model->resolved.revision,
                                      config->url, path, &cause);
    if (status == TM_WEIGHTS_MISSING)
        return tm_fail(error, status,
                       "%s: %s; give a file with --weights FILE, or --no-pretrained for values "
                       "made by the formula",
                       model->display, cause.message);
    return status ? tm_fail(error, status, "%s", cause.message) : TM_OK;
}

bool tm_model_has_weights(const tm_model *model)
{
    return model->options.weights || model->source.folder || is_builtin(model) ||
           tm_weights_cached(&model->resolved.config, model->resolved.revision,
                             model->options.cache_dir);
}

static tm_status open_file(const tm_model *model, const char *path, tm_weights **weights,
                           tm_error *error)
{
    tm_error cause = {0};
    tm_status status = tm_weights_open_file(path, !model->options.no_ema, weights, &cause);
    /* a weights file that is not there is no missing picture */
    if (status == TM_NOT_FOUND || status == TM_READ)
        status = TM_WEIGHTS_MISSING;
    return status ? tm_fail(error, status, "%s", cause.message) : TM_OK;
}

tm_status tm_model_find_weights(tm_model *model, char path[static TM_PATH_MAX], tm_error *error)
{
    const char *from = model->options.weights;
    *path = '\0';
    if (from && strncmp(from, FORMULA, sizeof FORMULA - 1) == 0)
        return TM_OK;
    if (from && snprintf(path, TM_PATH_MAX, "%s", from) >= TM_PATH_MAX)
        return tm_fail(error, TM_WEIGHTS_MISSING, "%.300s...: the path is too long", from);
    if (from || (!model->source.folder && is_builtin(model)))
        return TM_OK;
    return model->source.folder ? find_in_folder(model->source.folder, path, error)
                                : tm_model_fetch_weights(model, path, error);
}

static tm_status open_source(tm_model *model, tm_weights **weights, tm_error *error)
{
    char path[TM_PATH_MAX];
    tm_status status = tm_model_find_weights(model, path, error);
    if (status || *path)
        return status ? status : open_file(model, path, weights, error);
    if (model->options.weights)
        return open_formula(model->options.weights + sizeof FORMULA - 1, weights, error);
    return tm_weights_open_memory(tm_builtin_weights, tm_builtin_weights_size,
                                  TM_BUILTIN_MODEL ".safetensors (built in)", true, weights, error);
}

tm_status tm_model_open_weights(tm_model *model, tm_weights **weights, tm_error *error)
{
    tm_weights *opened;
    tm_status status = open_source(model, &opened, error);
    if (status)
        return status;
    status = tm_place_weights(model, opened, error);
    if (status)
        return tm_weights_close(opened, status, error);
    *weights = opened;
    return TM_OK;
}
