/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inputs flow through a pipeline: names are taken and answers are told in order, files are read
 * and decoded on threads of their own. Where the plan is walked picture by picture, each of these
 * threads runs the model for its own picture; else the main thread runs it, on all cores, for those
 * that are there.
 */
#include "cli/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/available.h"
#include "base/clock.h"
#include "base/pipeline.h"
#include "cli/journal.h"
#include "cli/loading.h"
#include "cli/npy_input.h"
#include "cli/progress.h"
#include "cli/stop.h"

enum { TOGETHER_BATCH = 8, MORE_READERS = 2 /* than cores: they wait for files */ };

/* One input on its way. */
typedef struct job {
    tm_entry entry;
    tm_context *context; /* that its thread has run it in; NULL: it has not */
    size_t expected;     /* inputs in all, as far as it is known; 0: not known */
    tm_stage_seconds seconds;
    tm_error fatal; /* ends the run */
} job;

typedef struct flow {
    tm_session *session;
    tm_answer_fn *answer;
    void *answer_context;
    tm_error *error;
    tm_pipeline_stages stages;
    tm_loading loading; /* of the session's model, where it goes on beside the first jobs */
    bool alone;         /* the threads that compute run the model, each for its own job */
    job first;          /* taken before the stages are chosen: it tells how many may follow */
    bool has_first;
    job *jobs;             /* by slot */
    tm_context **contexts; /* by place, of threads that run the model */
    int context_count;
} flow;

void tm_session_close(tm_session *session)
{
    tm_entry_source_close(&session->source);
    if (!tm_session_keeps_aspect(session))
        tm_context_close(session->context);
    tm_sizes_free(&session->sizes);
    tm_model_close(session->opened);
}

/* ---- on other threads ---- */

/* The next input that no earlier run has answered. */
static bool take_new(tm_session *session, job *j)
{
    bool behind, more;
    do {
        behind = session->journal && tm_journal_is_behind(session->journal);
        more = false;
        if (!tm_stop_asked())
            tm_entry_take(&session->source, &j->entry, &more, &j->fatal);
        if (!more || j->fatal.status || !behind)
            break;
        tm_journal_compare(session->journal, j->entry.file, j->entry.index, &j->fatal);
        tm_entry_free(&j->entry);
    } while (!j->fatal.status);
    return more;
}

static bool take(tm_session *session, job *j)
{
    *j = (job){0};
    bool more = take_new(session, j);
    j->expected = tm_entry_source_expected(&session->source);
    return more;
}

static bool take_job(void *context, int slot)
{
    flow *f = context;
    if (!f->has_first)
        return take(f->session, &f->jobs[slot]);
    f->has_first = false;
    f->jobs[slot] = f->first;
    return true;
}

typedef struct turn {
    tm_pipeline *pipeline;
    int slot;
} turn;

static void take_turn(void *context, bool claimed)
{
    const turn *t = context;
    (claimed ? tm_pipeline_end_turn : tm_pipeline_begin_turn)(t->pipeline, t->slot);
}

static void read_job(void *context, int slot, tm_pipeline *pipeline)
{
    flow *f = context;
    job *j = &f->jobs[slot];
    double begin = tm_seconds();
    turn t = {pipeline, slot};
    if (!j->fatal.status && !j->entry.settled)
        tm_entry_read(&f->session->source, &j->entry, take_turn, &t);
    j->seconds.read = tm_seconds() - begin;
}

static void decode_job(flow *f, job *j)
{
    double begin = tm_seconds();
    float *room = j->context ? tm_context_input(j->context, 0) : NULL;
    tm_entry_decode(&f->session->source, &j->entry, room);
    if (room && j->entry.ready && !j->entry.error.status)
        tm_context_set_input(j->context, 0, j->entry.tensor);
    j->seconds.decode = tm_seconds() - begin;
}

/* What is no number is no answer. */
static void check_numbers(const tm_context *context, tm_entry *entry)
{
    if (tm_context_check_finite(context, entry->slot, &entry->error))
        tm_error_context(&entry->error, "%s", entry->file);
}

static void run_job(job *j)
{
    double begin = tm_seconds();
    if (j->entry.error.status || j->fatal.status)
        return;
    if (tm_context_run_inputs(j->context, 1, NULL, &j->fatal) == TM_OK)
        check_numbers(j->context, &j->entry);
    j->seconds.run = tm_seconds() - begin;
}

