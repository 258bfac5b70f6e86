/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/meta.h"

#include "base/cpu.h"
#include "timmc.h"

static void tell_model(const tm_session *session, const char *digest, tm_record *record)
{
    const tm_model *model = session->opened;
    const tm_open_options *o = &model->options;
    TM_TELL(record, "model", tm_value_text(model->display));
    TM_TELL(record, "weights", tm_value_text(o->weights));
    TM_TELL(record, "weights_sha256", tm_value_stated(digest));
    TM_TELL(record, "num_classes", tm_value_integer(o->num_classes));
    TM_TELL(record, "global_pool", tm_value_text(o->global_pool));
    TM_TELL(record, "output_stride", tm_value_integer(o->output_stride), .sparse = true);
    TM_TELL(record, "isa", tm_value_text(tm_isa_name(tm_isa_or_best(o->isa))));
    TM_TELL(record, "precision", tm_value_text(o->precision));
}

static void tell_preprocess(const tm_session *session, const int64_t size[3], tm_record *record)
{
    const tm_preprocess *p = &session->opened->preprocess;
    const tm_picture_options *o = &session->options->picture;
    TM_TELL(record, "input_size", tm_value_integers(size, 3));
    TM_TELL(record, "max_seq_len", tm_value_integer(o->max_seq_len), .sparse = true);
    TM_TELL(record, "interpolation", tm_value_text(tm_filter_name(p->filter)));
    TM_TELL(record, "crop_pct", tm_value_double(p->crop_pct));
    TM_TELL(record, "crop_mode", tm_value_text(tm_crop_mode_name(p->crop_mode)));
    TM_TELL(record, "mean", tm_value_doubles(p->mean.values, p->mean.count));
    TM_TELL(record, "std", tm_value_doubles(p->std.values, p->std.count));
    TM_TELL(record, "exif_orient", tm_value_boolean(o->exif_orient));
    TM_TELL(record, "fast_decode", tm_value_boolean(o->fast_decode));
    TM_TELL(record, "strict_decode", tm_value_boolean(o->strict_decode));
}

/* Every argument of --model-arg, one a line. */
static void add_arguments(const tm_session *session, tm_buffer *out)
{
    const tm_texts *given = &session->options->model.model_args;
    for (size_t i = 0; i < given->count; i++)
        tm_buffer_printf(out, "%s%s", i ? "\n" : "", given->values[i]);
}

static void tell_array(const void *list, size_t i, tm_record *item)
{
    const tm_array_kind *kind = (const tm_array_kind *)list + i;
    TM_TELL(item, "name", tm_value_text(kind->key));
    TM_TELL(item, "module", tm_value_text(kind->module));
    if (kind->rank)
        TM_TELL(item, "shape", tm_value_integers(kind->shape, (size_t)kind->rank));
}

tm_status tm_meta_make(const tm_meta *meta, const tm_array_kind *kinds, size_t count,
                       tm_buffer *out, tm_error *error)
{
    static const tm_record_type type = {0};
    const tm_session *session = meta->session;
    const tm_output_options *o = &session->options->output;
    const tm_shard *shard = &session->options->input.shard;
    const int64_t part[] = {(int64_t)shard->index + 1, (int64_t)shard->count};
    const tm_preprocess *p = &session->opened->preprocess;
    const int64_t size[] = {p->channels, p->height, p->width};
    char digest[TM_DIGEST_TEXT_MAX];
    tm_buffer arguments = {0};
    tm_record record = {.type = &type};
    if (tm_model_digest_weights(session->opened, digest, error))
        return error->status;
    add_arguments(session, &arguments);
    TM_TELL(&record, "timmc", tm_value_text(TIMMC_VERSION));
    TM_TELL(&record, "command", tm_value_text(meta->command));
    tell_model(session, digest, &record);
    TM_TELL(&record, "model_args", tm_value_text(arguments.data));
    tell_preprocess(session, size, &record);
    meta->tell(meta->context, &record);
    TM_TELL(&record, "dtype", tm_value_text(o->dtype ? o->dtype : "f32"));
    TM_TELL(&record, "arrays", tm_value_list(&type, tell_array, kinds, count));
    if (shard->count)
        TM_TELL(&record, "shard", tm_value_integers(part, 2));
    tm_record_to_json(out, &record);
    bool failed = out->failed || arguments.failed;
    if (!failed)
        out->data[--out->length] = '\0';
    tm_buffer_free(&arguments);
    return failed ? tm_fail(error, TM_NO_MEMORY, "no memory for what made the numbers") : TM_OK;
}
