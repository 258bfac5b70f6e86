/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TM_BASE_RANDOM_H
#define TM_BASE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* A number for names that nobody guesses and no other process has: containers and hosts may share
 * process numbers. False: the system gives none. */
bool tm_random(uint64_t *number);

#endif
