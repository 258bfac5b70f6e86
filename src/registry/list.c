/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/added.h"

#include <stdio.h>
#include <string.h>

/* A glob without a tag matches the bare name and, where names carry tags, any tag of it. */
static bool matches(const char *glob, const char *name, bool tagged)
{
    if (tm_glob_match(glob, name))
        return true;
    const char *dot = strchr(glob, '.');
    if (!tagged || (dot && dot[1]))
        return false;
    int base = dot ? (int)(dot - glob) : (int)strlen(glob);
    char any_tag[TM_MODEL_NAME_MAX + 3];
    int length = snprintf(any_tag, sizeof any_tag, "%.*s.*", base, glob);
    return length >= 0 && (size_t)length < sizeof any_tag && tm_glob_match(any_tag, name);
}

static bool matches_any(const char *const *globs, size_t count, const char *name, bool tagged)
{
    for (size_t i = 0; i < count; i++)
        if (matches(globs[i], name, tagged))
            return true;
    return false;
}

static bool in_modules(const tm_list_query *query, const char *module)
{
    for (size_t i = 0; i < query->module_count; i++)
        if (strcmp(query->modules[i], module) == 0)
            return true;
    return query->module_count == 0;
}

static bool selected(const tm_list_query *query, const char *name)
{
    return (query->include_count == 0 ||
            matches_any(query->include, query->include_count, name, query->pretrained)) &&
           !matches_any(query->exclude, query->exclude_count, name, query->pretrained);
}

static bool pretrained_selected(const tm_list_query *query, size_t index)
{
    tm_pretrained config;
    tm_arch arch;
    tm_pretrained_at(index, &config);
    return config.has_weights && selected(query, config.name) && tm_arch_find(config.arch, &arch) &&
           in_modules(query, arch.module);
}

static bool arch_selected(const tm_list_query *query, size_t index)
{
    tm_arch arch;
    tm_arch_at(index, &arch);
    size_t table = tm_arch_count() - tm_added_count();
    if (index >= table && !tm_added_is_listed(index - table))
        return false;
    return in_modules(query, arch.module) && selected(query, arch.name);
}

size_t tm_list_models(const tm_list_query *query, size_t *indices)
{
    size_t count = query->pretrained ? tm_pretrained_count() : tm_arch_count(), found = 0;
    for (size_t i = 0; i < count; i++)
        if (query->pretrained ? pretrained_selected(query, i) : arch_selected(query, i))
            indices[found++] = i;
    return found;
}
