/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "image/image.h"

/* Lives outside the function that calls setjmp, so a jump leaves its members well defined. */
typedef struct encoder {
    png_structp png;
    png_infop info;
    jmp_buf escape;
    FILE *stream;
    const char *name;
    tm_error *error;
    tm_status status;
    bool no_memory;
} encoder;

static _Noreturn void escape(encoder *e, tm_status status)
{
    e->status = status;
    longjmp(e->escape, 1);
}

static png_voidp on_malloc(png_structp png, png_alloc_size_t bytes)
{
    encoder *e = png_get_mem_ptr(png);
    void *block = malloc(bytes);
    if (!block)
        e->no_memory = true; /* libpng tells it in many ways */
    return block;
}

static void on_free(png_structp png, png_voidp block)
{
    (void)png;
    free(block);
}

static _Noreturn void on_error(png_structp png, png_const_charp text)
{
    encoder *e = png_get_error_ptr(png);
    if (e->no_memory)
        escape(e, tm_fail(e->error, TM_NO_MEMORY, "%s: no memory to write a PNG", e->name));
    escape(e, tm_fail(e->error, TM_WRITE, "%s: cannot write: %s", e->name, text));
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void on_write(png_structp png, png_bytep bytes, size_t count)
{
    encoder *e = png_get_io_ptr(png);
    if (fwrite(bytes, 1, count, e->stream) != count)
        escape(e, tm_fail(e->error, TM_WRITE, "%s: cannot write: %s", e->name, strerror(errno)));
}

static void on_flush(png_structp png)
{
    encoder *e = png_get_io_ptr(png);
    if (fflush(e->stream) != 0)
        escape(e, tm_fail(e->error, TM_WRITE, "%s: cannot write: %s", e->name, strerror(errno)));
}

/* The only function with a setjmp; it has no local that changes. */
static void run(encoder *e, const tm_image *image)
{
    if (setjmp(e->escape))
        return;
    e->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, e, on_error, on_warning, e, on_malloc,
                                       on_free);
    if (e->png)
        e->info = png_create_info_struct(e->png);
    if (!e->info)
        escape(e, tm_fail(e->error, TM_NO_MEMORY, "%s: no memory to write a PNG", e->name));
    png_set_write_fn(e->png, e, on_write, on_flush);
    png_set_user_limits(e->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(e->png, e->info, (png_uint_32)image->width, (png_uint_32)image->height, 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(e->png, e->info);
    for (int y = 0; y < image->height; y++)
        png_write_row(e->png, image->rgb + (size_t)y * (size_t)image->width * 3);
    png_write_end(e->png, NULL);
    on_flush(e->png);
    e->status = TM_OK;
}

tm_status tm_image_write_png(const tm_image *image, FILE *stream, const char *name, tm_error *error)
{
    encoder e = {.stream = stream, .name = name, .error = error, .status = TM_INTERNAL};
    run(&e, image);
    png_destroy_write_struct(&e.png, &e.info);
    return e.status;
}
