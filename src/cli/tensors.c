/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/little_endian.h"
#include "base/text.h"
#include "cli/grid.h"
#include "output/json.h"
#include "output/text.h"

enum { SHOWN_COLUMNS = 8 };
#define SHOWN_HEADER                                                                               \
    TM_ANSWER_COLUMNS ",tensor,index,module,channels,reduction,shape,mean,std,error"

/* ---- opening ---- */

static tm_status set_shown(tm_shown *shown, const tm_session *session, size_t index,
                           const char *name, tm_error *error)
{
    tm_status status = tm_model_output(session->model, index, &shown->output, error);
    if (status)
        return status;
    shown->name = name ? name : shown->output.name;
    shown->count = 1;
    for (int i = 0; i < shown->output.rank; i++)
        shown->count *= (size_t)shown->output.shape[i];
    shown->values = session->shapes_only ? NULL : malloc(shown->count * sizeof(float));
    if (!session->shapes_only && !shown->values)
        return tm_fail(error, TM_NO_MEMORY, "no memory for %s", shown->output.name);
    return TM_OK;
}

/* Numbers in the records make no table that a person reads. */
static void open_records(tm_tensors *t, const char *format)
{
    if (t->arrays.on_stdout)
        format = "none";
    else if (t->data && !format)
        format = "jsonl";
    tm_records_open(&t->records, format, SHOWN_HEADER);
}

static tm_status open_tensors(tm_tensors *t, const tm_session *session,
                              const tm_tensors_command *command, tm_error *error)
{
    *t = (tm_tensors){.list = command->list,
                      .l2 = command->l2,
                      .data = command->data,
                      .grid = command->grid,
                      .count = tm_model_output_count(session->model)};
    if (t->grid && !tm_ends_with(t->grid, ".png"))
        return tm_fail(error, TM_USAGE, "--grid %s: it writes a PNG, so the name ends in .png",
                       t->grid);
    t->shown = calloc(t->count + 1, sizeof *t->shown);
    tm_status status = t->shown ? TM_OK : tm_fail(error, TM_NO_MEMORY, "no memory for outputs");
    for (size_t i = 0; i < t->count && !status; i++) {
        t->shown[i].tokens = command->tokens;
        status = set_shown(&t->shown[i], session, i, command->name, error);
    }
    if (!status)
        status =
            tm_arrays_open(&t->arrays, &session->options->output, command->format, t->count, error);
    if (!status)
        open_records(t, command->format);
    return status;
}

/* ---- values ---- */

