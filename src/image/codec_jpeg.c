/* SPDX-License-Identifier: Apache-2.0 */
/* JPEG through libjpeg: exact integer IDCT and smooth upsampling, its defaults, as Pillow. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "base/memory.h"
#include "image/codec.h"

enum {
    MAX_SCANS = 100, /* a progressive file may repeat its scans for ever */
    EXIF_HEADER = 6  /* "Exif\0\0" */
};

/* Lives outside the function that calls setjmp, so a jump leaves its members well defined. */
typedef struct decoder {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    const tm_codec_input *in;
    tm_image *out;
    int *orientation;
    tm_error *error;
    tm_status status;
    bool has_exif, header_done, rows_done;
} decoder;

static _Noreturn void escape(decoder *d, tm_status status)
{
    d->status = status;
    longjmp(d->escape, 1);
}

static tm_status status_of(int code)
{
    switch (code) {
    case JERR_OUT_OF_MEMORY:
        return TM_NO_MEMORY;
    case JERR_NO_BACKING_STORE: /* over max_memory_to_use */
    case JERR_IMAGE_TOO_BIG:
    case JERR_WIDTH_OVERFLOW:
        return TM_TOO_LARGE;
    case JERR_SOF_UNSUPPORTED:
    case JERR_BAD_PRECISION:
    case JERR_COMPONENT_COUNT:
    case JERR_ARITH_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
        return TM_UNSUPPORTED;
    default:
        return TM_CORRUPT;
    }
}

static void on_error(j_common_ptr cinfo)
{
    decoder *d = cinfo->client_data;
    char text[JMSG_LENGTH_MAX];
    cinfo->err->format_message(cinfo, text);
    escape(d, tm_fail(d->error, status_of(cinfo->err->msg_code), "%s: JPEG: %s (near byte %zu)",
                      d->in->name, text, d->in->size - d->source.bytes_in_buffer));
}

static void on_message(j_common_ptr cinfo, int level)
{
    const decoder *d = cinfo->client_data;
    if (level >= 0)
        return;
    cinfo->err->num_warnings++;
    if (d->in->strict)
        on_error(cinfo); /* the codes of warnings are none that status_of knows: TM_CORRUPT */
}

static void no_output(j_common_ptr cinfo)
{
    (void)cinfo;
}

static void on_progress(j_common_ptr cinfo)
{
    decoder *d = cinfo->client_data;
    if (d->cinfo.input_scan_number > MAX_SCANS)
        escape(d,
               tm_fail(d->error, TM_TOO_LARGE, "%s: JPEG has %d scans or more, expected at most %d",
                       d->in->name, d->cinfo.input_scan_number, MAX_SCANS));
}

static void no_source_action(j_decompress_ptr cinfo)
{
    (void)cinfo;
}

