/* SPDX-License-Identifier: Apache-2.0 */
#include "products/dense.h"

tm_multiplier tm_multiplier_f32(tm_lowering *lowering)
{
    return (tm_multiplier){.kind = &tm_dense_f32,
                           .zeros = tm_lower_zeros(lowering, TM_MAX_PANELS * TM_PANEL),
                           .f32 = tm_lower_kernels(lowering)};
}

tm_multiplier tm_multiplier_of(tm_lowering *lowering)
{
    tm_multiplier m = tm_multiplier_f32(lowering);
    m.split = tm_lower_split_kernels(lowering);
    m.terms = tm_split_parts(tm_lower_precision(lowering));
    if (m.split)
        m.kind = &tm_dense_split;
    return m;
}

size_t tm_dense_panels_bytes(const tm_multiplier *m, size_t k, size_t n)
{
    return tm_panels_of(n) * m->kind->panel_bytes(m, k);
}

static size_t columns_of(size_t n, size_t first)
{
    return n - first < TM_PANEL ? n - first : TM_PANEL;
}

void tm_dense_pack(const tm_multiplier *m, const float *x, size_t ld, size_t k, size_t n,
                   void *panels)
{
    char *panel = panels;
    for (size_t j = 0; j < n; j += TM_PANEL, panel += m->kind->panel_bytes(m, k))
        m->kind->pack(m, x + j, ld, k, columns_of(n, j), panel);
}

void tm_dense_pack_t(const tm_multiplier *m, const float *x, size_t ld, size_t k, size_t n,
                     void *panels)
{
    char *panel = panels;
    for (size_t j = 0; j < n; j += TM_PANEL, panel += m->kind->panel_bytes(m, k))
        m->kind->pack_t(m, x + j * ld, ld, k, columns_of(n, j), panel);
}
