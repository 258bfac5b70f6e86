/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const tm_record_type answer_type =
    TM_ANSWER_TYPE("tensor,index,module,channels,reduction,shape,mean,std");
static const tm_record_type tensor_type = {
    .text =
        "  {tensor:-28} {shape}<  {module}><  1/{reduction}><  mean {mean:.4g} std {std:.4g}>\n"};

/* ---- opening ---- */

/* A last state whose channels are last stays as it is. */
static bool becomes_tokens(const tm_shown *shown)
{
    return shown->tokens && shown->output.rank == 4 && shown->output.channel_axis == 1;
}

/* The shape as it is told. */
static void set_shape(tm_shown *shown)
{
    const tm_output *o = &shown->output;
    shown->rank = tm_part_shape(o, &shown->place, shown->shape);
    if (!becomes_tokens(shown))
        return;
    shown->shape[2] = o->shape[1];
    shown->shape[1] = o->shape[2] * o->shape[3];
    shown->rank = 3;
}

static size_t count_of(const int64_t *shape, int rank)
{
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)shape[i];
    return count;
}

/* The output as the session's model has it now. */
static tm_status fit_shown(tm_shown *shown, const tm_session *session, tm_error *error)
{
    tm_status status = tm_model_output(session->model, shown->source, &shown->output, error);
    if (!status)
        status =
            tm_part_find(session->model, &shown->output, shown->place.part, &shown->place, error);
    if (status)
        return status;
    size_t whole = count_of(shown->output.shape, shown->output.rank);
    if (!session->shapes_only && whole != shown->whole) {
        free(shown->values);
        shown->values = malloc(whole * sizeof(float));
        if (!shown->values)
            return tm_fail(error, TM_NO_MEMORY, "no memory for %s", shown->output.name);
    }
    shown->whole = whole;
    set_shape(shown);
    shown->count = count_of(shown->shape, shown->rank);
    return TM_OK;
}

/* Rows of one array have one shape. */
static tm_status check_rows(const tm_tensors *t, const tm_session *session, tm_error *error)
{
    bool arrays = t->arrays.writer || t->arrays.stream;
    bool one = tm_entry_source_expected(&session->source) == 1 && !session->options->output.resume;
    if (!arrays || !tm_session_keeps_aspect(session) || one)
        return TM_OK;
    for (size_t i = 0; i < t->count; i++)
        if (t->shown[i].rank > 2)
            return tm_fail(
                error, TM_USAGE,
                "with --max-seq-len each input's %s has a shape of its own, and no array "
                "holds several: --data tells them in the records",
                t->shown[i].name);
    return TM_OK;
}

/* Numbers in the records make no table that a person reads. */
static void open_records(tm_tensors *t, const char *format)
{
    tm_arrays_open_records(&t->arrays, t->data && !format ? "jsonl" : format, &answer_type,
                           &t->records);
}

typedef struct made {
    const tm_tensors *tensors;
    const tm_tensors_command *command;
} made;

static void tell_made(const void *context, tm_record *record)
{
    const made *m = context;
    const tm_tensors *t = m->tensors;
    TM_TELL(record, "kind", tm_value_text(m->command->kind));
    TM_TELL(record, "l2", tm_value_boolean(t->l2));
    TM_TELL(record, "data", tm_value_text(t->data));
}

static tm_status open_arrays(tm_tensors *t, tm_session *session, const tm_tensors_command *command,
                             tm_error *error)
{
    const made m = {t, command};
    const tm_meta meta = {session, command->command, tell_made, &m};
    bool varies = tm_session_keeps_aspect(session);
    tm_array_kind *kinds = calloc(t->count + 1, sizeof *kinds);
    if (!kinds)
        return tm_fail(error, TM_NO_MEMORY, "no memory for outputs");
    for (size_t i = 0; i < t->count; i++) {
        const tm_shown *shown = &t->shown[i];
        kinds[i] = (tm_array_kind){.key = shown->name,
                                   .module = shown->output.module,
                                   .rank = varies && shown->rank > 2 ? 0 : shown->rank};
        memcpy(kinds[i].shape, shown->shape, sizeof kinds[i].shape);
    }
    tm_status status =
        tm_arrays_open(&t->arrays, session, &meta, command->format, kinds, t->count, error);
    free(kinds);
    return status;
}

/* "forward_features" is each of "forward_features.0", ... */
static bool is_of(const char *name, const char *wanted)
{
    size_t length = strlen(wanted);
    return strncmp(name, wanted, length) == 0 && (!name[length] || name[length] == '.');
}

