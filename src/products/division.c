/* SPDX-License-Identifier: Apache-2.0 */
#include "products/division.h"

#include <math.h>

#include "steps/lower.h"

enum {
    BLOCK_MIN = 24, /* rows of a unit */
    BLOCK_MAX = 200,
    CHUNK_PANELS = 12,   /* a multiple of 3 and 4, the widths that fill the registers best */
    UNITS_PER_THREAD = 4 /* so that an uneven machine stays busy */
};

static int blocks_of(const tm_division *d, int rows)
{
    return tm_ceil_div(rows, d->block);
}

static int row_blocks(const tm_division *d, int batch)
{
    return d->run ? blocks_of(d, batch * d->rows) : batch * blocks_of(d, d->rows);
}

/* Units that share the panels of a group. */
static int chunks_of(const tm_division *d)
{
    return tm_ceil_div(d->panels, d->chunk);
}

static int shares_of_rows(const tm_division *d)
{
    return chunks_of(d) * tm_ceil_div(d->groups, d->group_step);
}

int tm_division_units(const tm_division *d, int batch)
{
    return row_blocks(d, batch) * shares_of_rows(d);
}

tm_unit tm_unit_at(const tm_division *d, const tm_run_state *run, int index)
{
    int all = row_blocks(d, run->batch), shares = shares_of_rows(d);
    int block = d->by_rows ? index / shares : index % all;
    int share = d->by_rows ? index % shares : index / all;
    int rows = d->run ? d->rows * run->batch : d->rows;
    int blocks = blocks_of(d, rows), grains = tm_ceil_div(rows, d->grain);
    int first = block % blocks * grains / blocks * d->grain;
    int end = (block % blocks + 1) * grains / blocks * d->grain;
    int chunks = chunks_of(d), panel = share % chunks * d->chunk;
    int group = share / chunks * d->group_step;
    return (tm_unit){.run = run,
                     .n = block / blocks,
                     .first = first,
                     .count = tm_least(end, rows) - first,
                     .group = group,
                     .last_group = tm_least(group + d->group_step, d->groups),
                     .panel = panel,
                     .panels = tm_least(d->chunk, d->panels - panel)};
}

int tm_even_block(int count, int most, int grain)
{
    int block = tm_ceil_div(count, tm_ceil_div(count, most));
    return tm_ceil_div(block, grain) * grain;
}

/* As many groups a unit as leave `wanted` units; false: there are fewer units, of one group each.
 */
static bool join_groups(tm_division *d, int wanted)
{
    int units = chunks_of(d) * blocks_of(d, d->rows) * d->groups;
    d->group_step = tm_least(units / wanted, d->groups);
    if (d->group_step > 0)
        return true;
    d->group_step = 1;
    return false;
}

double tm_division_unevenness(const tm_division *d, int threads)
{
    double most = tm_ceil_div(tm_division_units(d, 1), threads) * (double)d->group_step;
    double shares = threads * (double)d->block * d->chunk;
    return most * shares / ((double)d->rows * d->panels * d->groups);
}

/* Of a group, in bytes of weights read from beyond L2: every chunk's conversions; the weights,
 * which every block reads anew, though from L2 if it passes by a chunk that stays; and what threads
 * that have no unit left could multiply meanwhile. */
static double cost_of(const tm_division *d, const tm_unit_bytes *bytes, int threads)
{
    const double of_l2 = 0.5, of_product = 0.25;
    double weights = (double)d->panels * (double)bytes->panel;
    bool stay = !d->by_rows && (size_t)d->chunk * bytes->panel <= bytes->panels_most;
    double idle = tm_division_unevenness(d, threads) - 1;
    return (double)chunks_of(d) * d->rows * (double)bytes->conversion +
           weights * (1 + (blocks_of(d, d->rows) - 1) * (stay ? of_l2 : 1)) +
           idle * d->rows * weights * of_product;
}

/* The cheapest division into `wanted` units or more, else the finest, of blocks of at most
 * `fitting` rows and at least `least`. */
static void fit_converted(tm_division *d, const tm_unit_bytes *bytes, int threads, int wanted,
                          int least, int fitting)
{
    int fewest = tm_ceil_div(d->rows, fitting), most_chunks = tm_ceil_div(d->panels, TM_MAX_PANELS);
    int most_blocks = tm_least(tm_ceil_div(d->rows, least), fewest + wanted);
    d->block = tm_even_block(d->rows, tm_ceil_div(d->rows, most_blocks), d->grain);
    d->chunk = tm_ceil_div(d->panels, most_chunks);
    join_groups(d, wanted);
    tm_division best = *d;
    double best_cost = INFINITY;
    for (int blocks = fewest; blocks <= most_blocks; blocks++) {
        d->block = tm_even_block(d->rows, tm_ceil_div(d->rows, blocks), d->grain);
        for (int chunks = 1; chunks <= most_chunks; chunks++) {
            d->chunk = tm_ceil_div(d->panels, chunks);
            double cost = join_groups(d, wanted) ? cost_of(d, bytes, threads) : INFINITY;
            if (cost >= best_cost)
                continue;
            best = *d;
            best_cost = cost;
        }
    }
    *d = best;
}

/* Somewhat fewer panels a unit, where the last unit's would leave threads idle. */
static void even_chunk(tm_division *d, int wanted, int threads)
{
    tm_division smaller = *d;
    for (int least = d->chunk / 2; smaller.chunk > 1 && smaller.chunk > least;) {
        smaller.chunk--;
        join_groups(&smaller, wanted);
        if (tm_division_unevenness(&smaller, threads) < tm_division_unevenness(d, threads))
            *d = smaller;
    }
}

void tm_division_fit(tm_division *d, const tm_unit_bytes *bytes, int threads)
{
    int wanted = threads > 1 ? UNITS_PER_THREAD * threads : 1;
    int least = BLOCK_MIN > d->grain ? BLOCK_MIN : d->grain;
    int fitting = (int)(bytes->rows_most / bytes->row);
    fitting = fitting < least ? least : tm_least(fitting, BLOCK_MAX);
    if (bytes->conversion) {
        fit_converted(d, bytes, threads, wanted, least, fitting);
        return;
    }
    d->block = tm_even_block(d->rows, fitting, d->grain);
    d->chunk = d->panels;
    if (d->block < d->rows && (size_t)d->chunk * bytes->panel > bytes->panels_most)
        d->chunk = (int)(bytes->panels_most / bytes->panel) / CHUNK_PANELS * CHUNK_PANELS;
    if (d->chunk == 0)
        d->chunk = tm_least(CHUNK_PANELS, d->panels);
    while (!join_groups(d, wanted)) {
        if (d->chunk > TM_MAX_PANELS && !(d->by_rows && d->block > least))
            d->chunk = tm_ceil_div(d->chunk, 2);
        else if (d->block > least)
            d->block = tm_even_block(d->rows, d->block / 2, d->grain);
        else
            return;
    }
    even_chunk(d, wanted, threads);
}
