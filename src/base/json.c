/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <errno.h>

cJSON *tm_json_parse(const char *text, size_t size, bool whole, size_t *offset, bool *no_memory)
{
    const char *end = text;
    errno = 0;
    cJSON *json = cJSON_ParseWithLengthOpts(text, size + whole, &end, whole);
    *no_memory = !json && errno == ENOMEM; /* of its malloc */
    *offset = end ? (size_t)(end - text) : 0;
    return json;
}
