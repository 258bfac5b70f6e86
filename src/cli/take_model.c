/* SPDX-License-Identifier: Apache-2.0 */
/* Which operand is the model. Nothing may be answered by a model that was not asked for, so what
 * might be a model and is no file is refused rather than read as a missing picture. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/endings.h"
#include "registry/registry.h"

/* Of pictures and arrays, also of formats that are not read: such a name is no model's. */
static bool has_input_ending(const char *name)
{
    static const char *const endings[] = {".npy",  ".webp", ".gif",  ".bmp",  ".tif", ".tiff",
                                          ".heic", ".heif", ".avif", ".jfif", ".jp2", ".jxl",
                                          ".ppm",  ".pgm",  ".pnm",  ".svg",  ".pdf", NULL};
    return tm_is_picture_name(name) || tm_is_archive_name(name) || tm_has_any_ending(name, endings);
}

static bool has_weights_ending(const char *name)
{
    static const char *const endings[] = {".safetensors", ".pth", ".pt", ".ckpt", ".onnx", NULL};
    return tm_has_any_ending(name, endings);
}

/* A link counts as well that leads nowhere: somebody put it there. */
static bool exists(const char *name)
{
    struct stat st;
    return strcmp(name, "-") == 0 || lstat(name, &st) == 0;
}

static bool is_model_folder(const char *name)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/config.json", name);
    return length > 0 && (size_t)length < sizeof path && access(path, F_OK) == 0;
}

static bool has_source(const char *name)
{
    return tm_hub_name(name) || tm_local_name(name);
}

static bool is_number(const char *name)
{
    size_t length = strspn(name, "0123456789.,eE+-");
    return length && !name[length] && !strchr(",eE", name[0]) && strpbrk(name, "0123456789");
}

static bool is_whole_model_name(const char *name)
{
    tm_resolved resolved;
    return tm_model_resolve(name, &resolved, NULL) == TM_OK;
}

/* Without a folder before it; or ORG/NAME of the hub where NAME is about a model of timm's. */
static bool looks_like_model(const char *name)
{
    const char *slash = strchr(name, '/');
    if (has_input_ending(name))
        return false;
    if (has_source(name) || !slash)
        return true;
    return name[0] != '.' && slash != name && slash[1] && !strchr(slash + 1, '/') &&
           tm_resembles_model(slash + 1);
}

static tm_status refuse_numbers(const tm_arguments *arguments, tm_error *error)
{
    for (size_t i = 0; i < arguments->operand_count; i++)
        if (is_number(arguments->operands[i]) && !exists(arguments->operands[i]))
            return tm_fail(error, TM_USAGE,
                           "the operand %.100s is a number and no file; several values of one "
                           "option have commas between, as in --mean 0.485,0.456,0.406",
                           arguments->operands[i]);
    return TM_OK;
}

/* The operands behind the model, or behind an input where the built-in model answers. */
static tm_status refuse_models(const tm_arguments *arguments, size_t first, const char *model,
                               bool named, tm_error *error)
{
    for (size_t i = first; i < arguments->operand_count; i++) {
        const char *name = arguments->operands[i];
        bool is_model = named ? has_source(name) || (!has_input_ending(name) && tm_is_model(name))
                              : looks_like_model(name);
        if (!is_model || exists(name))
            continue;
        if (named)
            return tm_fail(error, TM_USAGE,
                           "%.128s is no file; if it is a model: %.128s is named already", name,
                           model);
        return tm_fail(error, TM_USAGE,
                       "%.128s is no file; if it is the model, it comes before the inputs or "
                       "behind -m",
                       name);
    }
    return TM_OK;
}

/* An existing file or folder is an input, unless it is made for something else. */
static tm_status check_first_input(const char *first, tm_error *error)
{
    if (is_model_folder(first))
        return tm_fail(error, TM_USAGE,
                       "the folder %.128s holds a config.json: as a model it is local-dir:%.128s",
                       first, first);
    if (has_weights_ending(first))
        return tm_fail(error, TM_USAGE,
                       "%.128s is no picture; weights are given with -w, and their model with -m",
                       first);
    if (is_whole_model_name(first))
        tm_print_warning("%s is a file here and a model: it is read as an input; \"-m %s\" "
                         "names the model",
                         first, first);
    return TM_OK;
}

static tm_status fail_unknown(const char *name, tm_error *error)
{
    tm_resolved resolved;
    if (!*name)
        return tm_fail(error, TM_USAGE, "the first operand is empty, expected a MODEL or an INPUT");
    if (strchr("./~", name[0]) || strchr(name, '/') != strrchr(name, '/'))
        return tm_fail(error, TM_UNKNOWN_MODEL, "%.256s: no such file or folder, nor a model",
                       name);
    tm_status status = tm_model_resolve(name, &resolved, error);
    return status ? status
                  : tm_fail(error, TM_UNKNOWN_MODEL, "%.256s: no such file or folder", name);
}

tm_status tm_take_model(const tm_model_options *options, tm_arguments *arguments,
                        const char **model, tm_error *error)
{
    *model = options->model ? options->model : TM_BUILTIN_MODEL;
    tm_status status = refuse_numbers(arguments, error);
    if (status || options->model || !arguments->operand_count)
        return status;
    const char *first = arguments->operands[0];
    if (exists(first)) {
        status = check_first_input(first, error);
        return status ? status : refuse_models(arguments, 1, *model, false, error);
    }
    if (has_source(first) || (!has_input_ending(first) && tm_is_model(first))) {
        *model = first;
        arguments->operands++;
        arguments->operand_count--;
        return refuse_models(arguments, 0, *model, true, error);
    }
    if (has_input_ending(first))
        return refuse_models(arguments, 1, *model, false, error);
    return fail_unknown(first, error);
}

const char *tm_take_only_model(const tm_model_options *options, tm_arguments *arguments)
{
    if (options->model || !arguments->operand_count)
        return options->model ? options->model : TM_BUILTIN_MODEL;
    arguments->operand_count--;
    return *arguments->operands++;
}