static void compute_job(void *context, int slot, int place)
{
    flow *f = context;
    job *j = &f->jobs[slot];
    if (j->fatal.status)
        return;
    j->context = f->alone ? f->contexts[place] : NULL;
    decode_job(f, j);
    if (f->alone)
        run_job(j);
}

/* ---- on the main thread ---- */

static void tell_loaded(const tm_session *session)
{
    if (!session->shapes_only)
        tm_print_model_warning(session->model);
    tm_print_run(session->model, &session->options->run);
}

/* The model that was being loaded, if one was, and a context for it. */
static tm_status wait_for_model(flow *f)
{
    tm_session *session = f->session;
    if (!f->loading.model)
        return TM_OK;
    tm_status status = tm_loading_end(&f->loading, f->error);
    session->seconds.load += f->loading.seconds;
    if (!status)
        status = tm_context_open(session->model, &session->context, f->error);
    if (!status)
        tell_loaded(session);
    return status;
}

/* The model for the size that the picture has. */
static tm_status take_size(tm_session *session, const tm_entry *entry, tm_error *error)
{
    double begin = tm_seconds();
    bool is_first = !session->sizes.count;
    tm_sized sized = {0};
    session->model = session->opened;
    session->context = NULL;
    tm_status status = tm_sizes_take(&session->sizes, session->opened, &entry->how,
                                     !session->shapes_only, &sized, error);
    if (status)
        return status;
    session->model = sized.model;
    session->context = sized.context;
    if (is_first)
        tell_loaded(session);
    session->seconds.load += tm_seconds() - begin;
    return TM_OK;
}

static job *job_at(const flow *f, int slot, int index)
{
    return &f->jobs[(slot + index) % f->stages.slots];
}

/* Their tensors into the first pictures of the session's context; returns how many those are. */
static int set_inputs(const flow *f, int slot, int count)
{
    const tm_session *session = f->session;
    size_t bytes = tm_input_floats(session->model) * sizeof(float);
    int good = 0;
    for (int i = 0; i < count; i++) {
        tm_entry *entry = &job_at(f, slot, i)->entry;
        if (entry->error.status)
            continue;
        if (entry->ready)
            tm_context_set_input(session->context, good, entry->tensor);
        else
            memcpy(tm_context_input(session->context, good), entry->tensor, bytes);
        entry->slot = good++;
    }
    return good;
}

/* Jobs that no other thread has run. */
static tm_status run_together(flow *f, int slot, int count, tm_pipeline *pipeline)
{
    tm_session *session = f->session;
    double begin = tm_seconds();
    if (session->shapes_only)
        return TM_OK;
    int good = set_inputs(f, slot, count);
    if (!good)
        return TM_OK;
    tm_pipeline_take_cores(pipeline);
    tm_status status = tm_context_run_inputs(session->context, good, NULL, f->error);
    tm_pipeline_give_cores(pipeline);
    for (int i = 0; i < count && !status; i++) {
        tm_entry *entry = &job_at(f, slot, i)->entry;
        if (!entry->error.status)
            check_numbers(session->context, entry);
    }
    session->seconds.run += tm_seconds() - begin;
    return status;
}

/* Those before one that ends the run are answered. */
static tm_status run_jobs(flow *f, int slot, int *count, tm_pipeline *pipeline)
{
    tm_session *session = f->session;
    const tm_entry *first = &f->jobs[slot].entry;
    tm_status status = wait_for_model(f);
    for (int i = 0; i < *count; i++)
        if (job_at(f, slot, i)->fatal.status)
            *count = i;
    if (!status && *count && tm_session_keeps_aspect(session) && !first->error.status)
        status = take_size(session, first, f->error);
    return status || f->alone ? status : run_together(f, slot, *count, pipeline);
}

static tm_status answer_entry(const flow *f, const tm_entry *entry)
{
    tm_session *session = f->session;
    bool failed = entry->error.status != TM_OK;
    session->done += !failed;
    session->failed += failed;
    if (!failed)
        tm_picture_note(&session->notes, &entry->image);
    tm_answer a = {.file = entry->file,
                   .model = session->model->display,
                   .index = entry->index,
                   .row = -1,
                   .error = failed ? &entry->error : NULL,
                   .picture = entry->slot,
                   .warnings = entry->image.warnings,
                   .siblings = entry->siblings,
                   .size = {entry->how.height, entry->how.width}};
    return f->answer(session, &a, f->answer_context, f->error);
}

