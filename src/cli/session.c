/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parallel.h"
#include "base/text.h"
#include "cli/npy_input.h"
#include "cli/progress.h"
#include "weights/npy.h"

/* One picture of a batch. */
struct tm_entry {
    char *file;
    int index;
    bool ready; /* its tensor is already in its slot */
    bool alone; /* is read when no other is */
    tm_error error;
    int slot;
    tm_image image;    /* the decoded picture without its pixels */
    tm_preprocess how; /* to its own size; width 0: it has none */
    float *tensor;     /* of that size, on its way into its slot */
};

static void close_npy(tm_session *session)
{
    if (session->npy)
        tm_npy_close(session->npy);
    free(session->npy);
    session->npy = NULL;
}

void tm_session_close(tm_session *session)
{
    close_npy(session);
    if (session->entries)
        for (int i = 0; i < session->batch; i++) {
            free(session->entries[i].file);
            free(session->entries[i].tensor);
        }
    free(session->entries);
    if (session->inputs.options)
        tm_inputs_close(&session->inputs);
    if (!tm_session_keeps_aspect(session))
        tm_context_close(session->context);
    tm_sizes_free(&session->sizes);
    tm_model_close(session->opened);
}

/* ---- reading inputs ---- */

static tm_status check_npy(const tm_session *session, const char *file, const tm_npy *npy,
                           tm_error *error)
{
    if (tm_session_keeps_aspect(session))
        return tm_fail(error, TM_SHAPE,
                       "%s: a tensor has its size already: give --img-size, not --max-seq-len",
                       file);
    return tm_npy_input_check(session->model, file, npy, error);
}

/* Input `index` of the array into the slot. */
static tm_status take_npy_input(tm_session *session, const tm_npy *npy, int index, int slot,
                                tm_error *error)
{
    if (session->shapes_only)
        return TM_OK;
    float *values;
    tm_status status = tm_npy_input_read(session->model, npy, index, &values, error);
    if (!status)
        tm_context_set_input(session->context, slot, values);
    free(values);
    return status;
}

tm_status tm_session_decode(tm_session *session, const char *file, tm_image *image, tm_error *error)
{
    tm_decode_options how = {.max_pixels = session->options->picture.max_pixels,
                             .exif_orient = session->options->picture.exif_orient,
                             .strict = session->options->picture.strict_decode,
                             .memory = session->options->picture.max_memory
                                           ? &session->memory
                                           : tm_image_memory_shared()};
    if (strcmp(file, "-") == 0)
        return tm_image_decode_stream(STDIN_FILENO, file, &how, image, error);
    return tm_image_decode_file(file, &how, image, error);
}

/* The tensor of the picture's own size, whose model may not be there yet. */
static void take_sized(const tm_session *session, const tm_image *image, struct tm_entry *entry)
{
    const tm_model *model = session->opened;
    tm_preprocess how;
    tm_status status = tm_model_fit_sequence(model, image, session->options->picture.max_seq_len,
                                             &how, &entry->error);
    if (!status && !session->shapes_only) {
        size_t floats = (size_t)how.width * (size_t)how.height * (size_t)how.channels;
        entry->tensor = malloc(floats * sizeof *entry->tensor);
        status = entry->tensor ? tm_preprocess_f32(image, &how, entry->tensor, &entry->error)
                               : tm_fail(&entry->error, TM_NO_MEMORY,
                                         "no memory for a tensor of %zu numbers", floats);
    }
    if (!status) {
        entry->how = how;
        return;
    }
    tm_error_context(&entry->error, "%s", entry->file);
    free(entry->tensor);
    entry->tensor = NULL;
}

/* Decodes entry `index` into its slot. */
static void take_picture(tm_session *session, int index)
{
    struct tm_entry *entry = &session->entries[index];
    tm_image image = {0};
    bool good = tm_session_decode(session, entry->file, &image, &entry->error) == TM_OK;
    if (good && tm_session_keeps_aspect(session))
        take_sized(session, &image, entry);
    else if (good && !session->shapes_only)
        tm_preprocess_f32(&image, &session->model->preprocess,
                          tm_context_input(session->context, index), &entry->error);
    entry->image = image;
    entry->image.rgb = NULL;
    entry->image.share = (tm_share){0};
    tm_image_free(&image);
}

static bool is_stream(const char *file)
{
    struct stat st;
    return strcmp(file, "-") == 0 || (stat(file, &st) == 0 && !S_ISREG(st.st_mode));
}

