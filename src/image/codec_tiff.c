/* SPDX-License-Identifier: Apache-2.0 */
/* TIFF through libtiff: the first picture of a file, as Pillow reads it; turned as its orientation
 * says, which Pillow does for this format alone. */
#include "image/codec.h"

#ifdef TM_TIFF_LIBRARY

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>

#include <tiffio.h>

#include "base/memory.h"
#include "image/optional.h"
#include "image/tiff_pixels.h"

#define FUNCTIONS(X)                                                                               \
    X(TIFFOpenOptionsAlloc, TIFFOpenOptions *, (void))                                             \
    X(TIFFOpenOptionsFree, void, (TIFFOpenOptions *))                                              \
    X(TIFFOpenOptionsSetMaxSingleMemAlloc, void, (TIFFOpenOptions *, tmsize_t))                    \
    X(TIFFOpenOptionsSetErrorHandlerExtR, void, (TIFFOpenOptions *, TIFFErrorHandlerExtR, void *)) \
    X(TIFFOpenOptionsSetWarningHandlerExtR, void,                                                  \
      (TIFFOpenOptions *, TIFFErrorHandlerExtR, void *))                                           \
    X(TIFFClientOpenExt, TIFF *,                                                                   \
      (const char *, const char *, thandle_t, TIFFReadWriteProc, TIFFReadWriteProc, TIFFSeekProc,  \
       TIFFCloseProc, TIFFSizeProc, TIFFMapFileProc, TIFFUnmapFileProc, TIFFOpenOptions *))        \
    X(TIFFClose, void, (TIFF *))                                                                   \
    X(TIFFGetField, int, (TIFF *, uint32_t, ...))                                                  \
    X(TIFFGetFieldDefaulted, int, (TIFF *, uint32_t, ...))                                         \
    X(TIFFSetField, int, (TIFF *, uint32_t, ...))                                                  \
    X(TIFFIsCODECConfigured, int, (uint16_t))                                                      \
    X(TIFFIsBigEndian, int, (TIFF *))                                                              \
    X(TIFFIsTiled, int, (TIFF *))                                                                  \
    X(TIFFStripSize, tmsize_t, (TIFF *))                                                           \
    X(TIFFTileSize, tmsize_t, (TIFF *))                                                            \
    X(TIFFScanlineSize, tmsize_t, (TIFF *))                                                        \
    X(TIFFTileRowSize, tmsize_t, (TIFF *))                                                         \
    X(TIFFComputeStrip, uint32_t, (TIFF *, uint32_t, uint16_t))                                    \
    X(TIFFReadEncodedStrip, tmsize_t, (TIFF *, uint32_t, void *, tmsize_t))                        \
    X(TIFFReadTile, tmsize_t, (TIFF *, void *, uint32_t, uint32_t, uint32_t, uint16_t))            \
    X(TIFFRGBAImageOK, int, (TIFF *, char[1024]))                                                  \
    X(TIFFRGBAImageBegin, int, (TIFFRGBAImage *, TIFF *, int, char[1024]))                         \
    X(TIFFRGBAImageGet, int, (TIFFRGBAImage *, uint32_t *, uint32_t, uint32_t))                    \
    X(TIFFRGBAImageEnd, void, (TIFFRGBAImage *))

static struct {
    FUNCTIONS(TM_CODEC_POINTER)
} lib;
static const tm_codec_function functions[] = {FUNCTIONS(TM_CODEC_ROW)};
static tm_codec_library library = TM_CODEC_LIBRARY(functions);

/* What libtiff may ask for at once; and what a decoder of it takes: tables, and rows. */
#define SINGLE_MOST ((tmsize_t)4 * TM_IMAGE_MAX_PIXELS)
enum { TABLES = 2 << 20, ROW_BYTES = 512 };

typedef struct decoder {
    const tm_codec_input *in;
    tm_image *out;
    tm_error *error;
    TIFF *file;
    size_t at;    /* of the bytes, for libtiff */
    bool reading, /* pixels: what libtiff says of them is a fault */
        tags_faulty, extras_untold;
    int faults;
    char said[200]; /* by libtiff, of the first error */
    uint32_t width, height;
    uint16_t compression;
    unsigned orientation;
    tm_tiff_tags tags;
    tm_tiff_pixels pixels;
} decoder;

/* ---- the file, for libtiff ---- */

