/* SPDX-License-Identifier: Apache-2.0 */
#include "steps/strip.h"

#include <string.h>

#include "steps/lowering.h"

typedef struct strip_args {
    tm_strip strip;
    tm_step steps[TM_MAX_STRIP];
    size_t begins[TM_MAX_STRIP]; /* in the scratch, of the results, then of what a step uses */
} strip_args;

static int most(int a, int b)
{
    return a > b ? a : b;
}

void tm_strip_need(const tm_strip *strip, int first, int end, tm_strip_rows need[TM_MAX_STRIP])
{
    int last = strip->count - 1;
    need[last] = (tm_strip_rows){first, end};
    for (int i = last; i > 0; i--) {
        const tm_reach *reach = &strip->stages[i].reach;
        need[i - 1].first = most(need[i].first * reach->stride - reach->before, 0);
        need[i - 1].end = tm_least((need[i].end - 1) * reach->stride - reach->before + reach->rows,
                                   strip->stages[i - 1].h);
    }
}

/* Rows of the result of stage i that a strip holds, at most. */
static int rows_held(const tm_strip *strip, int i, int rows)
{
    for (int j = strip->count - 1; j > i; j--)
        rows = (rows - 1) * strip->stages[j].reach.stride + strip->stages[j].reach.rows;
    return tm_least(rows, strip->stages[i].h);
}

static size_t stage_bytes(const tm_strip *strip, int i, int rows)
{
    return tm_whole_lines((size_t)rows_held(strip, i, rows) * strip->stages[i].row_bytes);
}

size_t tm_strip_bytes(const tm_strip *strip, int rows)
{
    size_t bytes = 0;
    for (int i = 0; i + 1 < strip->count; i++)
        bytes += stage_bytes(strip, i, rows);
    return bytes;
}

static int strips_of(const tm_strip *strip)
{
    return tm_ceil_div(strip->stages[strip->count - 1].h, strip->rows);
}

static int strip_units(const tm_step *step, int batch)
{
    return batch * strips_of(&((const strip_args *)step->args)->strip);
}

/* Where the picture of a stage's result would begin, if the strip were not all of it there is. */
static char *picture_begin(const strip_args *args, const tm_run_state *run, int i, int first)
{
    uintptr_t begin = (uintptr_t)run->scratch + args->begins[i];
    return (char *)(begin - (size_t)first * args->strip.stages[i].row_bytes);
}

static void strip_run(const tm_step *step, const tm_run_state *run, int unit)
{
    const strip_args *args = step->args;
    const tm_strip *strip = &args->strip;
    int n = unit / strips_of(strip), first = unit % strips_of(strip) * strip->rows;
    int last = strip->count - 1;
    tm_strip_rows need[TM_MAX_STRIP];
    tm_run_state state = *run;
    tm_strip_need(strip, first, tm_least(first + strip->rows, strip->stages[last].h), need);
    for (int i = 0; i < last; i++)
        state.memory[TM_SPACE_STRIP + i] = picture_begin(args, run, i, need[i].first);
    state.scratch = (char *)run->scratch + args->begins[last];
    for (int i = 0; i <= last; i++) {
        int w = strip->stages[i].w, rows = need[i].end - need[i].first;
        args->steps[i].pixels(&args->steps[i], &state, n, need[i].first * w, rows * w);
    }
}

void tm_lower_strip(tm_lowering *lowering, const tm_strip *strip)
{
    tm_steps *steps = lowering->steps;
    if (lowering->status)
        return;
    tm_step *first = &steps->rows[steps->count - strip->count];
    strip_args *args = tm_arena_alloc(&steps->args, sizeof *args);
    if (!args) {
        tm_lowering_no_memory(lowering, sizeof *args);
        return;
    }
    *args = (strip_args){.strip = *strip};
    memcpy(args->steps, first, (size_t)strip->count * sizeof *first);
    tm_step joined = {.run = strip_run,
                      .units = strip_units,
                      .args = args,
                      .name = first[strip->count - 1].name,
                      .op = "strip"};
    for (int i = 0; i < strip->count; i++) {
        TM_ASSERT(first[i].pixels);
        joined.macs += first[i].macs;
        if (first[i].scratch > joined.scratch)
            joined.scratch = first[i].scratch;
        args->begins[i] = i ? args->begins[i - 1] + stage_bytes(strip, i - 1, strip->rows) : 0;
    }
    joined.scratch += args->begins[strip->count - 1];
    if (joined.scratch > steps->scratch_bytes)
        steps->scratch_bytes = joined.scratch;
    *first = joined;
    steps->count -= strip->count - 1;
}
