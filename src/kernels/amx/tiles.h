/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMX's tile registers, 0 to 7, all of 16 rows of 64 bytes; emulated/tiles.h has the same for every
 * processor. The instructions are written out: GCC 12's intrinsics name too little of the memory
 * that they touch.
 */
#ifndef TM_KERNELS_AMX_TILES_H
#define TM_KERNELS_AMX_TILES_H

#include <immintrin.h>
#include <stdint.h>

#include "kernels/vec/inline.h"

#define TM_TILES

/* p: 16 rows one behind the other, 1,024 bytes */
#define TILE_LOAD(t, p)                                                                            \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #t ::"r"(p), "r"(64L) : "memory")
#define TILE_STORE(t, p)                                                                           \
    __asm__ volatile("tilestored %%tmm" #t ", (%0,%1,1)" ::"r"(p), "r"(64L) : "memory")
#define TILE_ZERO(t) __asm__ volatile("tilezero %%tmm" #t ::)
/* c += a * b: pairs of bfloat16 into float32; quads of bytes, a's 0 to 255, b's signed, into int32
 */
#define TILE_MULTIPLY(c, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::)
#define TILE_DOT(c, a, b) __asm__ volatile("tdpbusd %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::)

/* palette 1: 8 tiles of 16 rows of 64 bytes */
static const struct {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} whole_tiles __attribute__((aligned(64))) = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

/* Without these around them the others fault; TILES_END forgets what the tiles hold. */
#define TILES_BEGIN() __asm__ volatile("ldtilecfg %0" ::"m"(whole_tiles))
#define TILES_END() __asm__ volatile("tilerelease")

/* n bytes, 1 <= n <= 64 */
VF void tile_copy_bytes(void *to, const void *from, size_t n)
{
    __mmask64 first = ~(__mmask64)0 >> (64 - n);
    _mm512_mask_storeu_epi8(to, first, _mm512_maskz_loadu_epi8(first, from));
}

#endif