/* Entries are apart, so threads share the batch. What has no memory beside the others is left, as
 * is a stream, which could not be read a second time. */
static void read_picture(void *context, int index, int thread)
{
    (void)thread;
    tm_session *session = context;
    struct tm_entry *entry = &session->entries[index];
    if (entry->ready || entry->error.status)
        return;
    if (session->options->from_features) {
        tm_fail(&entry->error, TM_UNSUPPORTED, "%s: hidden states come from a .npy file",
                entry->file);
        return;
    }
    entry->alone = is_stream(entry->file);
    if (entry->alone)
        return;
    take_picture(session, index);
    entry->alone = entry->error.status == TM_NO_MEMORY;
}

static void read_batch(tm_session *session, int count)
{
    tm_parallel_for(session->threads, count, read_picture, session);
    for (int i = 0; i < count; i++)
        if (session->entries[i].alone) {
            session->entries[i].error = (tm_error){0};
            take_picture(session, i);
        }
}

/* A copy of the name in the place of another one. */
static char *name_again(char *old, const char *name)
{
    free(old);
    return strdup(name);
}

/* The next picture's entry; *more is false: there are none. Without its name an entry could not be
 * answered: that ends the run. */
static tm_status next_entry(tm_session *session, int at, bool *more, tm_error *error)
{
    struct tm_entry *entry = &session->entries[at];
    char *kept = entry->file;
    if (session->npy) {
        const struct tm_entry *before = &session->entries[at ? at - 1 : session->batch - 1];
        int index = before->index + 1;
        if (index < (int)session->npy->shape[0]) {
            if (before != entry && !(kept = name_again(kept, before->file))) {
                entry->file = NULL;
                return tm_fail(error, TM_NO_MEMORY, "%s: no memory for its name", before->file);
            }
            *entry = (struct tm_entry){.file = kept, .index = index, .ready = true};
            take_npy_input(session, session->npy, index, at, &entry->error);
            return TM_OK;
        }
        close_npy(session);
    }
    tm_error loss = {0};
    const char *file = tm_inputs_next(&session->inputs, &loss);
    *more = file;
    if (!file)
        return TM_OK;
    *entry = (struct tm_entry){.file = name_again(kept, file), .index = -1, .error = loss};
    if (!entry->file)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for its name", file);
    if (entry->error.status || !tm_has_ending(file, ".npy"))
        return TM_OK;
    tm_npy *npy = calloc(1, sizeof *npy);
    if (!npy)
        tm_fail(&entry->error, TM_NO_MEMORY, "%s: no memory for an array", file);
    if (!npy || tm_npy_open(file, npy, &entry->error)) {
        free(npy);
        return TM_OK;
    }
    if (check_npy(session, file, npy, &entry->error) == TM_OK)
        take_npy_input(session, npy, 0, at, &entry->error);
    entry->ready = true;
    session->npy = npy;
    if (entry->error.status || tm_npy_input_is_single(session->model, npy))
        close_npy(session);
    else
        entry->index = 0;
    return TM_OK;
}

/* ---- running ---- */

static void tell_loaded(const tm_session *session)
{
    if (!session->shapes_only)
        tm_print_model_warning(session->model);
    tm_print_run(session->model, &session->options->run);
}

static tm_status load(tm_session *session, tm_error *error)
{
    double begin = tm_seconds();
    tm_status status =
        session->shapes_only ? TM_OK : tm_load_context(session->model, &session->context, error);
    if (!status)
        tell_loaded(session);
    session->load_seconds = tm_seconds() - begin;
    return status;
}

/* The good inputs of [first, end) that lie elsewhere into the first slots; returns how many there
 * are. */
static int pack_slots(tm_session *session, int first, int end)
{
    size_t bytes = tm_input_floats(session->model) * sizeof(float);
    int good = 0;
    for (int i = first; i < end; i++) {
        struct tm_entry *entry = &session->entries[i];
        if (entry->error.status)
            continue;
        bool moves = entry->tensor || good != i;
        if (moves && !session->shapes_only)
            memcpy(tm_context_input(session->context, good),
                   entry->tensor ? entry->tensor : tm_context_input(session->context, i), bytes);
        free(entry->tensor);
        entry->tensor = NULL;
        entry->slot = good++;
    }
    return good;
}

