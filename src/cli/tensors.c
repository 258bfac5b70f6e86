/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/grid.h"
#include "output/json.h"

/* ---- opening ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* "x.npy" -> "x.index.jsonl" beside it: an array has no room for names */
static tm_status open_index(tm_tensors *t, const tm_output_options *o, tm_error *error)
{
    tm_buffer path = {0};
    tm_buffer_add(&path, o->output, strlen(o->output) - strlen(".npy"));
    tm_buffer_puts(&path, ".index.jsonl");
    t->index_file = calloc(1, sizeof *t->index_file);
    tm_status status =
        path.failed || !t->index_file
            ? tm_fail(error, TM_NO_MEMORY, "no memory for the index of %s", o->output)
            : tm_outfile_open(t->index_file, path.data, o->force, error);
    t->index = status ? NULL : t->index_file->stream;
    tm_buffer_free(&path);
    return status;
}

static tm_status open_files(tm_tensors *t, const tm_output_options *o, tm_error *error)
{
    if (!o->output)
        return TM_OK;
    bool npy = ends_with(o->output, ".npy");
    if (npy && t->count > 1)
        return tm_fail(error, TM_USAGE,
                       "%s: a .npy file holds one array, not %zu; use .npz or .safetensors",
                       o->output, t->count);
    tm_status status = tm_writer_open(o->output, o->force, &t->writer, error);
    return status || !npy ? status : open_index(t, o, error);
}

static tm_status set_shown(tm_shown *shown, const tm_session *session, size_t index,
                           tm_error *error)
{
    tm_status status = tm_model_output(session->model, index, &shown->output, error);
    if (status)
        return status;
    shown->count = 1;
    for (int i = 0; i < shown->output.rank; i++)
        shown->count *= (size_t)shown->output.shape[i];
    shown->values = session->shapes_only ? NULL : malloc(shown->count * sizeof(float));
    if (!session->shapes_only && !shown->values)
        return tm_fail(error, TM_NO_MEMORY, "no memory for %s", shown->output.name);
    return TM_OK;
}

static tm_status open_tensors(tm_tensors *t, const tm_session *session,
                              const tm_tensors_command *command, tm_error *error)
{
    *t = (tm_tensors){.list = command->list,
                      .l2 = command->l2,
                      .grid = command->grid,
                      .count = tm_model_output_count(session->model)};
    if (t->grid && !ends_with(t->grid, ".png"))
        return tm_fail(error, TM_USAGE, "--grid %s: it writes a PNG, so the name ends in .png",
                       t->grid);
    t->shown = calloc(t->count + 1, sizeof *t->shown);
    tm_status status = t->shown ? TM_OK : tm_fail(error, TM_NO_MEMORY, "no memory for outputs");
    for (size_t i = 0; i < t->count && !status; i++) {
        t->shown[i].tokens = command->tokens;
        status = set_shown(&t->shown[i], session, i, error);
    }
    if (!status)
        status = open_files(t, &session->options->output, error);
    if (!status)
        tm_records_open(&t->records, command->format,
                        "file,tensor,index,module,channels,reduction,shape,mean,std,error");
    return status;
}

/* ---- values ---- */