/* [C][H][W] to [H * W][C]; [H][W][C] is that already. */
static tm_status to_tokens(tm_shown *shown, tm_error *error)
{
    tm_output *o = &shown->output;
    if (o->channel_axis == 3)
        return TM_OK;
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

/* The shape as it is told: rank and dims. */
static int told_shape(const tm_shown *shown, int64_t shape[4])
{
    const tm_output *o = &shown->output;
    memcpy(shape, o->shape, sizeof o->shape);
    if (!shown->tokens || o->rank != 4)
        return o->rank;
    shape[2] = o->shape[o->channel_axis];
    shape[1] = o->shape[1] * o->shape[2] * o->shape[3] / shape[2];
    return 3;
}

static tm_status add_arrays(tm_tensors *t, bool failed, tm_error *error)
{
    tm_status status = TM_OK;
    for (size_t i = 0; i < t->count && !status; i++) {
        int64_t shape[4];
        int rank = told_shape(&t->shown[i], shape);
        status = tm_arrays_add(&t->arrays, t->shown[i].name, rank, shape,
                               failed ? NULL : t->shown[i].values, error);
    }
    return status;
}

static int channels_of(const tm_output *o)
{
    return (int)o->shape[o->channel_axis];
}

/* The maps of the first picture that succeeded. */
static tm_status draw_grid(tm_tensors *t, bool force, tm_error *error)
{
    tm_grid_map *maps = calloc(t->count, sizeof *maps);
    size_t count = 0;
    if (!maps)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for the picture", t->grid);
    for (size_t i = 0; i < t->count; i++) {
        const tm_output *o = &t->shown[i].output;
        if (o->rank == 4 && !t->shown[i].tokens)
            maps[count++] = (tm_grid_map){.values = t->shown[i].values,
                                          .channels_last = o->channel_axis == 3,
                                          .channels = channels_of(o),
                                          .height = (int)o->shape[o->channel_axis == 3 ? 1 : 2],
                                          .width = (int)o->shape[o->channel_axis == 3 ? 2 : 3]};
    }
    tm_status status = count ? tm_grid_write(maps, count, t->grid, force, error)
                             : tm_fail(error, TM_USAGE, "--grid needs feature maps");
    free(maps);
    t->grid = NULL;
    return status;
}

/* ---- records ---- */

static void print_shape(tm_buffer *out, const tm_shown *shown)
{
    int64_t shape[4];
    int rank = told_shape(shown, shape);
    tm_buffer_putc(out, '[');
    for (int i = 0; i < rank; i++)
        tm_buffer_printf(out, "%s%lld", i ? "," : "", (long long)shape[i]);
    tm_buffer_putc(out, ']');
}

static void add_base64(tm_buffer *out, const tm_shown *shown)
{
    enum { BLOCK = 3 * 256 }; /* a multiple of 3: padding comes at the end alone */
    uint32_t block[BLOCK];
    tm_buffer_puts(out, ",\"dtype\":\"f32\",\"data_b64\":\"");
    for (size_t at = 0, n; at < shown->count; at += n) {
        n = shown->count - at < BLOCK ? shown->count - at : BLOCK;
        tm_f32_to_le(shown->values + at, block, n);
        tm_base64(out, block, n * sizeof *block);
    }
    tm_buffer_putc(out, '"');
}

static void numbers_json(tm_buffer *out, const tm_tensors *t, const tm_shown *shown)
{
    if (strcmp(t->data, "base64") == 0) {
        add_base64(out, shown);
        return;
    }
    tm_buffer_puts(out, ",\"data\":[");
    for (size_t i = 0; i < shown->count; i++) {
        if (i)
            tm_buffer_putc(out, ',');
        tm_json_f32(out, shown->values[i]);
    }
    tm_buffer_putc(out, ']');
}

static void shown_json(tm_buffer *out, const tm_tensors *t, const tm_shown *shown)
{
    const tm_output *o = &shown->output;
    tm_buffer_puts(out, "{\"tensor\":");
    tm_json_string(out, shown->name);
    if (strchr(o->name, '.'))
        tm_buffer_printf(out, ",\"index\":%d", o->index);
    if (o->module) {
        tm_buffer_puts(out, ",\"module\":");
        tm_json_string(out, o->module);
    }
    tm_buffer_printf(out, ",\"channels\":%d", channels_of(o));
    if (o->reduction)
        tm_buffer_printf(out, ",\"reduction\":%d", o->reduction);
    tm_buffer_puts(out, ",\"shape\":");
    print_shape(out, shown);
    if (shown->values) {
        tm_buffer_puts(out, ",\"mean\":");
        tm_json_f32(out, (float)shown->mean);
        tm_buffer_puts(out, ",\"std\":");
        tm_json_f32(out, (float)shown->std);
        tm_buffer_puts(out, ",\"l2\":");
        tm_json_f32(out, (float)(t->l2 ? 1.0 : shown->norm));
        if (t->data)
            numbers_json(out, t, shown);
    }
    tm_buffer_putc(out, '}');
}

static void tensors_json(void *context, tm_buffer *out)
{
    const tm_tensors *t = context;
    tm_buffer_printf(out, ",\"%s\":[", t->list);
    for (size_t i = 0; i < t->count; i++) {
        if (i)
            tm_buffer_putc(out, ',');
        shown_json(out, t, &t->shown[i]);
    }
    tm_buffer_putc(out, ']');
}

static void tensors_text(void *context, tm_buffer *out)
{
    const tm_tensors *t = context;
    for (size_t i = 0; i < t->count; i++) {
        const tm_shown *shown = &t->shown[i];
        tm_buffer_printf(out, "  %-28s ", shown->name);
        print_shape(out, shown);
        if (shown->output.module)
            tm_buffer_printf(out, "  %s", shown->output.module);
        if (shown->output.reduction)
            tm_buffer_printf(out, "  1/%d", shown->output.reduction);
        if (shown->values)
            tm_buffer_printf(out, "  mean %.4g std %.4g", shown->mean, shown->std);
        tm_buffer_putc(out, '\n');
    }
}

static void number_field(tm_records *records, bool present, double value)
{
    tm_buffer text = {0};
    if (present)
        tm_json_f32(&text, (float)value);
    tm_records_field_of(records, &text);
}

static void shown_row(tm_records *records, const tm_shown *shown)
{
    tm_buffer shape = {0};
    const tm_output *o = &shown->output;
    print_shape(&shape, shown);
    tm_records_field(records, shown->name);
    number_field(records, strchr(o->name, '.'), o->index);
    tm_records_field(records, tm_or_empty(o->module));
    number_field(records, true, channels_of(o));
    number_field(records, o->reduction, o->reduction);
    tm_records_field_of(records, &shape);
    number_field(records, shown->values, shown->mean);
    number_field(records, shown->values, shown->std);
}

static void tensors_fields(void *context, tm_records *records, const tm_answer *answer)
{
    const tm_tensors *t = context;
    for (size_t i = 0; i < t->count; i++) {
        tm_answer_fields(records, answer);
        shown_row(records, &t->shown[i]);
        tm_answer_end_fields(records, answer);
    }
}

static const tm_answer_body tensors_body = {
    .columns = SHOWN_COLUMNS, .json = tensors_json, .text = tensors_text, .fields = tensors_fields};

static tm_status answer_one(tm_session *session, tm_answer *answer, void *context, tm_error *error)
{
    tm_tensors *t = context;
    bool failed = answer->error != NULL;
    tm_status status = TM_OK;
    for (size_t i = 0; i < t->count && !failed && !session->shapes_only && !status; i++) {
        status = tm_context_read(session->context, i, answer->picture, t->shown[i].values, error);
        if (status)
            return status;
        if (t->shown[i].tokens && t->shown[i].output.rank == 4)
            status = to_tokens(&t->shown[i], error);
        if (!status)
            measure(&t->shown[i], t->l2);
    }
    tm_arrays_number(&t->arrays, answer);
    if (!status)
        status = add_arrays(t, failed, error);
    if (t->grid && !failed && !status)
        status = draw_grid(t, session->options->output.force, error);
    if (!status)
        status = tm_answer_write(&t->records, answer, &tensors_body, t, error);
    return status ? status : tm_arrays_next(&t->arrays, answer, error);
}

/* Keeps the files if anything succeeded. */
static int close_tensors(tm_tensors *t, const tm_session *session, int exit_code)
{
    tm_error error = {0};
    bool keep = session->done && (exit_code == TM_EXIT_OK || exit_code == TM_EXIT_SOME_FAILED);
    tm_arrays_close(&t->arrays, keep, &error);
    tm_records_close(&t->records, &error);
    for (size_t i = 0; i < t->count && t->shown; i++)
        free(t->shown[i].values);
    free(t->shown);
    return error.status ? tm_report(&error) : exit_code;
}

/* Without weights shapes are still an answer, unless numbers were asked for. */
static void check_weights(tm_session *session, const tm_tensors_command *command)
{
    bool numbers = session->options->output.output || command->grid || command->data ||
                   tm_is_stream_format(command->format);
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
    const char *format = command->format;
    if (!command->data || !format || strcmp(format, "jsonl") == 0 || strcmp(format, "json") == 0)
        return TM_OK;
    return tm_fail(error, TM_USAGE, "--data puts numbers into records of JSON: not with -f %s",
                   format);
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
