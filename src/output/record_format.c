/* SPDX-License-Identifier: Apache-2.0 */
/* The list of the formats of records. */
#include <string.h>

#include "output/record.h"

#define RECORD_FORMAT(name) "|" #name
const char tm_record_format_names[] =
#include "output/record_formats.def"
    ;
#undef RECORD_FORMAT

const tm_record_format *tm_record_format_find(const char *name)
{
    static const tm_record_format *const formats[] = {
#define RECORD_FORMAT(name) &tm_record_##name,
#include "output/record_formats.def"
#undef RECORD_FORMAT
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(name, formats[i]->name) == 0)
            return formats[i];
    return NULL;
}
