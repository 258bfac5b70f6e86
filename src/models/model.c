/* SPDX-License-Identifier: Apache-2.0 */
#include "models/model.h"

#include <string.h>

#define FAMILY(name) extern const tm_family tm_family_##name;
#include "models/families.def"
#undef FAMILY

const tm_family *const tm_families[] = {
#define FAMILY(name) &tm_family_##name,
#include "models/families.def"
#undef FAMILY
};
const size_t tm_family_count = sizeof tm_families / sizeof *tm_families;

const void *tm_find_variant(const char *arch, const tm_family **family)
{
    for (size_t f = 0; f < tm_family_count; f++) {
        const char *row = tm_families[f]->variants;
        for (size_t i = 0; i < tm_families[f]->variant_count; i++) {
            const void *variant = row + i * tm_families[f]->variant_size;
            if (strcmp(*(const char *const *)variant, arch) == 0) {
                *family = tm_families[f];
                return variant;
            }
        }
    }
    return NULL;
}
