/* SPDX-License-Identifier: Apache-2.0 */
/* PNG through libpng, which is shown the header, the palette and the picture's data alone. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "image/codec.h"
#include "image/png_chunks.h"

static const unsigned char end_chunk[TM_PNG_FRAME] = {0,   0,   0,    0,    'I',  'E',
                                                      'N', 'D', 0xAE, 0x42, 0x60, 0x82};

/* A pixel in libpng's rows, of up to 8 bytes each. */
enum { ROWS_BYTES = 4 * 8 };

/* What a row holds between libpng and RGB. */
typedef enum row_kind { ROW_GRAY8, ROW_GRAY16, ROW_PALETTE, ROW_RGB } row_kind;

/* Lives outside the function that calls setjmp, so a jump leaves its members well defined. */
typedef struct decoder {
    png_structp png;
    png_infop info;
    jmp_buf escape;
    tm_png_file file;
    /* What libpng reads next: `left` bytes at `next`, then the next place. */
    const unsigned char *next;
    size_t left;
    enum { AT_SIGNATURE, AT_HEADER, AT_PALETTE, AT_DATA_HEAD, AT_DATA, AT_DATA_CRC, AT_END } place;
    tm_png_chunk data;
    unsigned char data_head[TM_PNG_HEAD];
    row_kind kind;
    int passes;
    unsigned char palette[256][3];
    int warnings;
    bool no_memory, strict, clipped;
    tm_image *out;
    tm_error *error;
    tm_status status;
} decoder;

static _Noreturn void escape(decoder *d, tm_status status)
{
    d->status = status;
    longjmp(d->escape, 1);
}

/* libpng reads the rest of the stream as part of the last row, after its pixels. */
static bool has_all_rows(const decoder *d)
{
    if (d->passes == 1)
        return png_get_current_row_number(d->png) >= d->file.height;
    return d->passes > 1 && png_get_current_pass_number(d->png) >= d->passes;
}

static png_voidp on_malloc(png_structp png, png_alloc_size_t bytes)
{
    decoder *d = png_get_mem_ptr(png);
    void *block = malloc(bytes);
    if (!block)
        d->no_memory = true; /* libpng tells it in many ways */
    return block;
}

static void on_free(png_structp png, png_voidp block)
{
    (void)png;
    free(block);
}

/* A chunk that had no memory may be left out with a warning, or with none. */
static void check_memory(decoder *d)
{
    if (d->no_memory)
        escape(d, tm_fail(d->error, TM_NO_MEMORY, "%s: no memory to read a PNG", d->file.name));
}

static _Noreturn void on_error(png_structp png, png_const_charp text)
{
    decoder *d = png_get_error_ptr(png);
    check_memory(d);
    /* the compressed stream ends, or the data chunks do */
    bool early = d->place == AT_END || strstr(text, "Not enough image data") != NULL;
    if (early && has_all_rows(d))
        escape(d, TM_OK);
    if (early)
        escape(d, tm_fail(d->error, TM_TRUNCATED,
                          "%s: PNG data ends early: found %u of %u rows in pass %d of %d",
                          d->file.name, png_get_current_row_number(png), d->file.height,
                          png_get_current_pass_number(png) + 1, d->passes));
    escape(d, tm_fail(d->error, TM_CORRUPT, "%s: PNG: %s", d->file.name, text));
}

/* Among them faults of the stream behind the last row; the reference does not look there. */
static void on_warning(png_structp png, png_const_charp text)
{
    decoder *d = png_get_error_ptr(png);
    check_memory(d);
    d->warnings++;
    if (d->strict)
        escape(d, tm_fail(d->error, TM_CORRUPT, "%s: PNG: %s", d->file.name, text));
}

static void show(decoder *d, int place, const void *bytes, size_t count)
{
    d->place = place;
    d->next = bytes;
    d->left = count;
}