static void show_progress(const tm_session *session, const job *j)
{
    size_t count = session->done + session->failed;
    if (!session->options->run.quiet && count > 1)
        tm_progress_count(count, j->expected);
}

static void add_seconds(tm_stage_seconds *sum, const tm_stage_seconds *more)
{
    sum->load += more->load;
    sum->read += more->read;
    sum->decode += more->decode;
    sum->run += more->run;
    sum->write += more->write;
}

static tm_status answer_job(const flow *f, job *j)
{
    tm_session *session = f->session;
    double begin = tm_seconds();
    if (f->alone)
        session->context = j->context;
    tm_status status = answer_entry(f, &j->entry);
    j->seconds.write = tm_seconds() - begin;
    add_seconds(&session->seconds, &j->seconds);
    show_progress(session, j);
    tm_entry_free(&j->entry);
    return status;
}

static bool finish_jobs(void *context, int slot, int count, tm_pipeline *pipeline)
{
    flow *f = context;
    int good = count;
    tm_status status = run_jobs(f, slot, &good, pipeline);
    for (int i = 0; i < good && !status; i++)
        status = answer_job(f, job_at(f, slot, i));
    if (!status && good < count)
        *f->error = job_at(f, slot, good)->fatal;
    return !f->error->status;
}

/* ---- the whole ---- */

/* As many contexts as half of what is left of memory holds, `wanted` at most. */
static int count_contexts(const tm_context *one, int wanted)
{
    tm_available available = tm_memory_available("/proc", "/sys/fs/cgroup");
    unsigned long long fit = available.bytes / 2 / (one->runner.bytes + 1);
    return fit < (unsigned long long)wanted ? (int)fit : wanted;
}

/* Contexts for one thread each: one for each core, and some whose answers wait to be told; fewer
 * will do. */
static tm_status open_contexts(flow *f, tm_error *error)
{
    int cores = f->session->threads, wanted = cores + cores / 2 + 1;
    f->contexts = calloc((size_t)wanted, sizeof(tm_context *));
    if (!f->contexts)
        return tm_fail(error, TM_NO_MEMORY, "no memory for %d contexts", wanted);
    if (tm_context_open_on(f->session->model, 1, &f->contexts[0], error))
        return error->status;
    wanted = count_contexts(f->contexts[0], wanted);
    for (f->context_count = 1; f->context_count < wanted; f->context_count++)
        if (tm_context_open_on(f->session->model, 1, &f->contexts[f->context_count], NULL))
            break;
    return TM_OK;
}

static int at_most(int value, int most)
{
    return value < most ? value : most;
}

/* Inputs in all, where that is known once the first is taken; 0: many. */
static int count_inputs(const tm_session *session)
{
    size_t expected = tm_entry_source_expected(&session->source);
    return expected < 1000000 ? (int)expected : 0;
}

/* Few inputs are not worth a context for each core: the cores share the work of each. */
static bool are_few(const tm_session *session)
{
    int inputs = count_inputs(session);
    return inputs && inputs < 2 * session->threads;
}

static void choose_stages(flow *f)
{
    tm_session *session = f->session;
    int cores = session->threads, inputs = count_inputs(session);
    int readers = (f->alone ? 2 * cores : cores) + MORE_READERS, most = 1;
    if (!f->alone && !tm_session_keeps_aspect(session))
        most =
            session->options->run.batch ? session->batch : at_most(session->batch, TOGETHER_BATCH);
    if (inputs)
        readers = at_most(readers, inputs);
    int places = f->alone ? f->context_count : most + cores;
    f->stages = (tm_pipeline_stages){.readers = inputs == 1 ? 0 : readers,
                                     .computers = cores,
                                     .slots = readers + places,
                                     .places = places,
                                     .most = most,
                                     .take = take_job,
                                     .read = read_job,
                                     .compute = compute_job,
                                     .finish = finish_jobs};
}

/* The one picture, for whose stages nobody need know the plan, is decoded meanwhile; more of them
 * would hold the memory that a context wants. */
static bool loads_beside(const tm_session *session)
{
    return session->threads > 1 && !session->shapes_only && count_inputs(session) == 1;
}

