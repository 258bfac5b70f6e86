/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parallel.h"
#include "base/text.h"
#include "cli/progress.h"
#include "output/json.h"
#include "cli/tensor_size.h"
#include "weights/npy.h"

enum { DEFAULT_BATCH = 8 };

/* One picture of a batch. */
struct tm_entry {
    char *file;
    int index;
    bool ready; /* its tensor is already in its slot */
    bool alone; /* is read when no other is */
    tm_error error;
    int slot;
    tm_image image; /* the decoded picture without its pixels */
};

/* ---- opening ---- */

/* --size test: the config's other size. */
static tm_status set_size(const tm_session_options *o, const char *name, tm_open_options *open,
                          tm_error *error)
{
    tm_arena arena = {0};
    tm_source source;
    if (open->img_height || !o->picture.size || strcmp(o->picture.size, "test") != 0)
        return TM_OK;
    tm_status status = tm_source_find(name, open, &arena, &source, error);
    if (!status) {
        open->img_height = source.config.resolved.config.test_input_size[1];
        open->img_width = source.config.resolved.config.test_input_size[2];
    }
    tm_arena_free(&arena);
    return status;
}

static tm_status set_channels(const tm_numbers *given, const char *what, int channels,
                              tm_numbers *values, tm_error *error)
{
    if (!given->count)
        return TM_OK;
    if (given->count != 1 && given->count != (size_t)channels)
        return tm_fail(error, TM_USAGE, "--%s has %zu values: expected 1 or %d", what, given->count,
                       channels);
    *values = *given;
    return TM_OK;
}

static tm_status set_preprocess(tm_model *model, const tm_picture_options *o, tm_error *error)
{
    tm_preprocess *p = &model->preprocess;
    if (o->size && strcmp(o->size, "test") == 0)
        p->crop_pct = model->resolved.config.test_crop_pct;
    if (o->crop_pct > 0)
        p->crop_pct = o->crop_pct;
    if (o->crop_mode)
        tm_crop_mode_parse(o->crop_mode, &p->crop_mode);
    if (o->interpolation)
        tm_filter_parse(o->interpolation, &p->filter);
    tm_status status = set_channels(&o->mean, "mean", p->channels, &p->mean, error);
    return status ? status : set_channels(&o->std, "std", p->channels, &p->std, error);
}

/* One picture needs no room for eight. */
static int batch_size(const tm_session_options *o, const tm_arguments *arguments)
{
    if (o->run.batch)
        return o->run.batch;
    struct stat st;
    bool single = arguments->operand_count == 1 && !o->input.files_from &&
                  !tm_has_ending(arguments->operands[0], ".npy") &&
                  (stat(arguments->operands[0], &st) != 0 || !S_ISDIR(st.st_mode));
    return single ? 1 : DEFAULT_BATCH;
}

static void print_model_warning(const tm_model *model)
{
    if (*tm_model_warning(model))
        tm_print_warning("%s", tm_model_warning(model));
}

void tm_print_run(const tm_model *model, const tm_run_options *run)
{
    const tm_open_options *o = &model->options;
    if (!run->verbose)
        return;
    tm_print_note("model %s, input %dx%dx%d", model->display, o->in_chans, o->img_height,
                  o->img_width);
    tm_print_note("weights %s", model->weights_name ? model->weights_name : "none: shapes alone");
    tm_print_note("isa %s, precision %s", tm_isa_name(tm_isa_or_best(o->isa)), o->precision);
    tm_print_note("threads %d, batch %d", o->threads, o->max_batch);
}

tm_status tm_session_open(tm_session *session, const tm_session_options *options,
                          tm_arguments *arguments, tm_error *error)
{
    *session = (tm_session){.options = options};
    size_t most;
    if (!tm_size_mul(options->picture.max_memory, 1000000, &most))
        most = SIZE_MAX;
    tm_image_memory_set(&session->memory, most);
    const char *name;
    tm_status status = tm_check_output(&options->output, error);
    if (!status)
        status = tm_take_model(&options->model, arguments, &name, error);
    if (status)
        return status;
    if (!arguments->operand_count && !options->input.files_from)
        return tm_fail(error, TM_USAGE, "no INPUT: give pictures, folders or --files-from");
    tm_open_options open = tm_open_options_of(&options->model, &options->run);
    session->threads = open.threads;
    session->batch = open.max_batch = batch_size(options, arguments);
    open.from_features = options->from_features;
    open.pictures_only = options->pictures_only;
    open.norm_intermediates = options->norm_intermediates;
    status = set_size(options, name, &open, error);
    if (!status)
        status = tm_model_open(name, &open, &session->model, error);
    if (!status)
        status = tm_open_at_tensor_size(session, name, &open, arguments, error);
    if (!status) {
        print_model_warning(session->model);
        status = set_preprocess(session->model, &options->picture, error);
    }
    if (!status)
        status = tm_inputs_open(&session->inputs, &options->input, arguments->operands,
                                arguments->operand_count, error);
    session->inputs.quiet = options->run.quiet;
    return status;
}

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
        for (int i = 0; i < session->batch; i++)
            free(session->entries[i].file);
    free(session->entries);
    if (session->inputs.options)
        tm_inputs_close(&session->inputs);
    tm_context_close(session->context);
    tm_model_close(session->model);
}

/* ---- reading inputs ---- */

static void print_dims(tm_buffer *out, const int64_t *dims, int rank)
{
    for (int i = 0; i < rank; i++)
        tm_buffer_printf(out, "%s%lld", i ? "," : "", (long long)dims[i]);
}