/* The end of those from `first` on that one run can answer. */
static int end_of_part(const tm_session *session, int first, int count)
{
    const tm_preprocess *how = NULL;
    int end = first;
    for (; end < count && tm_session_keeps_aspect(session); end++) {
        const struct tm_entry *entry = &session->entries[end];
        if (entry->error.status)
            continue;
        if (how && (how->width != entry->how.width || how->height != entry->how.height))
            return end;
        how = &entry->how;
    }
    return count;
}

/* The model for the size that the part's pictures have. */
static tm_status take_size(tm_session *session, int first, int end, tm_error *error)
{
    double begin = tm_seconds();
    tm_status status = TM_OK;
    while (first < end && session->entries[first].error.status)
        first++;
    if (first == end || !tm_session_keeps_aspect(session))
        return TM_OK;
    bool is_first = !session->sizes.count;
    tm_sized sized = {0};
    session->model = session->opened;
    session->context = NULL;
    status = tm_sizes_take(&session->sizes, session->opened, &session->entries[first].how,
                           !session->shapes_only, &sized, error);
    if (status)
        return status;
    session->model = sized.model;
    session->context = sized.context;
    if (is_first)
        tell_loaded(session);
    session->load_seconds += tm_seconds() - begin;
    return TM_OK;
}

/* What is no number is no answer. */
static void check_numbers(const tm_session *session, struct tm_entry *entry)
{
    if (session->shapes_only || entry->error.status)
        return;
    tm_context_check_finite(session->context, entry->slot, &entry->error);
    if (entry->error.status)
        tm_error_context(&entry->error, "%s", entry->file);
}

static tm_status answer_entry(tm_session *session, struct tm_entry *entry, tm_answer_fn *answer,
                              void *context, tm_error *error)
{
    check_numbers(session, entry);
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
                   .size = {entry->how.height, entry->how.width}};
    return answer(session, &a, context, error);
}

/* Inputs [first, end) of the batch, all of one size. */
static tm_status run_part(tm_session *session, int first, int end, tm_answer_fn *answer,
                          void *context, tm_error *error)
{
    tm_status status = take_size(session, first, end, error);
    double begin = tm_seconds();
    int good = status ? 0 : pack_slots(session, first, end);
    if (good && !session->shapes_only)
        status = tm_context_run_inputs(session->context, good, NULL, error);
    session->run_seconds += tm_seconds() - begin;
    for (int i = first; i < end && !status; i++)
        status = answer_entry(session, &session->entries[i], answer, context, error);
    return status;
}

static tm_status run_batch(tm_session *session, int count, tm_answer_fn *answer, void *context,
                           tm_error *error)
{
    double begin = tm_seconds();
    read_batch(session, count);
    session->decode_seconds += tm_seconds() - begin;
    tm_status status = TM_OK;
    for (int first = 0, end; first < count && !status; first = end) {
        end = end_of_part(session, first, count);
        status = run_part(session, first, end, answer, context, error);
    }
    return status;
}

static void show_progress(const tm_session *session)
{
    size_t count = session->done + session->failed;
    if (!session->options->run.quiet && count > 1)
        tm_progress_count(count, tm_inputs_expected(&session->inputs));
}

static tm_status run_all(tm_session *session, tm_answer_fn *answer, void *context, tm_error *error)
{
    tm_status status = tm_session_keeps_aspect(session) ? TM_OK : load(session, error);
    for (bool more = true; more && !status;) {
        int count = 0;
        while (count < session->batch && more && !status) {
            status = next_entry(session, count, &more, error);
            count += more && !status;
        }
        if (count && !status)
            status = run_batch(session, count, answer, context, error);
        show_progress(session);
    }
    tm_progress_end();
    return status;
}

int tm_session_run(tm_session *session, tm_answer_fn *answer, void *context)
{
    tm_error error = {0};
    session->entries = calloc((size_t)session->batch, sizeof *session->entries);
    if (!session->entries)
        tm_fail(&error, TM_NO_MEMORY, "no memory for a batch of %d", session->batch);
    else
        run_all(session, answer, context, &error);
    if (!session->options->run.quiet)
        tm_picture_notes_tell(&session->notes);
    if (error.status)
        return tm_report(&error);
    if (session->options->run.timings)
        tm_print_note("load %.2f ms, read %.2f ms, run %.2f ms, %zu pictures",
                      1e3 * session->load_seconds, 1e3 * session->decode_seconds,
                      1e3 * session->run_seconds, session->done);
    if (!session->done && !session->failed)
        return tm_inputs_report_none(&session->inputs);
    return !session->failed ? TM_EXIT_OK : session->done ? TM_EXIT_SOME_FAILED : TM_EXIT_INPUT;
}
