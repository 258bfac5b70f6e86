/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/pool1d.h"

#include <string.h>

tm_node *tm_pool_tokens(tm_builder *b, tm_node *x, const char *kind, int first)
{
    static const char *const kinds[] = {"avg", "max", "avgmax"};
    if (strcmp(kind, "") == 0)
        return x;
    if (strcmp(kind, "token") == 0)
        return tm_slice_w(b, x, 0, 1);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i]) == 0)
            return tm_global_pool(b, tm_slice_w(b, x, first, x->shape.w - first), kind);
    tm_refuse(b, "global pool '%s' is none of token, avg, max, avgmax", kind);
    return x;
}
