/* SPDX-License-Identifier: Apache-2.0 */
/* A list of numbers that somebody else owns. */
#ifndef TM_BASE_NUMBERS_H
#define TM_BASE_NUMBERS_H

#include <stddef.h>

typedef struct tm_numbers {
    const double *values;
    size_t count;
} tm_numbers;

#endif