static tm_status show(tm_tensors *t, const tm_session *session, size_t source,
                      const tm_wanted *wanted, bool tokens, tm_error *error)
{
    tm_shown *shown = &t->shown[t->count];
    *shown = (tm_shown){.source = source, .tokens = tokens};
    shown->place.part = wanted ? wanted->part : TM_PART_ALL;
    tm_status status = fit_shown(shown, session, error);
    shown->name = wanted && wanted->name ? wanted->name : shown->output.name;
    t->count++;
    return status;
}

/* Every chosen output, or the wanted ones in their order. */
static tm_status show_all(tm_tensors *t, const tm_session *session,
                          const tm_tensors_command *command, tm_error *error)
{
    size_t outputs = tm_model_output_count(session->model);
    tm_status status = TM_OK;
    t->shown = calloc((command->wanted ? TM_WANTED_MAX : 1) * outputs + 1, sizeof *t->shown);
    if (!t->shown)
        return tm_fail(error, TM_NO_MEMORY, "no memory for outputs");
    for (size_t i = 0; i < outputs && !command->wanted && !status; i++)
        status = show(t, session, i, NULL, command->tokens, error);
    for (const tm_wanted *w = command->wanted; w && w->output && !status; w++)
        for (size_t i = 0; i < outputs && !status; i++) {
            tm_output o;
            status = tm_model_output(session->model, i, &o, error);
            if (!status && is_of(o.name, w->output))
                status = show(t, session, i, w, command->tokens, error);
        }
    return status;
}

static tm_status open_tensors(tm_tensors *t, tm_session *session, const tm_tensors_command *command,
                              tm_error *error)
{
    *t = (tm_tensors){.list = command->list, .l2 = command->l2, .data = command->data};
    tm_status status = show_all(t, session, command, error);
    if (!status)
        status = open_arrays(t, session, command, error);
    if (!status)
        status = check_rows(t, session, error);
    if (!status)
        status = tm_tensor_pictures_open(&t->pictures, session, &command->pictures, t->shown,
                                         t->count, error);
    if (!status)
        open_records(t, command->format);
    return status;
}

/* ---- values ---- */

/* [C][H][W] to [H * W][C] */
static tm_status to_tokens(tm_shown *shown, tm_error *error)
{
    tm_output *o = &shown->output;
    size_t c = (size_t)o->shape[1], pixels = (size_t)(o->shape[2] * o->shape[3]);
    float *tokens = malloc(shown->count * sizeof *tokens);
    if (!tokens)
        return tm_fail(error, TM_NO_MEMORY, "no memory for %s", shown->name);
    for (size_t i = 0; i < pixels; i++)
        for (size_t k = 0; k < c; k++)
            tokens[i * c + k] = shown->values[k * pixels + i];
    free(shown->values);
    shown->values = tokens;
    return TM_OK;
}

static void measure(tm_shown *shown, bool l2)
{
    double sum = 0, squares = 0, n = (double)shown->count;
    for (size_t i = 0; i < shown->count; i++)
        squares += (double)shown->values[i] * shown->values[i];
    shown->norm = sqrt(squares);
    for (size_t i = 0; i < shown->count; i++) {
        if (l2 && shown->norm > 0)
            shown->values[i] = (float)(shown->values[i] / shown->norm);
        sum += shown->values[i];
    }
    shown->mean = sum / n;
    squares = 0;
    for (size_t i = 0; i < shown->count; i++)
        squares += (shown->values[i] - shown->mean) * (shown->values[i] - shown->mean);
    shown->std = sqrt(squares / n);
}

static tm_status add_arrays(tm_tensors *t, bool failed, tm_error *error)
{
    tm_status status = TM_OK;
    for (size_t i = 0; i < t->count && !status; i++) {
        const tm_shown *shown = &t->shown[i];
        status = tm_arrays_add(&t->arrays, shown->name, shown->rank, shown->shape,
                               failed ? NULL : shown->values, error);
    }
    return status;
}

static int channels_of(const tm_output *o)
{
    return (int)o->shape[o->channel_axis];
}

/* ---- records ---- */

static void tell_numbers(tm_record *record, const tm_tensors *t, const tm_shown *shown)
{
    tm_value data = {TM_VALUE_SINGLES, .singles = shown->values, .count = shown->count};
    TM_TELL(record, "mean", tm_value_single(shown->mean));
    TM_TELL(record, "std", tm_value_single(shown->std));
    TM_TELL(record, "l2", tm_value_single(t->l2 ? 1.0 : shown->norm), .only = TM_IN_JSON);
    if (t->data && strcmp(t->data, "base64") == 0) {
        data.kind = TM_VALUE_SINGLES_BASE64;
        TM_TELL(record, "dtype", tm_value_text("f32"), .only = TM_IN_JSON);
        TM_TELL(record, "data_b64", data, .only = TM_IN_JSON);
    } else if (t->data) {
        TM_TELL(record, "data", data, .only = TM_IN_JSON);
    }
}

