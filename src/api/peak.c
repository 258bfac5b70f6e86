/* SPDX-License-Identifier: Apache-2.0 */

#include "api/model.h"
#include "base/clock.h"
#include "base/parallel.h"

enum { ROUNDS = 200 * 1000, MEASUREMENTS = 5 };

typedef struct peak_job {
    const tm_kernels *kernels;
    double flops; /* of one thread */
} peak_job;

static void run_peak(void *context, int i, int thread)
{
    (void)thread;
    peak_job *job = context;
    double flops = job->kernels->peak_f32(ROUNDS);
    if (i == 0)
        job->flops = flops;
}

double tm_model_peak_flops(const tm_model *model)
{
    peak_job job = {.kernels = tm_kernels_for(tm_isa_or_best(model->options.isa))};
    double best = 0;
    for (int i = 0; i < MEASUREMENTS; i++) {
        double begin = tm_seconds();
        tm_parallel_for(model->options.threads, model->options.threads, run_peak, &job);
        double rate = job.flops * model->options.threads / (tm_seconds() - begin);
        best = rate > best ? rate : best;
    }
    return best;
}
