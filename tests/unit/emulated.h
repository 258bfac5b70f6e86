/* SPDX-License-Identifier: Apache-2.0 */
/* How much a test does under an emulator, which takes a hundred times as long. */
#ifndef TESTS_UNIT_EMULATED_H
#define TESTS_UNIT_EMULATED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define EMULATED_HELPER __attribute__((unused)) static

EMULATED_HELPER bool emulated(void)
{
    return getenv("TIMMC_TEST_EMULATED") != NULL;
}

/* Rounds of a test on random cases: a tenth. */
EMULATED_HELPER int rounds(int count)
{
    return emulated() ? (count + 9) / 10 : count;
}

/* From one damage of a file to the next, a place or a value: not all, but at any alignment. */
EMULATED_HELPER size_t stride(void)
{
    return emulated() ? 7 : 1;
}

#endif
