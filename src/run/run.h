/* SPDX-License-Identifier: Apache-2.0 */
/* Walks a plan's steps on the threads. */
#ifndef TM_RUN_RUN_H
#define TM_RUN_RUN_H

#include "plan/plan.h"

/* Computes the taps of the first `batch` pictures in plan->input, batch <= plan->max_batch.
 * step_seconds (may be NULL) has a number per step, to which that step's time is added. Every
 * thread count gives the same bits. One run of a plan at a time. */
void tm_run(const tm_plan *plan, int batch, double *step_seconds);

#endif
