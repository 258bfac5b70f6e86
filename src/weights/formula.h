/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weights from a formula: every value follows from the tensor's name, shape and a 64-bit seed, so
 * two programs can hold the same weights without a file between them.
 *
 *   h     = fnv1a64(name) xor seed * 0x9E3779B97F4A7C15
 *   z     = splitmix64 of h at step i = 1, 2, ... in C order
 *   u     = (z >> 40) * 2^-23 - 1                          in [-1, 1)
 *   value = (float)(center + scale * u)                    in double, not fused
 *
 * center and scale follow from the last part of the name and the shape; gain multiplies the scale
 * of tensors of rank 2 and more.
 */
#ifndef TM_WEIGHTS_FORMULA_H
#define TM_WEIGHTS_FORMULA_H

#include <stddef.h>
#include <stdint.h>

/* Elements [begin, begin + count) of the parameter `name`. */
void tm_formula_fill(const char *name, int rank, const int64_t *shape, uint64_t seed, double gain,
                     size_t begin, size_t count, float *out);

/* The same with center and scale given: ("input", 0, 1) is the input of the parity checks, and
 * ("dot", 0, 1) at seed 0 the vector their outputs are projected on. */
void tm_formula_uniform(const char *name, uint64_t seed, double center, double scale, size_t begin,
                        size_t count, float *out);

#endif