static tmsize_t on_read(thandle_t handle, void *to, tmsize_t size)
{
    decoder *d = handle;
    size_t left = d->in->size - d->at, count = size < 0 ? 0 : (size_t)size;
    if (count > left)
        count = left;
    memcpy(to, d->in->bytes + d->at, count);
    d->at += count;
    return (tmsize_t)count;
}

static tmsize_t on_write(thandle_t handle, void *from, tmsize_t size)
{
    (void)handle, (void)from, (void)size;
    return 0;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence)
{
    decoder *d = handle;
    toff_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? d->at : d->in->size;
    toff_t to = from + offset;
    d->at = to < d->in->size ? (size_t)to : d->in->size;
    return to;
}

static int on_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t on_size(thandle_t handle)
{
    const decoder *d = handle;
    return d->in->size;
}

/* Of the tags that say what pixels are and where they lie: libtiff leaves out what is wrong, and
 * goes on with what is usual. */
static bool is_vital(const char *text)
{
    static const char *const tags[] = {"\"ColorMap\"",
                                       "\"FillOrder\"",
                                       "\"BitsPerSample\"",
                                       "\"SamplesPerPixel\"",
                                       "\"ExtraSamples\"",
                                       "\"SampleFormat\"",
                                       "\"Orientation\"",
                                       "\"Compression\"",
                                       "\"PhotometricInt",
                                       "\"PlanarConfiguration\"",
                                       "Offsets\"",
                                       "Incorrect count for \"StripByteCounts\"",
                                       "Incorrect count for \"TileByteCounts\""};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (strstr(text, tags[i]))
            return true;
    return false;
}

/* What is said of pixels is a fault; of other tags, nothing. */
__attribute__((format(printf, 3, 0))) static void note(decoder *d, bool failed, const char *format,
                                                       va_list args)
{
    char text[sizeof d->said];
    vsnprintf(text, sizeof text, format, args);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
    bool vital = !d->reading && is_vital(text);
    if ((vital && !d->tags_faulty) || ((failed || d->reading) && !*d->said))
        memcpy(d->said, text, sizeof text);
    d->faults += d->reading;
    d->tags_faulty |= vital;
    /* it has taken the samples beyond the colours for extra ones by itself */
    d->extras_untold |= strncmp(text, "Sum of Photometric type-related", 31) == 0;
}

__attribute__((format(printf, 4, 0))) static int
on_error(TIFF *file, void *context, const char *module, const char *format, va_list args)
{
    (void)file, (void)module;
    note(context, true, format, args);
    return 1;
}

__attribute__((format(printf, 4, 0))) static int
on_warning(TIFF *file, void *context, const char *module, const char *format, va_list args)
{
    (void)file, (void)module;
    note(context, false, format, args);
    return 1;
}

static tm_status open_file(decoder *d)
{
    TIFFOpenOptions *options = lib.TIFFOpenOptionsAlloc();
    if (!options)
        return tm_fail(d->error, TM_NO_MEMORY, "%s: no memory to read a TIFF", d->in->name);
    lib.TIFFOpenOptionsSetMaxSingleMemAlloc(options, SINGLE_MOST);
    lib.TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, d);
    lib.TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, d);
    /* m: not mapped, but read as from a file */
    d->file = lib.TIFFClientOpenExt("TIFF", "rm", d, on_read, on_write, on_seek, on_close, on_size,
                                    NULL, NULL, options);
    lib.TIFFOpenOptionsFree(options);
    return d->file ? TM_OK
                   : tm_fail(d->error, TM_CORRUPT, "%s: TIFF: %s", d->in->name,
                             *d->said ? d->said : "it has no picture");
}

static tm_status fail_read(decoder *d)
{
    return tm_fail(d->error, TM_CORRUPT, "%s: TIFF: %s", d->in->name,
                   *d->said ? d->said : "the data of the picture is faulty");
}

/* ---- tags ---- */

static unsigned short_tag(decoder *d, uint32_t tag, unsigned otherwise)
{
    uint16_t value;
    return lib.TIFFGetFieldDefaulted(d->file, tag, &value) ? value : otherwise;
}

static void read_extras(decoder *d)
{
    uint16_t count = 0, *kinds = NULL;
    tm_tiff_tags *t = &d->tags;
    if (d->extras_untold || !lib.TIFFGetField(d->file, TIFFTAG_EXTRASAMPLES, &count, &kinds))
        return;
    t->extra_count = count;
    for (unsigned i = 0; i < count && i < TM_TIFF_EXTRAS; i++)
        t->extras[i] = kinds[i];
}

