/* SPDX-License-Identifier: Apache-2.0 */
#include "products/panels.h"

#include <string.h>

#include "graph/constant.h"

/* A transpose, whose rows then go where their taps lie. */
void tm_pack_taps(const tm_kernels *kernels, const float *values, size_t rows, size_t kc,
                  size_t taps, float *panel)
{
    enum { COLUMNS = 64 };
    float block[COLUMNS * TM_PANEL];
    size_t n = kc * taps;
    if (taps == 1) {
        kernels->pack_f32(rows, n, values, n, panel);
        return;
    }
    for (size_t begin = 0; begin < n; begin += COLUMNS) {
        size_t count = n - begin < COLUMNS ? n - begin : COLUMNS;
        kernels->pack_f32(rows, count, values + begin, n, block);
        for (size_t j = 0; j < count; j++) {
            size_t input = (begin + j) / taps, tap = (begin + j) % taps;
            memcpy(panel + (tap * kc + input) * TM_PANEL, block + j * TM_PANEL,
                   TM_PANEL * sizeof *panel);
        }
    }
}

/* Outputs [first, first + count) of a group. */
static void pack_rows(const float *values, size_t row, int group, int first, int count, float *room,
                      tm_pack_panel_fn *pack, const void *context)
{
    for (int i = 0; i < count; i += TM_PANEL)
        pack(context, values + (size_t)i * row, group, first + i,
             count - i < TM_PANEL ? count - i : TM_PANEL, room);
}

void tm_pack_panels(tm_lowering *worker, const tm_node *weight, int groups, int outputs,
                    size_t room_floats, tm_pack_panel_fn *pack, const void *context)
{
    int part = (int)tm_lower_rows_at_once(weight, TM_PANEL);
    float *room = tm_lower_temporary(worker, room_floats);
    bool good = room != NULL;
    for (int g = 0; g < groups; g++)
        for (int first = 0, count; first < outputs && good; first += count) {
            count = outputs - first < part ? outputs - first : part;
            const float *values =
                tm_lower_constant_rows(worker, weight, (int64_t)g * outputs + first, count);
            good = values != NULL;
            if (good)
                pack_rows(values, (size_t)tm_row_elements(weight), g, first, count, room, pack,
                          context);
            tm_lower_release(worker, values);
        }
    if (good)
        tm_lower_done(worker, weight);
    tm_lower_release(worker, room);
}

void tm_pack_bias(tm_lowering *worker, const tm_node *bias, int groups, int outputs, size_t padded,
                  float *out)
{
    size_t count = (size_t)outputs;
    const float *values = bias ? tm_lower_constant(worker, bias) : NULL;
    for (size_t g = 0; values && g < (size_t)groups; g++, out += padded) {
        memcpy(out, values + g * count, count * sizeof *out);
        memset(out + count, 0, (padded - count) * sizeof *out);
    }
    tm_lower_release(worker, values);
}