/* The length is what the file holds, so that a cut chunk yields all its rows. */
static void show_data_head(decoder *d, tm_png_chunk data)
{
    d->data = data;
    for (int i = 0; i < 4; i++)
        d->data_head[i] = (unsigned char)(data.there >> (24 - 8 * i));
    memcpy(d->data_head + 4, "IDAT", 4);
    show(d, AT_DATA_HEAD, d->data_head, sizeof d->data_head);
}

static void show_next(decoder *d)
{
    static const unsigned char any_crc[4] = {0};
    const tm_png_file *file = &d->file;
    tm_png_chunk data;
    switch (d->place) {
    case AT_SIGNATURE:
        show(d, AT_HEADER, file->header.at, file->header.length + TM_PNG_FRAME);
        return;
    case AT_HEADER:
        if (file->color_type == PNG_COLOR_TYPE_PALETTE && file->palette.at)
            show(d, AT_PALETTE, file->palette.at, file->palette.length + TM_PNG_FRAME);
        else
            show_data_head(d, file->first_data);
        return;
    case AT_PALETTE:
        show_data_head(d, file->first_data);
        return;
    case AT_DATA_HEAD:
        show(d, AT_DATA, d->data.at + TM_PNG_HEAD, d->data.there);
        return;
    case AT_DATA:
        show(d, AT_DATA_CRC, any_crc, sizeof any_crc);
        return;
    case AT_DATA_CRC:
        data = tm_png_next_data(file, d->data);
        if (data.at)
            show_data_head(d, data);
        else
            show(d, AT_END, end_chunk, sizeof end_chunk);
        return;
    case AT_END:
        png_error(d->png, "read beyond the end");
    }
}

static void on_read(png_structp png, png_bytep to, size_t count)
{
    decoder *d = png_get_io_ptr(png);
    while (count) {
        while (!d->left)
            show_next(d);
        size_t part = count < d->left ? count : d->left;
        memcpy(to, d->next, part);
        d->next += part;
        d->left -= part;
        to += part;
        count -= part;
    }
}