static tm_status read_palette(decoder *d)
{
    uint16_t *color[3];
    if (!lib.TIFFGetField(d->file, TIFFTAG_COLORMAP, &color[0], &color[1], &color[2]))
        return tm_fail(d->error, TM_CORRUPT, "%s: TIFF has no palette", d->in->name);
    for (size_t i = 0; i < (size_t)1 << d->pixels.bits; i++)
        for (int c = 0; c < 3; c++)
            d->pixels.palette.rgb[i][c] = (unsigned char)(color[c][i] >> 8);
    return TM_OK;
}

static tm_status read_tags(decoder *d)
{
    if (d->tags_faulty)
        return fail_read(d);
    if (!lib.TIFFGetField(d->file, TIFFTAG_IMAGEWIDTH, &d->width) ||
        !lib.TIFFGetField(d->file, TIFFTAG_IMAGELENGTH, &d->height))
        return tm_fail(d->error, TM_CORRUPT, "%s: TIFF has no size", d->in->name);
    d->compression = (uint16_t)short_tag(d, TIFFTAG_COMPRESSION, COMPRESSION_NONE);
    d->orientation = short_tag(d, TIFFTAG_ORIENTATION, 1);
    d->tags = (tm_tiff_tags){
        .big_endian = lib.TIFFIsBigEndian(d->file),
        .compressed = d->compression != COMPRESSION_NONE,
        .planes = short_tag(d, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE,
        .photometric = short_tag(d, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE),
        .format = short_tag(d, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT),
        .fill_order = short_tag(d, TIFFTAG_FILLORDER, FILLORDER_MSB2LSB),
        .bits = short_tag(d, TIFFTAG_BITSPERSAMPLE, 1),
        .samples = short_tag(d, TIFFTAG_SAMPLESPERPIXEL, 1)};
    read_extras(d);
    /* without a palette libtiff takes indices for gray values */
    if (tm_tiff_short(d->in->bytes, d->in->size, TIFFTAG_PHOTOMETRIC) == PHOTOMETRIC_PALETTE)
        d->tags.photometric = PHOTOMETRIC_PALETTE;
    if (d->compression == COMPRESSION_OJPEG)
        d->tags.photometric = PHOTOMETRIC_YCBCR;
    if (!lib.TIFFIsCODECConfigured(d->compression))
        return tm_fail(d->error, TM_UNSUPPORTED, "%s: TIFF has the compression %d, which %s lacks",
                       d->in->name, d->compression, TM_TIFF_LIBRARY);
    if (!tm_tiff_choose(&d->tags, &d->pixels))
        return tm_fail(d->error, TM_UNSUPPORTED,
                       "%s: TIFF has pixels of %u samples, %u bits, format %u, photometric %u, "
                       "which are none that are read",
                       d->in->name, d->tags.samples, d->tags.bits, d->tags.format,
                       d->tags.photometric);
    return d->pixels.has_palette ? read_palette(d) : TM_OK;
}

/* ---- blocks: strips or tiles ---- */

typedef struct blocks {
    bool tiled;
    uint32_t width, height; /* of a block */
    size_t size, row;       /* bytes, of one plane */
    unsigned planes;        /* read one by one and put together; 0: samples stand together */
    unsigned char *bytes, *mixed;
} blocks;

static tm_status fail_layout(const decoder *d)
{
    return tm_fail(d->error, TM_CORRUPT, "%s: TIFF: the strips or tiles are not of the picture",
                   d->in->name);
}

static tm_status measure(decoder *d, blocks *b)
{
    TIFF *file = d->file;
    b->tiled = lib.TIFFIsTiled(file);
    b->width = d->width;
    uint32_t rows = d->height;
    tmsize_t size = b->tiled ? lib.TIFFTileSize(file) : lib.TIFFStripSize(file);
    tmsize_t row = b->tiled ? lib.TIFFTileRowSize(file) : lib.TIFFScanlineSize(file);
    if (b->tiled && (!lib.TIFFGetField(file, TIFFTAG_TILEWIDTH, &b->width) ||
                     !lib.TIFFGetField(file, TIFFTAG_TILELENGTH, &rows)))
        return fail_layout(d);
    if (!b->tiled && lib.TIFFGetField(file, TIFFTAG_ROWSPERSTRIP, &rows) && rows > d->height)
        rows = d->height;
    b->height = rows;
    if (d->tags.planes && d->pixels.samples > 1) {
        bool colors = d->pixels.kind == TM_TIFF_COLOR || d->pixels.kind == TM_TIFF_INKS;
        b->planes = !colors ? 1 : d->pixels.samples < 4 ? d->pixels.samples : 4;
        d->pixels.samples = 1;
    }
    if (size < 1 || row < 1 || !b->width || !rows || b->width > INT_MAX ||
        (size_t)row < tm_tiff_row_bytes(&d->pixels, b->width) || size / row < rows)
        return fail_layout(d);
    b->size = (size_t)size;
    b->row = (size_t)row;
    return TM_OK;
}

static tm_status take_memory(decoder *d, blocks *b)
{
    size_t more = b->size, mixed = 0;
    bool fits =
        !b->planes || (tm_size_mul(b->width, b->height, &mixed) && tm_size_mul(mixed, 4, &mixed));
    size_t pixels = d->orientation > 1 ? 3 * (size_t)d->width * d->height : 0;
    fits = fits && tm_size_add(more, mixed, &more) && tm_size_add(more, pixels, &more) &&
           tm_size_add(more, (size_t)b->width * ROW_BYTES + TABLES, &more);
    tm_status status = tm_image_claim(d->in, d->width, d->height, fits ? more : SIZE_MAX, d->error);
    if (status != TM_OK)
        return status;
    b->bytes = calloc(1, b->size);
    b->mixed = b->planes ? calloc(1, mixed) : NULL;
    if (!b->bytes || (b->planes && !b->mixed))
        return tm_fail(d->error, TM_NO_MEMORY, "%s: no memory to decode a TIFF", d->in->name);
    return TM_OK;
}

static bool read_block(decoder *d, const blocks *b, uint32_t x, uint32_t y, unsigned plane)
{
    uint16_t p = (uint16_t)plane;
    if (b->tiled)
        return lib.TIFFReadTile(d->file, b->bytes, x, y, 0, p) >= 0;
    return lib.TIFFReadEncodedStrip(d->file, lib.TIFFComputeStrip(d->file, y, p), b->bytes,
                                    (tmsize_t)b->size) >= 0;
}

/* One plane's upper 8 bits, as a sample of four. */
static void mix(const decoder *d, const blocks *b, unsigned plane, size_t width, size_t height)
{
    unsigned bytes = d->pixels.bits / 8;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            const unsigned char *sample = b->bytes + y * b->row + x * bytes;
            uint16_t wide;
            memcpy(&wide, sample, bytes);
            b->mixed[4 * (y * b->width + x) + plane] =
                bytes == 1 ? *sample : (unsigned char)(wide >> 8);
        }
}

