/* SPDX-License-Identifier: Apache-2.0 */
#include "image/canvas.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "image/codec.h"
#include "image/font.h"

static tm_colour mix(tm_colour a, tm_colour b, double part)
{
    tm_colour mixed = 0;
    for (int shift = 0; shift < 24; shift += 8) {
        double from = a >> shift & 255, to = b >> shift & 255;
        mixed |= (tm_colour)(from + part * (to - from) + 0.5) << shift;
    }
    return mixed;
}

/* ---- areas ---- */

static unsigned char *pixel_at(const tm_image *canvas, int x, int y)
{
    return canvas->rgb + 3 * ((size_t)y * (size_t)canvas->width + (size_t)x);
}

static bool is_inside(const tm_image *canvas, int x, int y)
{
    return x >= 0 && y >= 0 && x < canvas->width && y < canvas->height;
}

void tm_canvas_put(tm_image *canvas, int x, int y, tm_colour colour)
{
    if (!is_inside(canvas, x, y))
        return;
    unsigned char *pixel = pixel_at(canvas, x, y);
    pixel[0] = (unsigned char)(colour >> 16);
    pixel[1] = (unsigned char)(colour >> 8);
    pixel[2] = (unsigned char)colour;
}

void tm_canvas_fill(tm_image *canvas, tm_box box, tm_colour colour)
{
    for (int y = 0; y < box.height; y++)
        for (int x = 0; x < box.width; x++)
            tm_canvas_put(canvas, box.x + x, box.y + y, colour);
}

tm_status tm_canvas_open(tm_image *canvas, int width, int height, tm_colour background,
                         tm_error *error)
{
    tm_status status = tm_image_alloc(canvas, width, height, error);
    if (!status)
        tm_canvas_fill(canvas, (tm_box){0, 0, width, height}, background);
    return status;
}

void tm_canvas_cut(tm_image *canvas, int width, int height)
{
    for (int y = 0; y < height; y++)
        memmove(canvas->rgb + 3 * (size_t)y * (size_t)width, pixel_at(canvas, 0, y),
                3 * (size_t)width);
    canvas->width = width;
    canvas->height = height;
}

tm_box tm_box_fit(tm_box box, int width, int height)
{
    double across = (double)box.width / width, down = (double)box.height / height;
    double scale = across < down ? across : down;
    int w = (int)(width * scale + 0.5), h = (int)(height * scale + 0.5);
    w = w < 1 ? 1 : w;
    h = h < 1 ? 1 : h;
    return (tm_box){box.x + (box.width - w) / 2, box.y + (box.height - h) / 2, w, h};
}

tm_status tm_canvas_picture(tm_image *canvas, tm_box box, const tm_image *picture, tm_error *error)
{
    tm_image scaled;
    box = tm_box_fit(box, picture->width, picture->height);
    tm_status status =
        tm_image_resize(picture, box.width, box.height, TM_FILTER_BICUBIC, &scaled, error);
    if (status)
        return status;
    for (int y = 0; y < box.height; y++)
        for (int x = 0; x < box.width; x++) {
            const unsigned char *p = pixel_at(&scaled, x, y);
            tm_canvas_put(canvas, box.x + x, box.y + y,
                          (tm_colour)p[0] << 16 | (tm_colour)p[1] << 8 | p[2]);
        }
    tm_image_free(&scaled);
    return TM_OK;
}

/* ---- numbers ---- */

/* Every fifth colour; those between are on the line. */
static const tm_colour viridis[] = {
    0x440154, 0x46085c, 0x471063, 0x481769, 0x481d6f, 0x482475, 0x472a7a, 0x46307e, 0x453781,
    0x433d84, 0x414287, 0x3f4889, 0x3d4e8a, 0x3a538b, 0x38598c, 0x355e8d, 0x33638d, 0x31688e,
    0x2e6d8e, 0x2c718e, 0x2a768e, 0x297b8e, 0x27808e, 0x25848e, 0x23898e, 0x218e8d, 0x20928c,
    0x1f978b, 0x1e9c89, 0x1fa188, 0x21a585, 0x24aa83, 0x28ae80, 0x2eb37c, 0x35b779, 0x3dbc74,
    0x46c06f, 0x50c46a, 0x5ac864, 0x65cb5e, 0x70cf57, 0x7cd250, 0x89d548, 0x95d840, 0xa2da37,
    0xb0dd2f, 0xbddf26, 0xcae11f, 0xd8e219, 0xe5e419, 0xf1e51d, 0xfde725,
};

