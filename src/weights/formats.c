/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/magic.h"

void tm_tensor_index_free(tm_tensor_index *index)
{
    free(index->tensors);
    free(index->metadata);
    free(index->strings);
    tm_arena_free(&index->buffers);
    tm_packed_free(&index->packed);
    *index = (tm_tensor_index){0};
}

static tm_status fail_unknown_format(const char *file, const unsigned char *data, size_t size,
                                     tm_error *error)
{
#define TM_WEIGHTS_FORMAT(format, title) title,
    static const char *const titles[] = {
#include "weights/formats.def"
    };
#undef TM_WEIGHTS_FORMAT
    char known[128] = "";
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (*titles[i])
            snprintf(known + strlen(known), sizeof known - strlen(known), "%s %s",
                     *known ? "," : "", titles[i]);
    tm_magic magic;
    if (tm_magic_find(data, size, TM_MAGIC_WEIGHTS, &magic))
        return tm_fail(error, TM_WEIGHTS_INVALID,
                       "%s: weights file, offset 0: found %s, expected one of:%s; %s", file,
                       magic.name, known, magic.advice);
    char start[8 * 3 + 1] = "";
    for (size_t i = 0; i < 8 && i < size; i++)
        snprintf(start + 3 * i, 4, " %02X", data[i]);
    return tm_fail(error, TM_WEIGHTS_INVALID,
                   "%s: weights file, offset 0: found %zu bytes%s%s, expected one of:%s", file,
                   size, size ? " starting" : "", start, known);
}

tm_status tm_read_tensor_index(const char *file, const unsigned char *data, size_t size,
                               tm_tensor_index *index, const char **format, tm_error *error)
{
#define TM_WEIGHTS_FORMAT(name, title)                                                             \
    if (tm_##name##_probe(data, size)) {                                                           \
        *format = #name;                                                                           \
        return tm_##name##_read(file, data, size, index, error);                                   \
    }
#include "weights/formats.def"
#undef TM_WEIGHTS_FORMAT
    return fail_unknown_format(file, data, size, error);
}
