/* SPDX-License-Identifier: Apache-2.0 */
/* amx/tiles.h in plain C, but for the product of bfloat16, which unit.h has. */
#ifndef TM_KERNELS_EMULATED_TILES_H
#define TM_KERNELS_EMULATED_TILES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "kernels/amx/blocks.h"
#include "kernels/vec/inline.h"

#define TM_TILES

typedef union tile_register {
    float sums[TILE_ROWS][TILE_WORDS];
    int32_t whole_sums[TILE_ROWS][TILE_WORDS];
    uint16_t halves[TILE_ROWS][2 * TILE_WORDS]; /* of rows, or pairs of a panel */
    uint8_t bytes[TILE_ROWS][4 * TILE_WORDS];   /* likewise, or quads */
} tile_register;

static _Thread_local tile_register tiles[8];
static _Thread_local bool configured;

VF tile_register *tile_of(int t)
{
    if (!configured)
        __builtin_trap(); /* so does the instruction */
    return &tiles[t];
}

__attribute__((unused)) static void tile_dot(tile_register *c, const tile_register *a,
                                             const tile_register *b)
{
    for (int i = 0; i < TILE_ROWS; i++)
        for (int j = 0; j < TILE_WORDS; j++)
            for (int k = 0; k < 4 * TILE_WORDS; k++)
                c->whole_sums[i][j] += a->bytes[i][k] * (int8_t)b->bytes[k / 4][4 * j + k % 4];
}

#define TILE_LOAD(t, p) memcpy(tile_of(t), p, sizeof(tile_register))
#define TILE_STORE(t, p) memcpy(p, tile_of(t), sizeof(tile_register))
#define TILE_ZERO(t) memset(tile_of(t), 0, sizeof(tile_register))
#define TILE_DOT(c, a, b) tile_dot(tile_of(c), tile_of(a), tile_of(b))
#define TILES_BEGIN() (configured = true)
#define TILES_END() (memset(tiles, 0xFF, sizeof tiles), configured = false)

VF void tile_copy_bytes(void *to, const void *from, size_t n)
{
    memcpy(to, from, n);
}

#endif