tm_colour tm_viridis(double value)
{
    enum { STEPS = sizeof viridis / sizeof *viridis - 1 };
    if (isnan(value))
        return 0;
    double place = fmin(fmax(value, 0), 1) * STEPS;
    int step = place < STEPS ? (int)place : STEPS - 1;
    return mix(viridis[step], viridis[step + 1], place - step);
}

static float value_at(const tm_plane *plane, int y, int x)
{
    return plane->values[(size_t)y * plane->row + (size_t)x * plane->step];
}

void tm_plane_measure(tm_plane *plane)
{
    plane->least = INFINITY;
    plane->most = -INFINITY;
    for (int y = 0; y < plane->height; y++)
        for (int x = 0; x < plane->width; x++) {
            float value = value_at(plane, y, x);
            if (!isfinite(value))
                continue;
            plane->least = fminf(plane->least, value);
            plane->most = fmaxf(plane->most, value);
        }
}

static tm_colour colour_of(const tm_plane *plane, double value)
{
    double range = (double)plane->most - (double)plane->least;
    if (!isfinite(value))
        return 0;
    return tm_viridis(range > 0 ? (value - (double)plane->least) / range : 0);
}

/* Numbers under pixel `index` of `pixels`: from *begin on, one at least. */
static int count_under(int index, int pixels, int numbers, int *begin)
{
    *begin = (int)((int64_t)index * numbers / pixels);
    int end = (int)((int64_t)(index + 1) * numbers / pixels);
    return end > *begin ? end - *begin : 1;
}

static double mean_under(const tm_plane *plane, tm_box box, int x, int y)
{
    int left, top, columns = count_under(x, box.width, plane->width, &left);
    int rows = count_under(y, box.height, plane->height, &top);
    double sum = 0;
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < columns; k++)
            sum += (double)value_at(plane, top + i, left + k);
    return sum / rows / columns;
}

void tm_canvas_plane(tm_image *canvas, tm_box box, const tm_plane *plane)
{
    for (int y = 0; y < box.height; y++)
        for (int x = 0; x < box.width; x++)
            tm_canvas_put(canvas, box.x + x, box.y + y,
                          colour_of(plane, mean_under(plane, box, x, y)));
}

/* Where the middle of pixel `index` lies between numbers *low and *low + 1, or on the last. */
static double part_between(int index, int pixels, int numbers, int *low)
{
    double place = (index + 0.5) * numbers / pixels - 0.5;
    place = fmin(fmax(place, 0), numbers - 1);
    *low = (int)place;
    return place - *low;
}

static double value_between(const tm_plane *plane, tm_box box, int x, int y)
{
    int left, top;
    double across = part_between(x, box.width, plane->width, &left);
    double down = part_between(y, box.height, plane->height, &top);
    int right = left + (across > 0), bottom = top + (down > 0);
    double upper = (1 - across) * (double)value_at(plane, top, left) +
                   across * (double)value_at(plane, top, right);
    double lower = (1 - across) * (double)value_at(plane, bottom, left) +
                   across * (double)value_at(plane, bottom, right);
    return (1 - down) * upper + down * lower;
}

void tm_canvas_veil(tm_image *canvas, tm_box box, const tm_plane *plane)
{
    for (int y = 0; y < box.height; y++)
        for (int x = 0; x < box.width; x++) {
            if (!is_inside(canvas, box.x + x, box.y + y))
                continue;
            const unsigned char *p = pixel_at(canvas, box.x + x, box.y + y);
            tm_colour gray = (tm_colour)(p[0] * 299 + p[1] * 587 + p[2] * 114) / 1000;
            tm_colour over = colour_of(plane, value_between(plane, box, x, y));
            tm_canvas_put(canvas, box.x + x, box.y + y, mix(gray * 0x010101, over, 0.5));
        }
}