static bool put_block(decoder *d, const blocks *b, uint32_t x, uint32_t y)
{
    size_t width = d->width - x < b->width ? d->width - x : b->width;
    size_t height = d->height - y < b->height ? d->height - y : b->height;
    tm_tiff_pixels mixed = d->pixels, *pixels = b->planes > 1 ? &mixed : &d->pixels;
    const unsigned char *rows = b->planes > 1 ? b->mixed : b->bytes;
    size_t row = b->planes > 1 ? 4 * (size_t)b->width : b->row;
    mixed.bits = 8;
    mixed.samples = 4;
    for (unsigned plane = 0; plane < b->planes || plane == 0; plane++) {
        if (!read_block(d, b, x, y, plane))
            return false;
        if (b->planes > 1)
            mix(d, b, plane, width, height);
    }
    for (size_t i = 0; i < height; i++)
        tm_tiff_row(pixels, rows + i * row, width, d->out->rgb + ((y + i) * d->width + x) * 3);
    return true;
}

static tm_status read_blocks(decoder *d)
{
    blocks b = {0};
    tm_status status = measure(d, &b);
    if (status == TM_OK)
        status = take_memory(d, &b);
    if (status == TM_OK)
        status = tm_image_alloc(d->out, (int)d->width, (int)d->height, d->error);
    d->reading = true;
    for (uint32_t y = 0; status == TM_OK && y < d->height; y += b.height)
        for (uint32_t x = 0; status == TM_OK && x < d->width; x += b.width)
            if (!put_block(d, &b, x, y))
                status = fail_read(d);
    free(b.bytes);
    free(b.mixed);
    return status;
}

/* ---- luminance and colour differences ---- */