static void tell_tensor(const void *context, size_t i, tm_record *record)
{
    const tm_tensors *t = context;
    const tm_shown *shown = &t->shown[i];
    const tm_output *o = &shown->output;
    TM_TELL(record, "tensor", tm_value_text(shown->name));
    TM_TELL(record, "index", tm_value_count(strchr(o->name, '.') ? o->index : -1));
    TM_TELL(record, "module", tm_value_text(o->module));
    TM_TELL(record, "channels", tm_value_integer(channels_of(o)));
    TM_TELL(record, "reduction", tm_value_count(o->reduction ? o->reduction : -1));
    TM_TELL(record, "shape", tm_value_integers(shown->shape, (size_t)shown->rank));
    if (shown->values)
        tell_numbers(record, t, shown);
}

/* The output of a picture of the last run. */
static tm_status take_values(tm_shown *shown, const tm_session *session, int picture, bool l2,
                             tm_error *error)
{
    tm_status status = fit_shown(shown, session, error);
    if (status || session->shapes_only)
        return status;
    status = tm_context_read(session->context, shown->source, picture, shown->values, error);
    if (!status)
        tm_part_take(&shown->output, &shown->place, shown->values);
    if (!status && becomes_tokens(shown))
        status = to_tokens(shown, error);
    if (!status)
        measure(shown, l2);
    return status;
}

static tm_status answer_one(tm_session *session, tm_answer *answer, void *context, tm_error *error)
{
    tm_tensors *t = context;
    bool failed = answer->error != NULL;
    tm_status status = tm_arrays_begin_row(&t->arrays, error);
    for (size_t i = 0; i < t->count && !failed && !status; i++)
        status = take_values(&t->shown[i], session, answer->picture, t->l2, error);
    tm_arrays_number(&t->arrays, answer);
    if (!status)
        status = add_arrays(t, failed, error);
    if (!failed && !status && session->context)
        status = tm_tensor_pictures_add(&t->pictures, session, answer, t->shown, t->count, error);
    if (!status)
        status = tm_answer_write(&t->records, answer, &answer_type, t->list,
                                 tm_value_list(&tensor_type, tell_tensor, t, t->count), error);
    return status ? status : tm_arrays_next(&t->arrays, answer, error);
}

static int close_tensors(tm_tensors *t, const tm_session *session, int exit_code)
{
    tm_error error = {0};
    if (tm_records_close(&t->records, &error) && !session->broken)
        exit_code = tm_report(&error);
    exit_code = tm_tensor_pictures_end(&t->pictures, session, exit_code);
    for (size_t i = 0; i < t->count && t->shown; i++)
        free(t->shown[i].values);
    free(t->shown);
    return tm_arrays_end(&t->arrays, session, exit_code);
}

/* Without weights shapes are still an answer, unless numbers were asked for. */
static void check_weights(tm_session *session, const tm_tensors_command *command)
{
    bool numbers = session->options->output.output || command->pictures.grid ||
                   command->pictures.pca || command->data || tm_is_stream_format(command->format);
    if (numbers || tm_model_has_weights(session->model))
        return;
    session->shapes_only = true;
    tm_print_warning("%s: its weights are not here, so these are shapes without numbers; give "
                     "--weights FILE.safetensors, or --no-pretrained for made-up ones",
                     session->model->display);
}

/* Numbers in a record need one that can hold them. */
static tm_status check_data(const tm_tensors_command *command, tm_error *error)
{
    if (!command->data || tm_records_take_json(command->format))
        return TM_OK;
    return tm_fail(error, TM_USAGE, "--data puts numbers into records of JSON: not with -f %s",
                   command->format);
}

int tm_tensors_run(const tm_tensors_command *command, const tm_session_options *set,
                   tm_arguments *arguments)
{
    tm_session session;
    tm_tensors tensors = {0};
    tm_error error = {0};
    tm_status status = tm_session_open(&session, set, arguments, &error);
    if (!status)
        status = check_data(command, &error);
    if (!status)
        status = command->select(command->chosen, &session, &error);
    if (!status && command->shapes)
        check_weights(&session, command);
    if (!status)
        status = open_tensors(&tensors, &session, command, &error);
    int exit_code = status ? tm_report(&error) : tm_session_run(&session, answer_one, &tensors);
    exit_code = close_tensors(&tensors, &session, exit_code);
    tm_session_close(&session);
    return exit_code;
}
