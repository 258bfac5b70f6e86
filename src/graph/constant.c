/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/constant.h"

int64_t tm_element_count(const tm_node *constant)
{
    return tm_row_count(constant) * tm_row_elements(constant);
}

int64_t tm_row_count(const tm_node *constant)
{
    return constant->rank ? constant->dims[0] : 1;
}

int64_t tm_row_elements(const tm_node *constant)
{
    int64_t count = 1;
    for (int i = 1; i < constant->rank; i++)
        count *= constant->dims[i];
    return count;
}

tm_shape tm_constant_shape(const tm_node *constant)
{
    const int64_t *d = constant->dims;
    int r = constant->rank;
    return (tm_shape){1, r >= 2 ? (int)d[r - 2] : 1, r >= 1 ? (int)d[r - 1] : 1};
}
