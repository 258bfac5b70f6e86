/* SPDX-License-Identifier: Apache-2.0 */
/* timm's load_state_dict: which part of a training checkpoint is the model. */
#include <string.h>

#include "weights/state_dict.h"

/* Whether `group` is `wrapper` or lies in it; *inner gets what follows. */
static bool lies_in(const char *group, const char *wrapper, const char **inner)
{
    size_t length = strlen(wrapper);
    if (strncmp(group, wrapper, length) != 0 || (group[length] && group[length] != '/'))
        return false;
    *inner = group + length + (group[length] == '/');
    return true;
}

bool tm_state_open(tm_state_dict *dict, const char *wrapper)
{
    size_t kept = 0;
    const char *inner;
    for (size_t i = 0; i < dict->count; i++)
        kept += lies_in(dict->tensors[i].group, wrapper, &inner);
    if (!kept)
        return false;
    kept = 0;
    for (size_t i = 0; i < dict->count; i++)
        if (lies_in(dict->tensors[i].group, wrapper, &inner)) {
            dict->tensors[kept] = dict->tensors[i];
            dict->tensors[kept++].group = inner;
        }
    dict->count = kept;
    tm_state_changed(dict);
    return true;
}

static bool has_top(const tm_state_dict *dict)
{
    for (size_t i = 0; i < dict->count; i++)
        if (!*dict->tensors[i].group)
            return true;
    return false;
}

static void keep_top(tm_state_dict *dict)
{
    size_t kept = 0;
    for (size_t i = 0; i < dict->count; i++)
        if (!*dict->tensors[i].group)
            dict->tensors[kept++] = dict->tensors[i];
    dict->count = kept;
    tm_state_changed(dict);
}

const char *tm_state_plain_name(const char *name)
{
    static const char *const wrappers[] = {"_orig_mod.", "module.", "_orig_mod."};
    for (size_t w = 0; w < sizeof wrappers / sizeof *wrappers; w++)
        if (strncmp(name, wrappers[w], strlen(wrappers[w])) == 0)
            name += strlen(wrappers[w]);
    return name;
}

void tm_state_settle_top(tm_state_dict *dict)
{
    if (has_top(dict))
        keep_top(dict);
    for (size_t i = 0; i < dict->count; i++)
        dict->tensors[i].name = tm_state_plain_name(dict->tensors[i].name);
    tm_state_changed(dict);
}

void tm_state_unwrap(tm_state_dict *dict, bool ema)
{
    static const char *const wrappers[] = {"state_dict_ema", "model_ema", "state_dict", "model"};
    bool opened = false;
    for (size_t w = ema ? 0 : 2; w < sizeof wrappers / sizeof *wrappers && !opened; w++)
        opened = tm_state_open(dict, wrappers[w]);
    tm_state_settle_top(dict);
}

void tm_state_drop_groups(tm_state_dict *dict)
{
    if (dict->count > 0 && !has_top(dict))
        tm_state_fail(dict,
                      "its %zu tensors lie in %.100s and the like, expected them at the top, "
                      "in state_dict or in model; --weights-key names another place",
                      dict->count, dict->tensors[0].group);
    keep_top(dict);
}