static void create(decoder *d)
{
    d->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, d, on_error, on_warning, d, on_malloc,
                                      on_free);
    if (d->png)
        d->info = png_create_info_struct(d->png);
    if (!d->info)
        escape(d, tm_fail(d->error, TM_NO_MEMORY, "%s: no memory to read a PNG", d->file.name));
    show(d, AT_SIGNATURE, d->file.bytes, TM_PNG_SIGNATURE);
    png_set_read_fn(d->png, d, on_read);
    /* The scan has checked what counts; data chunks may have wrong checksums. */
    png_set_crc_action(d->png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
    png_set_user_limits(d->png, TM_IMAGE_MAX_SIDE, TM_IMAGE_MAX_SIDE);
    png_set_chunk_malloc_max(d->png, 0);
    /* The reference's block: a wrong stream checksum is seen with the last row or not at all. */
    png_set_compression_buffer_size(d->png, 1 << 16);
    /* A stream may understate its window; one that does is still read. */
    png_set_option(d->png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
}

static void read_palette(decoder *d)
{
    size_t bytes = d->file.palette.length / 3 * 3;
    if (bytes > sizeof d->palette)
        bytes = sizeof d->palette;
    memcpy(d->palette, d->file.palette.at + TM_PNG_HEAD, bytes); /* the rest stays black */
}

static void choose_rows(decoder *d)
{
    int depth = d->file.bit_depth;
    switch (d->file.color_type) {
    case PNG_COLOR_TYPE_PALETTE:
        png_set_packing(d->png);
        read_palette(d);
        d->kind = ROW_PALETTE;
        return;
    case PNG_COLOR_TYPE_GRAY:
        if (depth < 8)
            png_set_expand_gray_1_2_4_to_8(d->png);
        d->kind = depth == 16 ? ROW_GRAY16 : ROW_GRAY8;
        return;
    case PNG_COLOR_TYPE_GRAY_ALPHA:
        d->kind = ROW_GRAY8;
        break;
    default:
        d->kind = ROW_RGB;
        break;
    }
    if (depth == 16)
        png_set_strip_16(d->png);
    png_set_strip_alpha(d->png);
}

/* In place, from the right: a pixel never needs more than its three bytes before. */
static void rgb_from_row(decoder *d, unsigned char *row, int width)
{
    for (int x = width - 1; x >= 0; x--) {
        unsigned char *to = row + 3 * (size_t)x;
        if (d->kind == ROW_PALETTE) {
            memcpy(to, d->palette[row[x]], 3);
            continue;
        }
        const unsigned char *wide = row + 2 * (size_t)x;
        /* 16-bit gray is clamped to 8 bits, not scaled. */
        bool clip = d->kind == ROW_GRAY16 && wide[0];
        unsigned char gray = d->kind == ROW_GRAY8 ? row[x] : clip ? 255 : wide[1];
        d->clipped |= clip;
        to[0] = to[1] = to[2] = gray;
    }
}

static unsigned char *row_at(const tm_image *image, int y)
{
    return image->rgb + (size_t)y * (size_t)image->width * 3;
}

static void read_rows(decoder *d)
{
    for (int pass = 0; pass < d->passes; pass++)
        for (int y = 0; y < d->out->height; y++)
            png_read_row(d->png, row_at(d->out, y), NULL);
}

/* The only function with a setjmp; it has no local that changes. */
static void run(decoder *d)
{
    if (setjmp(d->escape))
        return;
    create(d);
    png_read_info(d->png, d->info);
    choose_rows(d);
    d->passes = png_set_interlace_handling(d->png);
    png_read_update_info(d->png, d->info);
    tm_status status = tm_image_alloc(d->out, (int)d->file.width, (int)d->file.height, d->error);
    if (status != TM_OK)
        escape(d, status);
    read_rows(d);
    png_read_end(d->png, NULL);
    check_memory(d);
    d->status = TM_OK;
}

/* The reference takes pixels whatever their checksums are: a wrong one is a warning. */
static tm_status check_data(decoder *d, tm_error *error)
{
    for (tm_png_chunk data = d->file.first_data; data.at; data = tm_png_next_data(&d->file, data)) {
        tm_error found = {0};
        if (tm_png_check_crc(&d->file, data, &found) == TM_OK)
            continue;
        d->warnings++;
        if (d->strict)
            return tm_fail(error, TM_CORRUPT, "%s", found.message);
    }
    return TM_OK;
}

static tm_status decode(const tm_codec_input *in, tm_image *out, int *orientation, tm_error *error)
{
    decoder d = {.file = {.bytes = in->bytes, .size = in->size, .name = in->name},
                 .out = out,
                 .strict = in->strict,
                 .error = error,
                 .status = TM_INTERNAL};
    tm_status status = tm_png_scan_head(&d.file, error);
    if (status == TM_OK)
        status = tm_image_check_size(in->name, d.file.width, d.file.height, in->max_pixels, error);
    if (status == TM_OK)
        status = tm_image_claim(in, d.file.width, d.file.height,
                                (size_t)d.file.width * ROWS_BYTES + (1 << 20), error);
    if (status != TM_OK)
        return status;
    run(&d);
    png_destroy_read_struct(&d.png, &d.info, NULL);
    if (d.status == TM_OK)
        d.status = tm_png_scan_tail(&d.file, error);
    if (d.status == TM_OK)
        d.status = check_data(&d, error);
    if (d.status != TM_OK)
        return d.status;
    for (int y = 0; d.kind != ROW_RGB && y < out->height; y++)
        rgb_from_row(&d, row_at(out, y), out->width);
    out->warnings = d.warnings;
    out->clipped = d.clipped;
    if (d.file.exif.at)
        *orientation = tm_exif_orientation(d.file.exif.at + TM_PNG_HEAD, d.file.exif.length);
    return TM_OK;
}

static bool begins(const unsigned char *bytes, size_t size)
{
    return TM_BEGINS(bytes, size, "\x89PNG\r\n\x1A\n");
}

const tm_codec tm_codec_png = {
    .title = "PNG", .endings = ".png", .begins = begins, .decode = decode};
