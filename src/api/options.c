/* SPDX-License-Identifier: Apache-2.0 */
#include "api/options.h"

#include <string.h>

/* No struct will be as large: a size that was never set. */
enum { SIZE_ABSURD = 65536 };

static tm_status read_size(const char *name, const void *given, size_t *size, tm_error *error)
{
    memcpy(size, given, sizeof *size);
    if (*size <= sizeof *size || *size > SIZE_ABSURD)
        return tm_fail(error, TM_USAGE,
                       "%s: its size is %zu, expected what timmc.h's default for it sets", name,
                       *size);
    return TM_OK;
}

tm_status tm_take_struct(const char *name, const void *given, void *own, size_t own_size,
                         tm_error *error)
{
    size_t size;
    const unsigned char *bytes = given;
    tm_status status = read_size(name, given, &size, error);
    if (status)
        return status;
    for (size_t i = own_size; i < size; i++)
        if (bytes[i])
            return tm_fail(error, TM_USAGE,
                           "%s: it asks for what a later version has than this one, " TIMMC_VERSION,
                           name);
    size_t known = size < own_size ? size : own_size;
    memcpy((unsigned char *)own + sizeof size, bytes + sizeof size, known - sizeof size);
    memcpy(own, &own_size, sizeof own_size);
    return TM_OK;
}

tm_status tm_give_struct(const char *name, const void *own, size_t own_size, void *given,
                         tm_error *error)
{
    size_t size;
    tm_status status = read_size(name, given, &size, error);
    if (status)
        return status;
    size_t known = size < own_size ? size : own_size;
    memset((unsigned char *)given + sizeof size, 0, size - sizeof size);
    memcpy((unsigned char *)given + sizeof size, (const unsigned char *)own + sizeof size,
           known - sizeof size);
    return TM_OK;
}
