/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "registry/registry.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "registry/nearest.h"

#define HUB_PREFIX "hf-hub:"

/* Copies the text before the first dot and returns the tag behind it, "" where there is none;
 * NULL: too long to be a name. */
static const char *split_name(const char *name, char arch[static TM_MODEL_NAME_MAX])
{
    size_t length = strcspn(name, ".");
    if (length >= TM_MODEL_NAME_MAX)
        return NULL;
    memcpy(arch, name, length);
    arch[length] = '\0';
    return name[length] ? name + length + 1 : name + length;
}

static const char *behind(const char *name, const char *scheme)
{
    size_t length = strlen(scheme);
    return strncasecmp(name, scheme, length) == 0 ? name + length : NULL;
}

const char *tm_hub_name(const char *name)
{
    const char *rest = behind(name, HUB_PREFIX);
    return rest ? rest : behind(name, "hf_hub:");
}

const char *tm_local_name(const char *name)
{
    return behind(name, "local-dir:");
}

static bool find_deprecated(const char *name, const char **current)
{
    size_t low = 0, high = tm_deprecated_count();
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = tm_natural_compare(name, tm_deprecated_at(middle, current));
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

bool tm_is_model(const char *name)
{
    char arch_name[TM_MODEL_NAME_MAX];
    const char *current;
    tm_arch arch;
    return split_name(name, arch_name) &&
           (tm_arch_find(arch_name, &arch) || find_deprecated(arch_name, &current));
}

static void find_nearest(tm_nearest *nearest, const char *arch_name)
{
    tm_nearest_start(nearest, arch_name);
    for (size_t i = 0; i < tm_arch_count(); i++) {
        tm_arch arch;
        tm_arch_at(i, &arch);
        tm_nearest_offer(nearest, arch.name);
    }
    for (size_t i = 0; i < tm_deprecated_count(); i++) {
        const char *current, *old = tm_deprecated_at(i, &current);
        if (*current)
            tm_nearest_offer(nearest, old);
    }
}

/* How many architectures begin with the folded name, or hold it elsewhere. */
static size_t count_alike(const char *name, bool anywhere)
{
    size_t count = 0, length = strlen(name);
    for (size_t i = 0; i < tm_arch_count(); i++) {
        tm_arch arch;
        tm_arch_at(i, &arch);
        count += anywhere ? strstr(arch.name, name) != NULL : strncmp(arch.name, name, length) == 0;
    }
    return count;
}

/* "; "timmc list 'resnet*'" names the 63 that begin so", or "". */
static void describe_family(const char *name, char *text, size_t size)
{
    size_t length = strlen(name), count = length > 1 ? count_alike(name, false) : 0;
    text[0] = '\0';
    if (count)
        snprintf(text, size, "; \"timmc list '%s*'\" names the %zu that begin so", name, count);
    else if (length > 2 && (count = count_alike(name, true)))
        snprintf(text, size, "; \"timmc list '*%s*'\" names the %zu that hold it", name, count);
}

static tm_status unknown_arch(const char *name, const char *arch_name, tm_error *error)
{
    char folded[TM_MODEL_NAME_MAX], family[2 * TM_MODEL_NAME_MAX];
    char names[TM_NEAREST_MAX * TM_MODEL_NAME_MAX];
    tm_fold_name(arch_name, folded, sizeof folded);
    describe_family(folded, family, sizeof family);
    const char *here = tm_name_elsewhere(folded);
    if (here)
        return tm_fail(error, TM_UNKNOWN_MODEL, "unknown model %.128s; in timm: %s%s", name, here,
                       family);
    tm_nearest nearest;
    find_nearest(&nearest, arch_name);
    tm_nearest_join(&nearest, "", names, sizeof names);
    if (!*names && !*family)
        return tm_fail(error, TM_UNKNOWN_MODEL,
                       "unknown model %.128s; \"timmc list\" names all of them, hf-hub:ORG/NAME is "
                       "one of the hub",
                       name);
    return tm_fail(error, TM_UNKNOWN_MODEL, "unknown model %.128s%s%s%s", name,
                   *names ? "; nearest: " : "", names, family);
}

bool tm_resembles_model(const char *name)
{
    char arch_name[TM_MODEL_NAME_MAX], folded[TM_MODEL_NAME_MAX];
    if (!split_name(name, arch_name))
        return false;
    tm_fold_name(arch_name, folded, sizeof folded);
    tm_nearest nearest;
    find_nearest(&nearest, folded);
    return tm_name_elsewhere(folded) || (nearest.count && nearest.distances[0] <= 2) ||
           (strlen(folded) > 3 && count_alike(folded, true));
}

static tm_status unknown_tag(const tm_arch *arch, const char *tag, tm_error *error)
{
    char wanted[2 * TM_MODEL_NAME_MAX], names[256] = "";
    snprintf(wanted, sizeof wanted, "%s.%.*s", arch->name, TM_MODEL_NAME_MAX, tag);
    tm_pretrained config;
    if (arch->tag_count == 1) {
        tm_arch_config(arch, 0, &config);
        return tm_fail(error, TM_UNKNOWN_MODEL, "%s has no pretrained tag %.128s; it has only %s",
                       arch->name, tag, *config.tag ? config.tag : "an untagged config");
    }
    tm_nearest nearest;
    tm_nearest_start(&nearest, wanted);
    for (size_t i = 0; i < arch->tag_count; i++) {
        tm_arch_config(arch, i, &config);
        tm_nearest_offer(&nearest, config.name);
    }
    tm_nearest_join(&nearest, "", names, sizeof names);
    return tm_fail(error, TM_UNKNOWN_MODEL,
                   "%s has no pretrained tag %.128s%s%s; \"timmc info %s\" names its %zu tags",
                   arch->name, tag, *names ? "; nearest: " : "", names, arch->name,
                   arch->tag_count);
}

/* Replaces an old name by its current one; the user's own tag stays, as in timm. */
static tm_status map_deprecated(const char *name, const char **tag,
                                char arch_name[static TM_MODEL_NAME_MAX], tm_resolved *resolved,
                                tm_error *error)
{
    const char *current;
    if (!find_deprecated(arch_name, &current))
        return unknown_arch(name, arch_name, error);
    snprintf(resolved->warning, sizeof resolved->warning,
             "model name %s is deprecated, using its current name %s", arch_name, current);
    const char *current_tag = split_name(current, arch_name);
    if (!**tag)
        *tag = current_tag;
    return TM_OK;
}

static tm_status resolve_hub(const char *hub_id, tm_resolved *resolved, tm_error *error)
{
    size_t length = strcspn(hub_id, "@");
    char plain[TM_MODEL_NAME_MAX];
    snprintf(plain, sizeof plain, "%.*s", (int)length, hub_id);
    if (length >= sizeof plain || !tm_pretrained_find_hub(plain, &resolved->config))
        return tm_fail(error, TM_UNKNOWN_MODEL,
                       "no pretrained config of timm has its weights at " HUB_PREFIX "%.128s",
                       hub_id);
    resolved->revision = hub_id[length] ? hub_id + length + 1 : "";
    tm_arch_find(resolved->config.arch, &resolved->arch);
    return TM_OK;
}

/* What timm itself calls the model of a repository, where that shows; else NULL. */
static const char *own_name(const char *name, tm_arch *arch, char folded[static TM_MODEL_NAME_MAX])
{
    const char *slash = strrchr(name, '/');
    if (!slash)
        return NULL;
    char arch_name[TM_MODEL_NAME_MAX];
    tm_fold_name(slash + 1, folded, TM_MODEL_NAME_MAX);
    if (!split_name(folded, arch_name))
        return NULL;
    return tm_arch_find(arch_name, arch) ? folded : tm_name_elsewhere(arch_name);
}

/* A hub repository and a relative folder look alike, so neither is guessed. */
static tm_status refuse_path(const char *name, tm_error *error)
{
    char folded[TM_MODEL_NAME_MAX];
    tm_arch arch;
    const char *own = own_name(name, &arch, folded);
    return tm_fail(error, TM_UNKNOWN_MODEL,
                   "model name %.100s looks like a hub repository or a path; write " HUB_PREFIX
                   "%.100s%s local-dir:%.100s%s%s",
                   name, name, own ? "," : " or", name, own ? ", or timm's own " : "",
                   tm_or_empty(own));
}

tm_status tm_model_resolve(const char *name, tm_resolved *resolved, tm_error *error)
{
    *resolved = (tm_resolved){.revision = ""};
    if (tm_hub_name(name))
        return resolve_hub(tm_hub_name(name), resolved, error);
    if (tm_local_name(name))
        return tm_fail(error, TM_UNKNOWN_MODEL, "%.128s: a folder is no name of the registry",
                       name);
    if (strpbrk(name, "/\\:"))
        return refuse_path(name, error);

    char arch_name[TM_MODEL_NAME_MAX];
    const char *tag = split_name(name, arch_name);
    if (!tag)
        return tm_fail(error, TM_UNKNOWN_MODEL, "unknown model %.128s...: too long for a name",
                       name);
    if (!tm_arch_find(arch_name, &resolved->arch)) {
        tm_status status = map_deprecated(name, &tag, arch_name, resolved, error);
        if (status != TM_OK)
            return status;
        if (!tm_arch_find(arch_name, &resolved->arch))
            TM_BUG("an old name leads to no architecture");
    }
    if (!tm_pretrained_find(&resolved->arch, tag, &resolved->config))
        return unknown_tag(&resolved->arch, tag, error);
    return TM_OK;
}
