/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a GEMM tile kernel of bytes on tiles (tiles.h), of up to 32 rows and PANELS panels,
 * which who includes it defines. Sixteen quads of a panel are a tile as they lie, rows are copied
 * into tiles, whatever their taps, as many inputs as stay in L1.
 */
#ifndef TM_TILES
#include "kernels/amx/tiles.h"
#endif
#include "kernels/amx/blocks.h"
#include "kernels/i8_finish.h"

enum {
    ROW_TILES = 2,
    STEP = 64, /* inputs in a tile: bytes of a row, quads of a panel times 4 */
    TILE = TILE_ROWS * STEP,
    BLOCK_STEPS = 16, /* rows of 32 KB */
    PAIRS = (PANELS + 1) / 2
};

/* What a block of inputs is computed in. */
typedef struct tiles_room {
    _Alignas(64) uint8_t rows[BLOCK_STEPS][ROW_TILES][TILE];
    _Alignas(64) char tail[PANELS][TILE]; /* of a panel's last step, with zeros behind it */
    _Alignas(64) int32_t sums[PAIRS][ROW_TILES][2][TILE_ROWS][TM_PANEL];
} tiles_room;

/* A block: inputs [first, first + count) of all taps. */
typedef struct inputs_block {
    size_t first, count;
} inputs_block;

/* The block's inputs of row i, which come from one tap after the other. */
VF void copy_row(const tm_gemm_i8_tile *tile, int i, const inputs_block *block, tiles_room *room)
{
    const size_t kc = (size_t)tile->kc;
    uint8_t *to = room->rows[0][i / TILE_ROWS] + i % TILE_ROWS * STEP;
    size_t tap = block->first / kc, at = block->first % kc;
    for (size_t k = 0, n; k < block->count; k += n) {
        const uint8_t *row = tile->rows[tap * tile->tap_stride + (size_t)i];
        size_t room_left = STEP - k % STEP;
        n = kc - at < room_left ? kc - at : room_left;
        n = n < block->count - k ? n : block->count - k;
        tile_copy_bytes(to + k / STEP * (ROW_TILES * TILE) + k % STEP, row + tile->offset + at, n);
        at += n;
        if (at == kc) {
            at = 0;
            tap++;
        }
    }
}

VF void copy_rows(const tm_gemm_i8_tile *tile, const inputs_block *block, tiles_room *room)
{
    if (block->count % STEP)
        memset(room->rows[block->count / STEP], 0, sizeof room->rows[0]);
    for (int i = 0; i < tile->m; i++)
        copy_row(tile, i, block, room);
}

VF const char *panel_tile(const tm_gemm_i8_tile *tile, int panel, size_t input)
{
    return tile->panel + (size_t)panel * tile->panel_stride + TM_I8_HEAD + input * TM_PANEL;
}

/* The block's last inputs of the panels, where they do not fill a tile. */
VF void copy_tails(const tm_gemm_i8_tile *tile, const inputs_block *block, tiles_room *room)
{
    size_t left = block->count % STEP;
    for (int p = 0; p < PANELS && left; p++) {
        const char *from = panel_tile(tile, p, block->first + block->count - left);
        memcpy(room->tail[p], from, left * TM_PANEL);
        memset(room->tail[p] + left * TM_PANEL, 0, TILE - left * TM_PANEL);
    }
}

VF void add_step(extent e, uint8_t (*rows)[TILE], const char *b, const char *next_b)
{
    TILE_LOAD(4, rows[0]);
    if (e.two_rows)
        TILE_LOAD(5, rows[1]);
    TILE_LOAD(6, b);
    if (e.two_panels)
        TILE_LOAD(7, next_b);
    EACH_PRODUCT(TILE_DOT, e);
}

/* A block of panel `panel` and, if there are two, of the next. */
VF void add_block(const tm_gemm_i8_tile *tile, extent e, int panel, const inputs_block *block,
                  tiles_room *room)
{
    size_t whole = block->count / STEP;
    const char *b = panel_tile(tile, panel, block->first);
    int32_t *sums = room->sums[panel / 2][0][0][0];
    if (block->first == 0) {
        ZERO_SUMS();
    } else {
        EACH_SUM(TILE_LOAD, e, sums);
    }
    for (size_t s = 0; s < whole; s++, b += TILE)
        add_step(e, room->rows[s], b, b + tile->panel_stride);
    if (block->count % STEP)
        add_step(e, room->rows[whole], room->tail[panel], room->tail[panel + e.two_panels]);
    EACH_SUM(TILE_STORE, e, sums);
}

/* The next tiles' panels, a line of 64 bytes for every TM_STEPS quads. */
VF void fetch_next(const tm_gemm_i8_tile *tile, const inputs_block *block)
{
    enum { QUADS = TM_STEPS * TM_I8_QUAD };
    for (size_t k = block->first / QUADS; tile->next && k < (block->first + block->count) / QUADS;
         k++)
        __builtin_prefetch(tile->next + k * tile->next_step);
}

VF void add_inputs(const tm_gemm_i8_tile *tile, const inputs_block *block, tiles_room *room)
{
    const bool two_rows = tile->m > TILE_ROWS;
    copy_rows(tile, block, room);
    copy_tails(tile, block, room);
    fetch_next(tile, block);
    for (int p = 0; p < PANELS; p += 2) {
        const bool two_panels = p + 1 < PANELS;
        if (two_rows)
            add_block(tile, (extent){true, two_panels}, p, block, room);
        else
            add_block(tile, (extent){false, two_panels}, p, block, room);
    }
}

void TM_GEMM_NAME(const tm_gemm_i8_tile *tile)
{
    const size_t inputs = (size_t)tile->taps * (size_t)tile->kc;
    tiles_room room;
    TILES_BEGIN();
    for (size_t k = 0; k < inputs; k += BLOCK_STEPS * STEP) {
        inputs_block block = {.first = k, .count = inputs - k};
        if (block.count > BLOCK_STEPS * STEP)
            block.count = BLOCK_STEPS * STEP;
        add_inputs(tile, &block, &room);
    }
    TILES_END();
    for (int i = 0; i < tile->m; i++)
        for (int p = 0; p < PANELS; p++)
            tm_i8_finish(tile, i, p, room.sums[p / 2][i / TILE_ROWS][p % 2][i % TILE_ROWS]);
}
