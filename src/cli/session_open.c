/* SPDX-License-Identifier: Apache-2.0 */
/* What the options make of a session. */
#include <string.h>

#include "base/text.h"
#include "cli/session.h"
#include "cli/endings.h"
#include "cli/tensor_size.h"

enum { DEFAULT_BATCH = 8 };

static bool asks_for_tests(const tm_picture_options *o)
{
    return o->size && strcmp(o->size, "test") == 0;
}

static tm_status set_preprocess(tm_model *model, const tm_picture_options *o, tm_error *error)
{
    const tm_preprocess_options options = {.size = sizeof options,
                                           .crop_pct = o->crop_pct,
                                           .crop_mode = o->crop_mode,
                                           .interpolation = o->interpolation,
                                           .mean = o->mean.values,
                                           .mean_count = o->mean.count,
                                           .std = o->std.values,
                                           .std_count = o->std.count};
    return tm_model_set_preprocess(model, &options, error);
}

bool tm_session_keeps_aspect(const tm_session *session)
{
    return session->options->picture.max_seq_len > 0;
}

/* What says or asks for a size goes with no other. */
static tm_status check_aspect(const tm_session *session, tm_error *error)
{
    const tm_session_options *o = session->options;
    const tm_picture_options *p = &o->picture;
    const char *other = o->model.img_size.height ? "--img-size"
                        : asks_for_tests(p)      ? "--size test"
                        : p->crop_pct > 0        ? "--crop-pct"
                        : p->crop_mode           ? "--crop-mode"
                        : p->fast_decode         ? "--fast-decode"
                        : o->from_features       ? "--from-features"
                                                 : NULL;
    if (!tm_session_keeps_aspect(session))
        return TM_OK;
    if (other)
        return tm_fail(error, TM_USAGE,
                       "--max-seq-len gives each picture a size of its own, whole and uncropped: "
                       "not with %s",
                       other);
    return tm_model_require_sequences(session->opened, error);
}

void tm_print_model_warning(const tm_model *model)
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
    bool spread = model->loaded && model->plan.max_batch < o->max_batch;
    tm_print_note("threads %d, batch %d%s", o->threads, o->max_batch,
                  spread ? ", each picture on a thread" : "");
}

tm_status tm_session_open(tm_session *session, const tm_session_options *options,
                          tm_arguments *arguments, tm_error *error)
{
    *session = (tm_session){.options = options};
    const char *name;
    tm_status status = tm_check_output(&options->output, !options->pictures_only, error);
    if (!status)
        status = tm_take_model(&options->model, arguments, &name, error);
    if (status)
        return status;
    if (!arguments->operand_count && !options->input.files_from)
        return tm_fail(error, TM_USAGE, "no INPUT: give pictures, folders or --files-from");
    tm_open_options open = tm_open_options_of(&options->model, &options->run);
    session->threads = open.threads;
    int many = session->threads > DEFAULT_BATCH ? session->threads : DEFAULT_BATCH;
    session->batch = open.max_batch = options->run.batch ? options->run.batch : many;
    open.from_features = options->from_features;
    open.pictures_only = options->pictures_only && !tm_session_keeps_aspect(session);
    open.norm_intermediates = options->norm_intermediates;
    open.test_size = asks_for_tests(&options->picture);
    status = tm_model_open(name, &open, &session->model, error);
    if (!status && !tm_session_keeps_aspect(session))
        status = tm_open_at_tensor_size(session, name, &open, arguments, error);
    if (!status && !tm_session_keeps_aspect(session))
        status = tm_model_require_size(session->model, error);
    session->opened = session->model; /* refused or not, to be closed */
    if (!status) {
        tm_print_model_warning(session->model);
        status = set_preprocess(session->model, &options->picture, error);
    }
    if (!status)
        status = check_aspect(session, error);
    session->source = (tm_entry_source){.model = session->opened,
                                        .picture = &options->picture,
                                        .from_features = options->from_features};
    return status ? status
                  : tm_entry_source_open(&session->source, &options->input, arguments,
                                         options->run.quiet, error);
}

tm_status tm_session_choose_scores(tm_session *session, tm_error *error)
{
    tm_output logits;
    tm_status status = tm_model_select(session->model, "logits", error);
    if (!status)
        status = tm_model_output(session->model, 0, &logits, error);
    if (!status && logits.rank != 2)
        status = tm_fail(error, TM_USAGE, "without pooling there are no class scores");
    return status;
}
