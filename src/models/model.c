/* SPDX-License-Identifier: Apache-2.0 */
#include "models/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define FAMILY(name) extern const tm_family tm_family_##name;
#include "models/families.def"
#undef FAMILY

const tm_family *const tm_families[] = {
#define FAMILY(name) &tm_family_##name,
#include "models/families.def"
#undef FAMILY
};
const size_t tm_family_count = sizeof tm_families / sizeof *tm_families;

static const tm_family **added;
static size_t added_count;

bool tm_add_family(const tm_family *family)
{
    const tm_family **grown = realloc(added, (added_count + 1) * sizeof *added);
    if (!grown)
        return false;
    added = grown;
    added[added_count++] = family;
    return true;
}

static const char *text_at(const char *row, size_t offset)
{
    return *(const char *const *)(const void *)(row + offset);
}

static const char *find_row(const tm_family *family, const char *arch)
{
    const char *row = family->variants;
    for (size_t i = 0; i < family->variant_count; i++, row += family->variant_size)
        if (strcmp(text_at(row, 0), arch) == 0)
            return row;
    return NULL;
}

static const char *same_as(const tm_family *family, const char *row)
{
    return family->same_as ? text_at(row, family->same_as) : NULL;
}

static const void *find_in(const tm_family *family, const char *arch)
{
    const char *row = find_row(family, arch);
    if (!row || !same_as(family, row))
        return row;
    row = find_row(family, same_as(family, row));
    TM_ASSERT(row && !same_as(family, row)); /* a row that says what it is */
    return row;
}

const void *tm_find_variant(const char *arch, const tm_family **family)
{
    for (size_t f = 0; f < tm_family_count + added_count; f++) {
        *family = f < tm_family_count ? tm_families[f] : added[f - tm_family_count];
        const void *variant = find_in(*family, arch);
        if (variant)
            return variant;
    }
    return NULL;
}
