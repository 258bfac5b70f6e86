/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/outfile.h"
#include "base/text.h"
#include "cli/session.h"
#include "output/stream.h"
#include "output/writer.h"

static const tm_command command = {
    .name = "preprocess",
    .operands = "INPUT",
    .description = "Writes what a model sees of a picture: its tensor [1,C,H,W] as .npy, .npz or "
                   ".safetensors, or the resized and cropped picture as .png; -o - writes .npy to "
                   "stdout. The model is the one of -m, else the built-in one. With --max-seq-len "
                   "it is the picture at its own size, which the model cuts into patches.",
    .examples = {"preprocess cat.jpg -o tensor.npy",
                 "preprocess cat.jpg -m vit_base_patch16_224 -o crop.png"},
};

static tm_status write_png(const tm_session *session, const tm_image *image, tm_error *error)
{
    const tm_output_options *o = &session->options->output;
    tm_image crop = {0};
    tm_outfile out;
    tm_status status = tm_preprocess_u8(image, &session->model->preprocess, &crop, error);
    if (!status)
        status = tm_outfile_open(&out, o->output, o->force, error);
    if (status) {
        tm_image_free(&crop);
        return status;
    }
    status = tm_image_write_png(&crop, out.stream, out.path, error);
    if (status)
        tm_outfile_abandon(&out);
    else
        status = tm_outfile_commit(&out, error);
    tm_image_free(&crop);
    return status;
}

/* To a file of arrays, or as .npy to stdout. */
static tm_status put_tensor(const tm_output_options *o, const int64_t shape[4], const float *tensor,
                            tm_error *error)
{
    tm_writer *writer = NULL;
    tm_stream *stream = NULL;
    tm_status status;
    if (strcmp(o->output, "-") == 0) {
        status = tm_stream_open(stdout, true, &stream, error);
        if (!status)
            status = tm_stream_add(stream, 4, shape, tensor, error);
        tm_status closed = tm_stream_close(stream, !status, error);
        return status ? status : closed;
    }
    status = tm_writer_open(o->output, o->force, &writer, error);
    if (!status)
        status = tm_writer_add(writer, "input", 4, shape, tensor, error);
    if (!status)
        return tm_writer_commit(writer, error);
    tm_writer_abandon(writer);
    return status;
}

static tm_status write_tensor(const tm_session *session, const tm_image *image, tm_error *error)
{
    int64_t s[3];
    tm_model_input_shape(session->model, s);
    float *tensor = malloc((size_t)(s[0] * s[1] * s[2]) * sizeof *tensor);
    tm_status status =
        tensor ? TM_OK : tm_fail(error, TM_NO_MEMORY, "no memory for the tensor of a picture");
    if (!status)
        status = tm_model_preprocess_image(session->model, image, tensor, error);
    if (!status)
        status =
            put_tensor(&session->options->output, (int64_t[]){1, s[0], s[1], s[2]}, tensor, error);
    free(tensor);
    return status;
}

/* The session's model at the picture's own size. */
static tm_status take_size(tm_session *session, const tm_image *image, tm_error *error)
{
    tm_preprocess how;
    tm_sized sized;
    tm_status status = tm_model_fit_sequence(session->opened, image,
                                             session->options->picture.max_seq_len, &how, error);
    if (!status)
        status = tm_sizes_take(&session->sizes, session->opened, &how, false, &sized, error);
    if (!status)
        session->model = sized.model;
    return status;
}

static tm_status preprocess(tm_session *session, const char *file, tm_error *error)
{
    tm_image image = {0};
    tm_picture_notes notes = {0};
    bool png = tm_ends_with(session->options->output.output, ".png");
    tm_status status = tm_entry_decode_file(&session->source, file, &image, error);
    if (!status && tm_session_keeps_aspect(session))
        status = take_size(session, &image, error);
    if (!status)
        status = (png ? write_png : write_tensor)(session, &image, error);
    if (!status)
        tm_picture_note(&notes, &image);
    tm_picture_notes_tell(&notes);
    tm_image_free(&image);
    return status;
}

static int run(const tm_session_options *set, tm_arguments *arguments)
{
    tm_session session;
    tm_error error = {0};
    if (!set->output.output)
        return tm_usage_error(command.name, "where to write? give -o FILE.npy or -o FILE.png");
    if (tm_check_output(&set->output, false, NULL))
        return tm_usage_error(command.name,
                              "%s: no format of -o: expected a name that ends in .npy, .npz, "
                              ".safetensors or .png",
                              set->output.output);
    tm_status status = tm_session_open(&session, set, arguments, &error);
    if (!status && arguments->operand_count != 1)
        status = tm_fail(&error, TM_USAGE, "one INPUT expected, not %zu", arguments->operand_count);
    if (!status)
        status = preprocess(&session, arguments->operands[0], &error);
    tm_session_close(&session);
    return status ? tm_report(&error) : TM_EXIT_OK;
}

int tm_cmd_preprocess(int argc, char **argv)
{
    tm_session_options set = TM_SESSION_OPTIONS_DEFAULT;
    const tm_option_target targets[] = {TM_MODEL_TARGET(&set.model),
                                        TM_PICTURE_TARGET(&set.picture),
                                        TM_OUTPUT_TARGET(&set.output),
                                        {0}};
    tm_arguments arguments;
    int exit_code;
    if (!tm_parse_arguments(&command, targets, argc, argv, &arguments, &exit_code))
        return exit_code;
    set.pictures_only = true;
    exit_code = run(&set, &arguments);
    tm_arguments_free(&arguments);
    return exit_code;
}
