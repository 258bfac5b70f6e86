/* SPDX-License-Identifier: Apache-2.0 */
#include "products/results.h"

enum { RESULT_COLUMNS = TM_MAX_PANELS * TM_PANEL };

/* floats of a block's sums, and of its residual */
static size_t block_results(const tm_product *p)
{
    return (size_t)p->division.block * RESULT_COLUMNS;
}

static void *tensor_rows(const tm_product *p, const tm_unit *unit, const tm_tensor *t, int row,
                         int group, int panel)
{
    size_t column = (size_t)group * (size_t)p->outputs + (size_t)panel * TM_PANEL;
    return tm_tensor_channel(unit->run, t, unit->n, 0, unit->first + row, column);
}

static void point_at_residual(const tm_product *p, tm_results *results, const void *rows, int count,
                              float *room)
{
    if (p->residual.type == TM_DTYPE_F32) {
        results->residual = rows;
        results->residual_ld = p->residual.ld;
        return;
    }
    p->f32->f32_of_bf16((size_t)count, (size_t)results->n, rows, p->residual.ld, room,
                        RESULT_COLUMNS);
    results->residual = room;
    results->residual_ld = RESULT_COLUMNS;
}

tm_results tm_results_of(const tm_product *p, const tm_unit *unit, int group, int panel, int wide,
                         int row, int count)
{
    float *room = (float *)(void *)((char *)unit->run->scratch + p->results);
    int left = p->outputs - panel * TM_PANEL;
    void *y = tensor_rows(p, unit, &p->y, row, group, panel);
    tm_results results = {
        .c = y, .c_ld = p->y.ld, .n = left < wide * TM_PANEL ? left : wide * TM_PANEL};
    if (p->y.type != TM_DTYPE_F32) {
        results.c = room;
        results.c_ld = RESULT_COLUMNS;
        results.to = y;
    }
    if (!tm_tensor_is_none(&p->residual))
        point_at_residual(p, &results, tensor_rows(p, unit, &p->residual, row, group, panel), count,
                          room + block_results(p));
    return results;
}

void tm_results_convert(const tm_product *p, const tm_results *results, int first, int count)
{
    p->f32->bf16_of_f32(
        (size_t)count, (size_t)results->n, results->c + (size_t)first * results->c_ld,
        results->c_ld, tm_numbers_behind(results->to, p->y.type, (size_t)first * p->y.ld), p->y.ld);
}

size_t tm_results_plan(tm_product *p, size_t scratch)
{
    bool added = !tm_tensor_is_none(&p->residual);
    p->results = tm_whole_lines(scratch);
    if (p->y.type == TM_DTYPE_F32 && (!added || p->residual.type == TM_DTYPE_F32))
        return scratch;
    return p->results + 2 * block_results(p) * sizeof(float);
}
