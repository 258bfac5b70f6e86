/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of up to 2 row tiles and 2 panels: tiles 0 to 3 hold sums, 4 and 5 rows, 6 and 7 panels.
 * What is done to a tile is an operation of tiles.h, which wants its number written out.
 */
#ifndef TM_KERNELS_AMX_BLOCKS_H
#define TM_KERNELS_AMX_BLOCKS_H

#include <stdbool.h>

enum {
    TILE_ROWS = 16,
    TILE_WORDS = 16 /* of 32 bits, of a row */,
    TILE_SUMS = TILE_ROWS * TILE_WORDS
};

/* How many row tiles and panels there are; constants where this is inlined. */
typedef struct extent {
    bool two_rows, two_panels;
} extent;

#define ZERO_SUMS()                                                                                \
    do {                                                                                           \
        TILE_ZERO(0);                                                                              \
        TILE_ZERO(1);                                                                              \
        TILE_ZERO(2);                                                                              \
        TILE_ZERO(3);                                                                              \
    } while (0)

/* op(tile, sums) for each: sums [2 row tiles][2 panels][16][16] */
#define EACH_SUM(op, e, sums)                                                                      \
    do {                                                                                           \
        op(0, (sums));                                                                             \
        if ((e).two_panels)                                                                        \
            op(1, (sums) + TILE_SUMS);                                                             \
        if ((e).two_rows)                                                                          \
            op(2, (sums) + 2 * TILE_SUMS);                                                         \
        if ((e).two_rows && (e).two_panels)                                                        \
            op(3, (sums) + 3 * TILE_SUMS);                                                         \
    } while (0)

/* op(sum, rows, panel) for each */
#define EACH_PRODUCT(op, e)                                                                        \
    do {                                                                                           \
        op(0, 4, 6);                                                                               \
        if ((e).two_panels)                                                                        \
            op(1, 4, 7);                                                                           \
        if ((e).two_rows)                                                                          \
            op(2, 5, 6);                                                                           \
        if ((e).two_rows && (e).two_panels)                                                        \
            op(3, 5, 7);                                                                           \
    } while (0)

#endif