/* As many rows at once as a strip or a tile has. */
static tm_status read_as_rgba(decoder *d, TIFFRGBAImage *image, uint32_t rows)
{
    size_t raster = (size_t)d->width * rows * 4;
    tm_status status = tm_image_claim(
        d->in, d->width, d->height,
        2 * raster + (size_t)d->width * (ROW_BYTES + 3 * (size_t)d->height) + TABLES, d->error);
    if (status == TM_OK)
        status = tm_image_alloc(d->out, (int)d->width, (int)d->height, d->error);
    if (status != TM_OK)
        return status;
    uint32_t *pixels = malloc(raster);
    if (!pixels)
        return tm_fail(d->error, TM_NO_MEMORY, "%s: no memory to decode a TIFF", d->in->name);
    unsigned char *rgb = d->out->rgb;
    for (uint32_t y = 0; status == TM_OK && y < d->height; y += rows) {
        uint32_t here = d->height - y < rows ? d->height - y : rows;
        image->row_offset = (int)y;
        if (!lib.TIFFRGBAImageGet(image, pixels, d->width, here))
            status = fail_read(d);
        for (size_t i = 0; status == TM_OK && i < (size_t)d->width * here; i++, rgb += 3) {
            rgb[0] = (unsigned char)TIFFGetR(pixels[i]);
            rgb[1] = (unsigned char)TIFFGetG(pixels[i]);
            rgb[2] = (unsigned char)TIFFGetB(pixels[i]);
        }
    }
    free(pixels);
    return status;
}

static tm_status read_luminance(decoder *d)
{
    TIFFRGBAImage image;
    char why[1024] = "";
    uint32_t rows = d->height;
    uint32_t tag = lib.TIFFIsTiled(d->file) ? TIFFTAG_TILELENGTH : TIFFTAG_ROWSPERSTRIP;
    if (!d->tags.compressed)
        return tm_fail(d->error, TM_UNSUPPORTED,
                       "%s: TIFF has colour differences that are not compressed, which are not "
                       "read",
                       d->in->name);
    if (!lib.TIFFGetFieldDefaulted(d->file, tag, &rows) || !rows || rows > d->height)
        rows = d->height;
    if (!lib.TIFFRGBAImageOK(d->file, why) || !lib.TIFFRGBAImageBegin(&image, d->file, 0, why))
        return fail_read(d);
    image.orientation = image.req_orientation = ORIENTATION_TOPLEFT;
    image.col_offset = 0;
    d->reading = true;
    tm_status status = read_as_rgba(d, &image, rows);
    lib.TIFFRGBAImageEnd(&image);
    return status;
}

static tm_status read_pixels(decoder *d)
{
    bool differences = d->tags.photometric == PHOTOMETRIC_YCBCR && d->pixels.samples == 3;
    if (!differences)
        return read_blocks(d);
    if (d->compression != COMPRESSION_JPEG || d->tags.planes)
        return read_luminance(d);
    lib.TIFFSetField(d->file, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    return read_blocks(d);
}

static tm_status decode_file(decoder *d)
{
    tm_status status = read_tags(d);
    if (status == TM_OK)
        status = tm_image_check_size(d->in->name, d->width, d->height, d->in->max_pixels, d->error);
    if (status == TM_OK)
        status = read_pixels(d);
    if (status == TM_OK && d->faults && d->in->strict)
        status = fail_read(d);
    if (status == TM_OK && d->orientation >= 2 && d->orientation <= 8)
        status = tm_image_orient(d->out, (int)d->orientation, d->error);
    if (status != TM_OK)
        return status;
    d->out->warnings = d->faults;
    d->out->clipped = d->pixels.clipped;
    return TM_OK;
}

static tm_status decode(const tm_codec_input *in, tm_image *out, int *orientation, tm_error *error)
{
    (void)orientation;
    decoder d = {.in = in, .out = out, .error = error};
    tm_status status = tm_codec_open(&library, &tm_codec_tiff, in->name, error);
    if (status == TM_OK)
        status = open_file(&d);
    if (status != TM_OK)
        return status;
    status = decode_file(&d);
    lib.TIFFClose(d.file);
    return status;
}
#endif

static bool begins(const unsigned char *bytes, size_t size)
{
    return TM_BEGINS(bytes, size, "II*\0") || TM_BEGINS(bytes, size, "MM\0*") ||
           TM_BEGINS(bytes, size, "II+\0") || TM_BEGINS(bytes, size, "MM\0+");
}

const tm_codec tm_codec_tiff = {
    .title = "TIFF",
    .endings = ".tif .tiff",
    .begins = begins,
#ifdef TM_TIFF_LIBRARY
    .library = TM_TIFF_LIBRARY,
    .package = "libtiff6",
    .decode = decode,
#else
    .package = "libtiff-dev",
#endif
};
