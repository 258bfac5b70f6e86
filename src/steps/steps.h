/* SPDX-License-Identifier: Apache-2.0 */
/* A list of steps with everything that they share between runs. */
#ifndef TM_STEPS_STEPS_H
#define TM_STEPS_STEPS_H

#include "base/memory.h"
#include "steps/step.h"

typedef struct tm_steps {
    tm_step *rows;
    int count, capacity;
    size_t weight_bytes;  /* constants, packed weights */
    size_t scratch_bytes; /* of a thread, for any step */
    size_t between_bytes; /* of a picture: what steps leave for the next one */
    char *memory;         /* of the constants and some zeros; NULL: they were only counted */
    tm_arena args;
} tm_steps;

void tm_steps_free(tm_steps *steps);

#endif