/* [C][H][W] to [H * W][C]; [H][W][C] is that already. */
static void to_tokens(tm_shown *shown)
{
    tm_output *o = &shown->output;
    if (o->channel_axis == 3)
        return;
    size_t c = (size_t)o->shape[1], pixels = (size_t)(o->shape[2] * o->shape[3]);
    float *tokens = malloc(shown->count * sizeof *tokens);
    if (!tokens)
        return;
    for (size_t i = 0; i < pixels; i++)
        for (size_t k = 0; k < c; k++)
            tokens[i * c + k] = shown->values[k * pixels + i];
    free(shown->values);
    shown->values = tokens;
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

static tm_status write_arrays(tm_tensors *t, tm_error *error)
{
    tm_status status = TM_OK;
    for (size_t i = 0; i < t->count && !status; i++) {
        int64_t shape[4];
        int rank = told_shape(&t->shown[i], shape);
        status = tm_writer_add(t->writer, t->shown[i].output.name, rank, shape, t->shown[i].values,
                               error);
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

static void shown_json(tm_buffer *out, const tm_tensors *t, const tm_shown *shown)
{
    const tm_output *o = &shown->output;
    tm_buffer_puts(out, "{\"tensor\":");
    tm_json_string(out, o->name);
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
    }
    tm_buffer_putc(out, '}');
}

static void write_json(tm_tensors *t, const tm_session *session, const tm_answer *answer)
{
    tm_buffer *out = &t->records.line;
    tm_buffer_putc(out, '{');
    tm_answer_json(out, session, answer);
    if (!answer->error) {
        if (t->writer)
            tm_buffer_printf(out, ",\"row\":%zu", t->rows);
        tm_buffer_printf(out, ",\"%s\":[", t->list);
        for (size_t i = 0; i < t->count; i++) {
            if (i)
                tm_buffer_putc(out, ',');
            shown_json(out, t, &t->shown[i]);
        }
        tm_buffer_putc(out, ']');
    }
    tm_buffer_putc(out, '}');
}

static void write_text(tm_tensors *t, const tm_answer *answer)
{
    tm_buffer *out = &t->records.line;
    tm_buffer_puts(out, answer->file);
    if (answer->index >= 0)
        tm_buffer_printf(out, " [%d]", answer->index);
    tm_buffer_putc(out, '\n');
    tm_answer_text(out, answer);
    for (size_t i = 0; i < t->count && !answer->error; i++) {
        const tm_shown *shown = &t->shown[i];
        tm_buffer_printf(out, "  %-28s ", shown->output.name);
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

static void number_field(tm_tensors *t, bool present, double value)
{
    tm_buffer text = {0};
    if (present)
        tm_json_f32(&text, (float)value);
    tm_records_field(&t->records, text.data ? text.data : "");
    tm_buffer_free(&text);
}

static void shown_fields(tm_tensors *t, const tm_answer *answer, const tm_shown *shown)
{
    tm_buffer shape = {0};
    const tm_output *o = shown ? &shown->output : NULL;
    if (shown)
        print_shape(&shape, shown);
    tm_records_field(&t->records, answer->file);
    tm_records_field(&t->records, o ? o->name : "");
    number_field(t, o && strchr(o->name, '.'), o ? o->index : 0);
    tm_records_field(&t->records, o && o->module ? o->module : "");
    number_field(t, o, o ? channels_of(o) : 0);
    number_field(t, o && o->reduction, o ? o->reduction : 0);
    tm_records_field(&t->records, shape.data ? shape.data : "");
    number_field(t, shown && shown->values, shown ? shown->mean : 0);
    number_field(t, shown && shown->values, shown ? shown->std : 0);
    tm_records_field(&t->records, answer->error ? answer->error->message : "");
    tm_buffer_putc(&t->records.line, '\n');
    tm_buffer_free(&shape);
}

static void write_record(tm_tensors *t, const tm_session *session, const tm_answer *answer)
{
    if (tm_records_are_json(&t->records))
        write_json(t, session, answer);
    else if (!t->records.separator)
        write_text(t, answer);
    else if (answer->error)
        shown_fields(t, answer, NULL);
    else
        for (size_t i = 0; i < t->count; i++)
            shown_fields(t, answer, &t->shown[i]);
}

/* One line of the index: the file, and its row or null. */
static void write_index(tm_tensors *t, const tm_answer *answer)
{
    tm_buffer line = {0};
    tm_buffer_puts(&line, "{\"file\":");
    tm_json_string(&line, answer->file);
    if (answer->index >= 0)
        tm_buffer_printf(&line, ",\"index\":%d", answer->index);
    if (answer->error)
        tm_buffer_puts(&line, ",\"row\":null}\n");
    else
        tm_buffer_printf(&line, ",\"row\":%zu}\n", t->rows);
    fwrite(line.data, 1, line.length, t->index);
    tm_buffer_free(&line);
}

static tm_status answer_one(tm_session *session, const tm_answer *answer, void *context,
                            tm_error *error)
{
    tm_tensors *t = context;
    tm_status status = TM_OK;
    for (size_t i = 0; i < t->count && !answer->error && !session->shapes_only; i++) {
        status = tm_model_read(session->model, i, answer->picture, t->shown[i].values, error);
        if (status)
            return status;
        if (t->shown[i].tokens && t->shown[i].output.rank == 4)
            to_tokens(&t->shown[i]);
        measure(&t->shown[i], t->l2);
    }
    write_record(t, session, answer);
    if (t->index)
        write_index(t, answer);
    if (t->writer && !answer->error)
        status = write_arrays(t, error);
    if (t->grid && !answer->error && !status)
        status = draw_grid(t, session->options->output.force, error);
    t->rows += !answer->error;
    return status ? status : tm_records_write(&t->records, error);
}

/* Keeps the files if anything succeeded. */
static int close_tensors(tm_tensors *t, const tm_session *session, int exit_code)
{
    tm_error error = {0};
    bool keep = session->done && (exit_code == TM_EXIT_OK || exit_code == TM_EXIT_SOME_FAILED);
    if (t->writer && keep)
        tm_writer_commit(t->writer, &error);
    else
        tm_writer_abandon(t->writer);
    if (t->index && keep && !error.status)
        tm_outfile_commit(t->index_file, &error);
    else if (t->index)
        tm_outfile_abandon(t->index_file);
    free(t->index_file);
    if (t->records.format)
        tm_records_close(&t->records, &error);
    for (size_t i = 0; i < t->count && t->shown; i++)
        free(t->shown[i].values);
    free(t->shown);
    return error.status ? tm_report(&error) : exit_code;
}

/* Without weights shapes are still an answer, unless numbers were asked for. */
static void check_weights(tm_session *session, const char *grid)
{
    if (tm_model_has_weights(session->model) || session->options->output.output || grid)
        return;
    session->shapes_only = true;
    tm_print_warning("%s: its weights are not here, so these are shapes without numbers; give "
                     "--weights FILE.safetensors, or --no-pretrained for made-up ones",
                     session->model->display);
}

int tm_tensors_run(const tm_tensors_command *command, const tm_session_options *set,
                   tm_arguments *arguments)
{
    tm_session session;
    tm_tensors tensors = {0};
    tm_error error = {0};
    tm_status status = tm_session_open(&session, set, arguments, &error);
    if (!status)
        status = command->select(command->chosen, &session, &error);
    if (!status && command->shapes)
        check_weights(&session, command->grid);
    if (!status)
        status = open_tensors(&tensors, &session, command, &error);
    int exit_code = status ? tm_report(&error) : tm_session_run(&session, answer_one, &tensors);
    exit_code = close_tensors(&tensors, &session, exit_code);
    tm_session_close(&session);
    return exit_code;
}
