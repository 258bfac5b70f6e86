/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/vec/vec.h"

/* Four pixels share each weight that is loaded. */
enum { PIXELS = 4 };

VF vf load(const float *p, vmask m, bool whole)
{
    return whole ? vf_load(p) : vf_load_first(p, m);
}

VF void store(float *p, vf x, vmask m, bool whole)
{
    if (whole)
        vf_store(p, x);
    else
        vf_store_first(p, x, m);
}

VF void columns(const tm_dwconv_tile *tile, int pixel, int count, size_t c, vmask m, bool whole)
{
    vf acc[PIXELS];
    for (int i = 0; i < count; i++)
        acc[i] = load(tile->bias + c, m, whole);
    const float *const *px = tile->px + pixel;
    const float *w = tile->w + c;
    for (int t = 0; t < tile->taps; t++, px += tile->tap_stride, w += tile->channels) {
        vf weight = load(w, m, whole);
        for (int i = 0; i < count; i++)
            acc[i] = vf_fma(load(px[i] + c, m, whole), weight, acc[i]);
    }
    for (int i = 0; i < count; i++)
        store(tile->out + (size_t)(pixel + i) * tile->out_ld + c,
              vf_min(vf_set(tile->hi), vf_max(vf_set(tile->lo), acc[i])), m, whole);
}

VF void pixels(const tm_dwconv_tile *tile, int pixel, int count)
{
    size_t c = 0, channels = (size_t)tile->channels;
    vmask m = vm_first(0);
    for (; c + VL <= channels; c += VL)
        columns(tile, pixel, count, c, m, true);
    if (c < channels)
        columns(tile, pixel, count, c, vm_first(channels - c), false);
}

void TM_KERNEL(tm_dwconv_f32)(const tm_dwconv_tile *tile)
{
    int i = 0;
    for (; i + PIXELS <= tile->pixels; i += PIXELS)
        pixels(tile, i, PIXELS);
    for (; i < tile->pixels; i++)
        pixels(tile, i, 1);
}
