/* SPDX-License-Identifier: Apache-2.0 */
/* Time for measuring: seconds since some moment, never turned back. */
#ifndef TM_BASE_CLOCK_H
#define TM_BASE_CLOCK_H

#include <time.h>

static inline double tm_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
