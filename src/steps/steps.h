/* SPDX-License-Identifier: Apache-2.0 */
/* A list of steps with everything that they share between runs. */
#ifndef TM_STEPS_STEPS_H
#define TM_STEPS_STEPS_H

#include <stdint.h>

#include "base/file.h"
#include "base/memory.h"
#include "steps/step.h"

typedef struct tm_steps {
    tm_step *rows;
    int count, capacity;
    size_t weight_bytes;  /* constants, packed weights */
    size_t scratch_bytes; /* of a thread, for any step */
    size_t between_bytes; /* of a picture: what steps leave for the next one */
    char *memory;         /* of the constants and some zeros; NULL: they were only counted */
    size_t memory_bytes;  /* of all that */
    tm_map packed;        /* the file where memory lies; none: it is the steps' own */
    tm_arena args;
} tm_steps;

/* Constants that were packed before, in a file that is mapped: tm_steps.memory as it was then. */
typedef struct tm_packed_memory {
    tm_map map;
    size_t offset, bytes; /* a multiple of 64, within the map */
    uint64_t layout;      /* tm_plan.layout of the plan that they were packed for */
} tm_packed_memory;

void tm_steps_free(tm_steps *steps);

#endif
