/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry.h"

#include <string.h>

#include "registry/tables.h"

static const tm_label_set *find_set(int num_classes)
{
    for (size_t i = 0; i < tm_label_set_count; i++)
        if (tm_label_sets[i].count == num_classes)
            return &tm_label_sets[i];
    return NULL;
}

bool tm_label(int num_classes, int index, const char **synset, const char **words)
{
    const tm_label_set *set = find_set(num_classes);
    if (!synset || !words || !set || index < 0 || index >= num_classes)
        return false;
    *synset = tm_synset_text + tm_synset_offsets[tm_label_synsets[set->first + (unsigned)index]];
    *words = *synset + strlen(*synset) + 1;
    return true;
}

const char *tm_label_set_name(int num_classes)
{
    const tm_label_set *set = find_set(num_classes);
    return set ? tm_label_set_names + set->name : NULL;
}
