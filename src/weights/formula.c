/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/formula.h"

#include <math.h>
#include <string.h>

#define GOLDEN 0x9E3779B97F4A7C15U

static uint64_t fnv1a64(const char *text)
{
    uint64_t hash = 0xCBF29CE484222325U;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001B3U;
    return hash;
}

static uint64_t splitmix64(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

void tm_formula_uniform(const char *name, uint64_t seed, double center, double scale, size_t begin,
                        size_t count, float *out)
{
    uint64_t z = (fnv1a64(name) ^ seed * GOLDEN) + (begin + 1) * GOLDEN;
    /* u = k * 2^-23 for an integer k, and a power of two moves through the rounding of scale * u
     * unchanged: so scale * 2^-23 is taken once. */
    double step = scale * 0x1p-23;
#ifdef __clang__ /* without a 64-bit vector multiply its vector code is half as fast */
#pragma clang loop vectorize(disable)
#endif
    for (size_t i = 0; i < count; i++) {
        int32_t k = (int32_t)(splitmix64(z + i * GOLDEN) >> 40) - (1 << 23);
        double product = step * k;
        out[i] = (float)(center + product);
    }
}

static double fan_in(int rank, const int64_t *shape)
{
    double product = 1;
    for (int i = 1; i < rank; i++)
        product *= (double)shape[i];
    return product;
}

void tm_formula_fill(const char *name, int rank, const int64_t *shape, uint64_t seed, double gain,
                     size_t begin, size_t count, float *out)
{
    static const char *const ones[] = {"weight", "gamma", "scale", "gain"};
    const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;
    double center = 0, scale = 0.1;
    if (strcmp(last, "running_var") == 0) {
        center = 1;
        scale = 0.5;
    } else if (strcmp(last, "running_mean") == 0) {
        scale = 0.2;
    } else if (rank >= 2) {
        scale = gain * (shape[0] == 1 ? 0.5 : sqrt(3.0 / fan_in(rank, shape)));
    } else {
        for (size_t i = 0; i < sizeof ones / sizeof *ones; i++)
            if (strcmp(last, ones[i]) == 0) {
                center = 1;
                scale = 0.25;
            }
    }
    tm_formula_uniform(name, seed, center, scale, begin, count, out);
}
