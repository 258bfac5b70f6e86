/* SPDX-License-Identifier: Apache-2.0 */
/* Many pictures: decoded at once on threads of their own, run together, told in order. */
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/pictures.h"
#include "base/pipeline.h"

typedef struct job {
    size_t index;
    float *tensor; /* [H][W][C]; NULL: it failed, or there is no memory for one */
    tm_error error;
} job;

typedef struct batch {
    tm_context *context;
    const tm_picture *pictures;
    size_t count, taken, floats; /* floats: of a tensor */
    tm_picture_answer answer;
    void *user;
    job *jobs;
    int slots;
    tm_error *error;
} batch;

static bool take(void *context, int slot)
{
    batch *b = context;
    b->jobs[slot] = (job){.index = b->taken};
    return b->taken < b->count && ++b->taken;
}

static void prepare(void *context, int slot, int place)
{
    batch *b = context;
    job *j = &b->jobs[slot];
    (void)place;
    j->tensor = malloc(b->floats * sizeof *j->tensor);
    if (!j->tensor)
        tm_fail(&j->error, TM_NO_MEMORY, "no memory for the tensor of a picture");
    else
        tm_model_prepare(b->context->model, &b->pictures[j->index], true, j->tensor, &j->error);
}

static job *job_at(const batch *b, int slot, int i)
{
    return &b->jobs[(slot + i) % b->slots];
}

/* Runs those that are whole, in the first places of the context. */
static tm_status run_jobs(batch *b, int slot, int count)
{
    int places = 0;
    for (int i = 0; i < count; i++) {
        const job *j = job_at(b, slot, i);
        if (!j->error.status)
            memcpy(tm_context_input(b->context, places++), j->tensor, b->floats * sizeof(float));
    }
    return places ? tm_context_run_inputs(b->context, places, NULL, b->error) : TM_OK;
}

static bool answer_job(batch *b, job *j, int *place)
{
    bool ran = !j->error.status;
    if (ran)
        tm_context_check_finite(b->context, *place, &j->error);
    bool more = b->answer(b->user, j->index, j->error.status ? -1 : *place, &j->error);
    *place += ran;
    return more;
}

static void drop(job *j)
{
    free(j->tensor);
    j->tensor = NULL;
}

static bool finish(void *context, int slot, int count, tm_pipeline *pipeline)
{
    batch *b = context;
    int place = 0;
    (void)pipeline;
    bool more = run_jobs(b, slot, count) == TM_OK;
    for (int i = 0; i < count; i++) {
        job *j = job_at(b, slot, i);
        more = more && answer_job(b, j, &place);
        drop(j);
    }
    return more;
}

static tm_status run(batch *b, tm_error *error)
{
    const tm_model *model = b->context->model;
    int threads = model->options.threads, most = model->options.max_batch;
    int workers = b->count < (size_t)threads ? (int)b->count : threads;
    b->slots = workers + most;
    b->jobs = calloc((size_t)b->slots, sizeof *b->jobs);
    const tm_pipeline_stages stages = {.readers = b->count > 1,
                                       .computers = workers,
                                       .slots = b->slots,
                                       .places = b->slots,
                                       .most = most,
                                       .take = take,
                                       .compute = prepare,
                                       .finish = finish};
    if (!b->jobs || !tm_pipeline_run(&stages, b))
        tm_fail(error, TM_NO_MEMORY, "no memory for %zu pictures", b->count);
    for (int i = 0; b->jobs && i < b->slots; i++)
        drop(&b->jobs[i]); /* of those that were given up */
    free(b->jobs);
    return error->status;
}

tm_status tm_context_run_pictures(tm_context *context, const tm_picture *pictures, size_t count,
                                  tm_picture_answer answer, void *user, tm_error *error)
{
    tm_error own = {0};
    tm_error_clear(error);
    if (!context || !answer || (count && !pictures))
        return tm_fail(error, TM_USAGE, "pictures are to be run with a NULL argument");
    const tm_model *model = context->model;
    tm_shape s = model->graph.input->shape;
    if (model->options.from_features)
        return tm_fail(error, TM_USAGE, "%s begins from hidden states, not from pictures",
                       model->display);
    batch b = {.context = context,
               .pictures = pictures,
               .count = count,
               .floats = (size_t)s.h * (size_t)s.w * (size_t)s.c,
               .answer = answer,
               .user = user,
               .error = &own};
    return run(&b, &own) ? tm_fail(error, own.status, "%s", own.message) : TM_OK;
}
