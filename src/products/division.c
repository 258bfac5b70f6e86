/* SPDX-License-Identifier: Apache-2.0 */
#include "products/division.h"

#include "steps/lower.h"

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
