/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "run/run.h"

/* The machine's, in bytes; what the system promises is more than it has. */
static double memory_there(void)
{
    return 0.9 * (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
}

static bool would_fit(size_t bytes)
{
    void *trial = (double)bytes < memory_there() ? tm_alloc_huge(bytes) : NULL;
    free(trial);
    return trial != NULL;
}

static tm_status no_memory(size_t bytes, tm_error *error)
{
    return tm_fail(error, TM_NO_MEMORY, "no memory for the %zu bytes of a run", bytes);
}

/* Memory grows with the batch, so a smaller one may fit. */
static tm_status fail_batch(size_t bytes, int batch, tm_error *error)
{
    size_t of_one = bytes / (size_t)batch;
    int fits = batch / 2;
    if (would_fit(bytes)) /* there is room again: it was not the batch */
        return no_memory(bytes, error);
    while (fits > 0 && !would_fit(of_one * (size_t)fits))
        fits /= 2;
    if (!fits && (double)of_one < memory_there())
        return no_memory(bytes, error);
    char hint[64] = "";
    if (fits)
        snprintf(hint, sizeof hint, "; %d at once (-b %d) would fit", fits, fits);
    return tm_fail(error, TM_USAGE,
                   "a batch of %d takes %.1f GB for what its layers put out, more than there is%s",
                   batch, 1e-9 * (double)bytes, hint);
}

static int count_lanes(const tm_plan *plan, int threads)
{
    int walks = plan->max_batch / plan->walk_batch;
    return walks < threads ? walks : threads;
}

bool tm_runner_bytes(const tm_plan *plan, size_t *bytes)
{
    size_t arenas, scratch;
    return tm_size_mul(plan->arena_bytes, (size_t)count_lanes(plan, plan->threads), &arenas) &&
           tm_size_mul(plan->steps.scratch_bytes, (size_t)plan->threads, &scratch) &&
           tm_size_add(arenas, plan->kept_bytes, bytes) && tm_size_add(*bytes, scratch, bytes);
}

tm_status tm_runner_open(tm_runner *runner, const tm_plan *plan, int threads, tm_error *error)
{
    size_t arenas, scratch;
    *runner = (tm_runner){.plan = plan, .threads = threads, .lanes = count_lanes(plan, threads)};
    if (!tm_size_mul(plan->arena_bytes, (size_t)runner->lanes, &arenas) ||
        arenas > SIZE_MAX - plan->kept_bytes)
        return fail_batch(SIZE_MAX, plan->max_batch, error);
    if (!tm_size_mul(plan->steps.scratch_bytes, (size_t)threads, &scratch))
        return no_memory(plan->steps.scratch_bytes, error);
    tm_status status = TM_OK;
    runner->kept = tm_alloc_huge(plan->kept_bytes);
    runner->arenas = tm_alloc_huge(arenas);
    runner->scratch = tm_alloc_huge(scratch);
    runner->bytes = plan->kept_bytes + arenas + scratch;
    if (!runner->kept || !runner->arenas)
        status = fail_batch(plan->kept_bytes + arenas, plan->max_batch, error);
    else if (!runner->scratch)
        status = no_memory(scratch, error);
    if (status)
        tm_runner_close(runner);
    return status;
}

void tm_runner_close(tm_runner *runner)
{
    free(runner->kept);
    free(runner->arenas);
    free(runner->scratch);
    *runner = (tm_runner){0};
}

float *tm_runner_at(const tm_runner *runner, const tm_tensor *tensor, int n, int y, int x)
{
    tm_run_state state = {.memory = {[TM_SPACE_KEPT] = runner->kept}};
    return tm_tensor_at(&state, tensor, n, y, x);
}
