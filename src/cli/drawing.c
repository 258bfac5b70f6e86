/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/drawing.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

tm_status tm_drawing_open(tm_drawing *drawing, const tm_session *session, const char *option,
                          const char *path, tm_error *error)
{
    *drawing = (tm_drawing){0};
    if (!path)
        return TM_OK;
    if (!tm_ends_with(path, ".png"))
        return tm_fail(error, TM_USAGE, "--%s %s: it writes a PNG, so the name ends in .png",
                       option, path);
    if (session->options->from_features)
        return tm_fail(error, TM_USAGE, "--%s draws pictures, and hidden states are none", option);
    if (session->options->output.resume)
        return tm_fail(error, TM_USAGE,
                       "--%s draws what this run computes: not with --resume, which leaves out "
                       "what an earlier one did",
                       option);
    tm_status status = tm_outfile_open(&drawing->out, path, session->options->output.force, error);
    if (!status)
        drawing->path = path;
    return status;
}

tm_status tm_drawing_write(tm_drawing *drawing, const tm_image *canvas, tm_error *error)
{
    tm_status status = tm_image_write_png(canvas, drawing->out.stream, drawing->path, error);
    if (status)
        tm_outfile_abandon(&drawing->out);
    else
        status = tm_outfile_commit(&drawing->out, error);
    drawing->path = NULL;
    return status;
}

void tm_drawing_abandon(tm_drawing *drawing)
{
    if (drawing->path)
        tm_outfile_abandon(&drawing->out);
    drawing->path = NULL;
}

/* ---- what the model saw ---- */

static double number_at(const tm_numbers *numbers, int channel)
{
    return numbers->values[(size_t)channel < numbers->count ? channel : 0];
}

static tm_colour byte_of(const tm_preprocess *how, int channel, float value)
{
    double byte =
        ((double)value * number_at(&how->std, channel) + number_at(&how->mean, channel)) * 255 +
        0.5;
    return byte > 0 ? (tm_colour)fmin(byte, 255) : 0; /* a NaN is black */
}

tm_status tm_drawing_input(const tm_session *session, int picture, tm_image *seen, tm_error *error)
{
    const tm_model *model = session->model;
    const tm_shape s = model->graph.input->shape;
    const float *values = tm_context_input(session->context, picture);
    tm_status status = tm_canvas_open(seen, s.w, s.h, 0, error);
    for (int y = 0; y < s.h && !status; y++)
        for (int x = 0; x < s.w; x++, values += s.c) {
            tm_colour colour = 0;
            for (int c = 0; c < 3; c++) {
                int channel = s.c < 3 ? 0 : c;
                colour = colour << 8 | byte_of(&model->preprocess, channel, values[channel]);
            }
            tm_canvas_put(seen, x, y, colour);
        }
    return status;
}

static int ceil_divide(int a, int b)
{
    return (a + b - 1) / b;
}

bool tm_drawing_grid(const tm_model *model, size_t tokens, int size[2])
{
    tm_shape s = model->graph.input->shape;
    for (int patch = 1; patch <= s.h || patch <= s.w; patch++) {
        size[0] = ceil_divide(s.h, patch);
        size[1] = ceil_divide(s.w, patch);
        if ((size_t)size[0] * (size_t)size[1] == tokens)
            return true;
    }
    return false;
}

const char *tm_drawing_name(const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash && slash[1] ? slash + 1 : file;
}

int tm_drawing_columns(int pixels, int scale)
{
    return pixels / (TM_TEXT_STEP * scale);
}