static bool starts_frame(int marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

/* All bytes are given at the start, so a call for more is the end of the file. Whoever has all
 * rows by then needs no EOI marker, but a second frame that begins is a fault. */
static boolean on_end_of_data(j_decompress_ptr cinfo)
{
    decoder *d = cinfo->client_data;
    if (d->rows_done && starts_frame(cinfo->unread_marker))
        escape(d, tm_fail(d->error, TM_CORRUPT, "%s: JPEG has a second frame at its end",
                          d->in->name));
    if (d->rows_done)
        escape(d, TM_OK);
    escape(d, tm_fail(d->error, TM_TRUNCATED,
                      "%s: JPEG data ends early at byte %zu: found %u of %u rows, expected an EOI "
                      "marker",
                      d->in->name, d->in->size, cinfo->output_scanline, cinfo->image_height));
}

static void skip_bytes(j_decompress_ptr cinfo, long count)
{
    struct jpeg_source_mgr *source = cinfo->src;
    if (count <= 0)
        return;
    if ((size_t)count > source->bytes_in_buffer)
        on_end_of_data(cinfo);
    source->next_input_byte += count;
    source->bytes_in_buffer -= (size_t)count;
}

static void start(decoder *d)
{
    d->cinfo.err = jpeg_std_error(&d->errors);
    d->errors.error_exit = on_error;
    d->errors.emit_message = on_message;
    d->errors.output_message = no_output;
    d->cinfo.client_data = d;
    d->source = (struct jpeg_source_mgr){
        .next_input_byte = d->in->bytes,
        .bytes_in_buffer = d->in->size,
        .init_source = no_source_action,
        .fill_input_buffer = on_end_of_data,
        .skip_input_data = skip_bytes,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = no_source_action,
    };
}

/* The first EXIF of the header counts. It is read where it stands: libjpeg would keep a copy of
 * every such marker, of which a file may have any number. */
static boolean on_app1(j_decompress_ptr cinfo)
{
    decoder *d = cinfo->client_data;
    struct jpeg_source_mgr *source = cinfo->src;
    if (source->bytes_in_buffer < 2)
        on_end_of_data(cinfo);
    const unsigned char *data = source->next_input_byte + 2;
    size_t stated = (size_t)data[-2] << 8 | data[-1], length = stated < 2 ? 0 : stated - 2;
    skip_bytes(cinfo, 2);
    if (!d->header_done && !d->has_exif && length > EXIF_HEADER &&
        length <= source->bytes_in_buffer && memcmp(data, "Exif\0\0", EXIF_HEADER) == 0) {
        d->has_exif = true;
        *d->orientation = tm_exif_orientation(data + EXIF_HEADER, length - EXIF_HEADER);
    }
    skip_bytes(cinfo, (long)length);
    return TRUE;
}

/* Where a picture comes in several scans, libjpeg keeps all coefficients, of whole blocks. */
static size_t coefficient_bytes(const struct jpeg_decompress_struct *cinfo)
{
    size_t blocks = 0;
    for (int c = 0; c < cinfo->num_components; c++) {
        const jpeg_component_info *part = &cinfo->comp_info[c];
        size_t across = part->width_in_blocks + (size_t)part->h_samp_factor;
        size_t down = part->height_in_blocks + (size_t)part->v_samp_factor;
        blocks += across * down;
    }
    return blocks * DCTSIZE2 * sizeof(JCOEF);
}

/* Rows of every stage of the decoder, and its tables. */
static size_t row_bytes(const struct jpeg_decompress_struct *cinfo)
{
    return ((size_t)cinfo->image_width + 32) * (size_t)cinfo->num_components * 128 + (1 << 20);
}

/* The inverse transform of fewer frequencies gives fewer pixels. */
static void choose_scale(decoder *d)
{
    j_decompress_ptr cinfo = &d->cinfo;
    JDIMENSION least = (JDIMENSION)d->in->least;
    cinfo->scale_num = cinfo->scale_denom = 1;
    for (unsigned by = 8; by > 1 && least && cinfo->scale_denom == 1; by /= 2)
        if (cinfo->image_width / by >= least && cinfo->image_height / by >= least)
            cinfo->scale_denom = by;
    jpeg_calc_output_dimensions(cinfo);
}

static void read_header(decoder *d)
{
    j_decompress_ptr cinfo = &d->cinfo;
    jpeg_create_decompress(cinfo);
    cinfo->src = &d->source;
    d->progress.progress_monitor = on_progress;
    cinfo->progress = &d->progress;
    jpeg_set_marker_processor(cinfo, JPEG_APP0 + 1, on_app1);
    while (jpeg_read_header(cinfo, FALSE) != JPEG_HEADER_OK) {
        d->has_exif = false; /* streams of tables alone may come first */
        *d->orientation = 1;
    }
    d->header_done = true;
    tm_status status = tm_image_check_size(d->in->name, cinfo->image_width, cinfo->image_height,
                                           d->in->max_pixels, d->error);
    if (status != TM_OK)
        escape(d, status);
    int parts = cinfo->num_components;
    if (parts != 1 && parts != 3 && parts != 4)
        escape(d, tm_fail(d->error, TM_UNSUPPORTED,
                          "%s: JPEG has %d components, expected 1, 3 or 4", d->in->name, parts));
    cinfo->out_color_space = parts == 4 ? JCS_CMYK : JCS_RGB;
    choose_scale(d);
    size_t more = row_bytes(cinfo);
    if (jpeg_has_multiple_scans(cinfo))
        more += coefficient_bytes(cinfo);
    status = tm_image_claim(d->in, cinfo->output_width, cinfo->output_height, more, d->error);
    if (status != TM_OK)
        escape(d, status);
    cinfo->mem->max_memory_to_use = (long)(more + (64 << 20));
}

/* Four-component files hold inverted inks, whatever their Adobe marker says. */
static void rgb_from_inverted_cmyk(const unsigned char *cmyk, unsigned char *rgb, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++, cmyk += 4, rgb += 3) {
        int light = cmyk[3];
        for (int c = 0; c < 3; c++)
            rgb[c] = tm_ink((unsigned char)(255 - cmyk[c]), light);
    }
}

static void read_rows(decoder *d)
{
    j_decompress_ptr cinfo = &d->cinfo;
    size_t width = cinfo->output_width;
    bool cmyk = cinfo->out_color_space == JCS_CMYK;
    JSAMPARRAY inks = NULL;
    if (cmyk)
        inks = cinfo->mem->alloc_sarray((j_common_ptr)cinfo, JPOOL_IMAGE, (JDIMENSION)width * 4, 1);
    while (cinfo->output_scanline < cinfo->output_height) {
        JSAMPROW row = d->out->rgb + cinfo->output_scanline * width * 3;
        jpeg_read_scanlines(cinfo, cmyk ? inks : &row, 1);
        if (cmyk)
            rgb_from_inverted_cmyk(inks[0], row, width);
    }
    d->rows_done = true;
}

/* The only function with a setjmp; it has no local that changes. */
static void run(decoder *d)
{
    if (setjmp(d->escape))
        return;
    read_header(d);
    jpeg_start_decompress(&d->cinfo);
    tm_status status =
        tm_image_alloc(d->out, (int)d->cinfo.output_width, (int)d->cinfo.output_height, d->error);
    if (status != TM_OK)
        escape(d, status);
    read_rows(d);
    jpeg_finish_decompress(&d->cinfo);
    d->status = TM_OK;
}

static tm_status decode(const tm_codec_input *in, tm_image *out, int *orientation, tm_error *error)
{
    decoder d = {
        .in = in, .out = out, .orientation = orientation, .error = error, .status = TM_INTERNAL};
    start(&d);
    run(&d);
    out->warnings = (int)d.errors.num_warnings;
    jpeg_destroy_decompress(&d.cinfo);
    return d.status;
}

static bool begins(const unsigned char *bytes, size_t size)
{
    return TM_BEGINS(bytes, size, "\xFF\xD8\xFF");
}

const tm_codec tm_codec_jpeg = {
    .title = "JPEG", .endings = ".jpg .jpeg", .begins = begins, .decode = decode};