/* "[N,3,224,224]", and where the size alone is another one, what timm says of it. */
static void print_expected(tm_buffer *out, const tm_session *session, const int64_t *have,
                           const int64_t *want, int rank)
{
    bool picture = rank == 3 && !session->options->from_features;
    tm_buffer_puts(out, "[N,");
    print_dims(out, want, rank);
    tm_buffer_putc(out, ']');
    if (!picture || !have || have[0] != want[0])
        return;
    int axis = have[1] != want[1] ? 1 : 2;
    tm_buffer_printf(out, ": Input %s (%lld) doesn't match model (%lld).",
                     axis == 1 ? "height" : "width", (long long)have[axis], (long long)want[axis]);
}

/* An array of inputs, or one without the batch's dimension. */
static tm_status check_npy(const tm_session *session, const char *file, const tm_npy *npy,
                           tm_error *error)
{
    int64_t want[3];
    int rank = tm_model_input_shape(session->model, want);
    const int64_t *have = npy->shape + (npy->rank - rank);
    bool good = npy->rank == rank || (npy->rank == rank + 1 && npy->shape[0] > 0);
    for (int i = 0; i < rank && good; i++)
        good = have[i] == want[i];
    if (!tm_dtype_is_float(npy->dtype))
        return tm_fail(
            error, TM_SHAPE,
            "%s: an array of %s, expected floating-point numbers, resized and normalized "
            "as the model takes them: give pictures as PNG or JPEG, or what 'timmc "
            "preprocess' makes of them",
            file, tm_dtype_name(npy->dtype));
    if (good)
        return TM_OK;
    tm_buffer found = {0}, expected = {0};
    print_dims(&found, npy->shape, npy->rank);
    print_expected(&expected, session, npy->rank < rank ? NULL : have, want, rank);
    const char *is = tm_buffer_text(&found, error), *wanted = tm_buffer_text(&expected, error);
    tm_status status =
        is && wanted
            ? tm_fail(error, TM_SHAPE, "%s: a tensor of shape [%s], expected %s", file, is, wanted)
            : TM_NO_MEMORY;
    tm_buffer_free(&found);
    tm_buffer_free(&expected);
    return status;
}

static bool is_single(const tm_session *session, const tm_npy *npy)
{
    int64_t shape[3];
    return npy->rank == tm_model_input_shape(session->model, shape) || npy->shape[0] == 1;
}

static size_t input_floats(const tm_session *session)
{
    int64_t shape[3];
    int rank = tm_model_input_shape(session->model, shape);
    size_t floats = 1;
    for (int i = 0; i < rank; i++)
        floats *= (size_t)shape[i];
    return floats;
}

/* Input `index` of the array into the slot. */
static tm_status take_npy_input(tm_session *session, const tm_npy *npy, int index, int slot,
                                tm_error *error)
{
    size_t floats = input_floats(session);
    if (session->shapes_only)
        return TM_OK;
    float *values = malloc(floats * sizeof *values);
    if (!values)
        return tm_fail(error, TM_NO_MEMORY, "no memory for a tensor of %zu numbers", floats);
    tm_status status = tm_npy_read_f32(npy, (size_t)index * floats, floats, values, error);
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

/* Decodes entry `index` into its slot. */
static void take_picture(tm_session *session, int index)
{
    struct tm_entry *entry = &session->entries[index];
    tm_image image = {0};
    if (tm_session_decode(session, entry->file, &image, &entry->error) == TM_OK &&
        !session->shapes_only)
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
    if (entry->error.status || is_single(session, npy))
        close_npy(session);
    else
        entry->index = 0;
    return TM_OK;
}

/* ---- running ---- */

/* Brings the good pictures to the front; returns how many there are. */
static int pack_slots(tm_session *session, int count)
{
    size_t bytes = input_floats(session) * sizeof(float);
    int good = 0;
    for (int i = 0; i < count; i++) {
        struct tm_entry *entry = &session->entries[i];
        if (entry->error.status)
            continue;
        if (good != i && !session->shapes_only)
            memcpy(tm_context_input(session->context, good), tm_context_input(session->context, i),
                   bytes);
        entry->slot = good++;
    }
    return good;
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

static tm_status run_batch(tm_session *session, int count, tm_answer_fn *answer, void *context,
                           tm_error *error)
{
    double begin = tm_seconds();
    read_batch(session, count);
    int good = pack_slots(session, count);
    double read = tm_seconds();
    tm_status status = TM_OK;
    if (good && !session->shapes_only)
        status = tm_context_run_inputs(session->context, good, NULL, error);
    session->decode_seconds += read - begin;
    session->run_seconds += tm_seconds() - read;
    for (int i = 0; i < count && !status; i++) {
        struct tm_entry *entry = &session->entries[i];
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
                       .warnings = entry->image.warnings};
        status = answer(session, &a, context, error);
    }
    return status;
}

static void show_progress(const tm_session *session)
{
    size_t count = session->done + session->failed;
    if (!session->options->run.quiet && count > 1)
        tm_progress_count(count, tm_inputs_expected(&session->inputs));
}

static tm_status load(tm_session *session, tm_error *error)
{
    tm_status status = tm_model_load(session->model, error);
    if (!status)
        status = tm_model_require_classifier(session->model, error);
    if (!status)
        status = tm_context_open(session->model, &session->context, error);
    if (!status)
        print_model_warning(session->model);
    return status;
}

static tm_status run_all(tm_session *session, tm_answer_fn *answer, void *context, tm_error *error)
{
    double begin = tm_seconds();
    tm_status status = session->shapes_only ? TM_OK : load(session, error);
    if (!status)
        tm_print_run(session->model, &session->options->run);
    session->load_seconds = tm_seconds() - begin;
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
