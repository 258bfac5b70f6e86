/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plugins.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/registry.h"
#include "timmc_plugin.h"

static const char *variant_name(const tm_family *family, size_t index)
{
    const char *row = (const char *)family->variants + index * family->variant_size;
    return *(const char *const *)(const void *)row;
}

static tm_pretrained config_of(const tm_plugin *plugin, const char *arch)
{
    static const tm_plugin_model none;
    const tm_plugin_model *m = &none;
    for (size_t i = 0; i < plugin->model_count; i++)
        if (strcmp(plugin->models[i].arch, arch) == 0)
            m = &plugin->models[i];
    tm_pretrained config = {.input_size = {3, 224, 224},
                            .interpolation = m->interpolation,
                            .crop_pct = m->crop_pct > 0 ? m->crop_pct : 0.875,
                            .num_classes = m->num_classes ? m->num_classes : 1000,
                            .first_conv = m->first_conv,
                            .classifier = m->classifier,
                            .notes = "of a plugin"};
    if (m->input_size[0])
        memcpy(config.input_size, m->input_size, sizeof m->input_size);
    if (m->std[0] > 0) {
        config.mean = (tm_numbers){m->mean, 3};
        config.std = (tm_numbers){m->std, 3};
    }
    return config;
}

static tm_status add_models(const char *file, const tm_plugin *plugin, tm_error *error)
{
    const tm_family *family = plugin->family;
    for (size_t i = 0; i < family->variant_count; i++) {
        const char *arch = variant_name(family, i);
        tm_pretrained config = config_of(plugin, arch);
        if (tm_registry_add(arch, family->module, true, &config, error))
            return tm_error_context(error, "%s", file);
    }
    return tm_add_family(family) ? TM_OK : tm_fail(error, TM_NO_MEMORY, "%s: no memory", file);
}

/* The object stays loaded: its tables are in use until the end. */
static tm_status load(const char *file, tm_error *error)
{
    /* without a slash dlopen would search the system's folders */
    char path[4096];
    int n = snprintf(path, sizeof path, "%s%s", strchr(file, '/') ? "" : "./", file);
    void *object = n > 0 && (size_t)n < sizeof path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!object)
        return tm_fail(error, TM_USAGE, "plugin %s: %s", file, dlerror());
    const tm_plugin *plugin = dlsym(object, "timmc_plugin");
    if (!plugin)
        return tm_fail(error, TM_USAGE, "plugin %s: it defines no timmc_plugin", file);
    if (plugin->abi != TIMMC_PLUGIN_ABI)
        return tm_fail(error, TM_USAGE, "plugin %s: built for interface %d, expected %d", file,
                       plugin->abi, TIMMC_PLUGIN_ABI);
    return add_models(file, plugin, error);
}

static tm_status load_list(const char *files, tm_error *error)
{
    if (!files)
        return TM_OK;
    char *copy = strdup(files), *rest = copy;
    tm_status status =
        copy ? TM_OK : tm_fail(error, TM_NO_MEMORY, "plugins %.200s: no memory", files);
    for (char *file; !status && rest && (file = strsep(&rest, ":"));)
        if (*file)
            status = load(file, error);
    free(copy);
    return status;
}

tm_status tm_load_plugins(int *argc, char **argv, tm_error *error)
{
    tm_status status = load_list(getenv("TIMMC_PLUGINS"), error);
    int kept = 1;
    bool options = true;
    for (int i = 1; i < *argc; i++) {
        const char *file = NULL;
        options = options && strcmp(argv[i], "--") != 0;
        if (options && strncmp(argv[i], "--plugin=", 9) == 0)
            file = argv[i] + 9;
        else if (options && strcmp(argv[i], "--plugin") == 0 && i + 1 < *argc)
            file = argv[++i];
        if (!file)
            argv[kept++] = argv[i];
        else if (!status)
            status = load(file, error);
    }
    *argc = kept;
    argv[kept] = NULL;
    return status;
}