static tm_status load(flow *f, tm_error *error)
{
    tm_session *session = f->session;
    tm_model *model = session->model;
    double begin = tm_seconds();
    tm_status status = TM_OK;
    if (count_inputs(session) == 1 && !session->options->run.batch)
        session->batch = model->options.max_batch = 1; /* needs no room for eight */
    if (!tm_session_keeps_aspect(session)) {
        model->spread = !are_few(session);
        if (loads_beside(session) && tm_loading_begin(&f->loading, model)) {
            choose_stages(f);
            return TM_OK;
        }
        if (!session->shapes_only)
            status = tm_load_model(model, error);
        f->alone = model->loaded && model->plan.max_batch < model->options.max_batch;
        if (!status && f->alone)
            status = open_contexts(f, error);
        else if (!status && !session->shapes_only)
            status = tm_context_open(model, &session->context, error);
        if (!status)
            tell_loaded(session);
    }
    choose_stages(f);
    session->seconds.load = tm_seconds() - begin;
    return status;
}

static void close_flow(flow *f)
{
    if (f->has_first)
        tm_entry_free(&f->first.entry);
    for (int i = 0; f->jobs && i < f->stages.slots; i++)
        tm_entry_free(&f->jobs[i].entry);
    free(f->jobs);
    for (int i = 0; i < f->context_count; i++)
        tm_context_close(f->contexts[i]);
    if (f->alone)
        f->session->context = NULL;
    free(f->contexts);
}

static tm_status run_all(flow *f, tm_error *error)
{
    f->has_first = take(f->session, &f->first);
    tm_status status = load(f, error);
    if (!status) {
        f->jobs = calloc((size_t)f->stages.slots, sizeof *f->jobs);
        if (!f->jobs || !tm_pipeline_run(&f->stages, f))
            tm_fail(error, TM_NO_MEMORY, "no memory for %d threads",
                    f->stages.readers + f->stages.computers);
        wait_for_model(f); /* there was no input */
    }
    tm_progress_end();
    close_flow(f);
    return error->status;
}

static void tell_timings(const tm_session *session)
{
    const tm_stage_seconds *s = &session->seconds;
    tm_print_note("load %.2f ms, read %.2f ms, decode %.2f ms, run %.2f ms, write %.2f ms, "
                  "%zu pictures",
                  1e3 * s->load, 1e3 * s->read, 1e3 * s->decode, 1e3 * s->run, 1e3 * s->write,
                  session->done);
}

/* What earlier runs answered counts. */
static void count_past(tm_session *session)
{
    const tm_journal *journal = session->journal;
    if (!journal || !journal->inputs)
        return;
    session->failed = (size_t)journal->failed;
    session->done = (size_t)(journal->inputs - journal->failed);
    tm_print_note("%s: goes on after %lld inputs", journal->log.path, (long long)journal->inputs);
}

static int tell_stopped(const tm_session *session)
{
    const char *output = session->options->output.output;
    bool resumes = session->journal && session->journal->inputs;
    tm_print_note("stopped by %s after %zu inputs%s", tm_stop_name(),
                  session->done + session->failed,
                  resumes                       ? "; --resume goes on with them"
                  : output && !session->journal ? "; a file of -o that cannot grow is not written"
                                                : "");
    return tm_stop_exit_code();
}

int tm_session_run(tm_session *session, tm_answer_fn *answer, void *context)
{
    tm_error error = {0};
    flow f = {.session = session, .answer = answer, .answer_context = context, .error = &error};
    session->source.shapes_only = session->shapes_only;
    count_past(session);
    tm_stop_listen();
    run_all(&f, &error);
    /* also where the inputs ended: what sent them may have been asked to stop, too */
    session->stopped = tm_stop_asked();
    if (!error.status && !session->stopped && session->journal)
        tm_journal_check_end(session->journal, &error);
    if (!session->options->run.quiet)
        tm_picture_notes_tell(&session->notes);
    session->broken = error.status;
    if (error.status)
        return tm_report(&error);
    if (session->options->run.timings)
        tell_timings(session);
    if (session->stopped)
        return tell_stopped(session);
    if (!session->done && !session->failed)
        return tm_inputs_report_none(&session->source.inputs);
    return !session->failed ? TM_EXIT_OK : session->done ? TM_EXIT_SOME_FAILED : TM_EXIT_INPUT;
}
