/* SPDX-License-Identifier: Apache-2.0 */
/* WebP through libwebp: the first frame on a black canvas, as Pillow's decoder of animations. */
#include "image/codec.h"

#ifdef TM_WEBP_LIBRARY

#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "image/optional.h"

#define FUNCTIONS(X)                                                                               \
    X(WebPDemuxInternal, WebPDemuxer *, (const WebPData *, int, WebPDemuxState *, int))            \
    X(WebPDemuxDelete, void, (WebPDemuxer *))                                                      \
    X(WebPDemuxGetI, uint32_t, (const WebPDemuxer *, WebPFormatFeature))                           \
    X(WebPDemuxGetFrame, int, (const WebPDemuxer *, int, WebPIterator *))                          \
    X(WebPDemuxReleaseIterator, void, (WebPIterator *))                                            \
    X(WebPDemuxGetChunk, int, (const WebPDemuxer *, const char[4], int, WebPChunkIterator *))      \
    X(WebPDemuxReleaseChunkIterator, void, (WebPChunkIterator *))                                  \
    X(WebPInitDecoderConfigInternal, int, (WebPDecoderConfig *, int))                              \
    X(WebPDecode, VP8StatusCode, (const uint8_t *, size_t, WebPDecoderConfig *))

static struct {
    FUNCTIONS(TM_CODEC_POINTER)
} lib;
static const tm_codec_function functions[] = {FUNCTIONS(TM_CODEC_ROW)};
static tm_codec_library library = TM_CODEC_LIBRARY(functions);

/* What decoding takes beside the pixels: without loss, all of them as 4 bytes and their transform;
 * rows and tables otherwise. */
enum { PIXEL_BYTES = 8, TABLES = 4 << 20, ROW_BYTES = 512 };

static tm_status fail_decode(VP8StatusCode code, const char *name, tm_error *error)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory to decode a WebP picture", name);
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return tm_fail(error, TM_UNSUPPORTED, "%s: WebP: a feature that libwebp lacks", name);
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return tm_fail(error, TM_TRUNCATED, "%s: WebP data ends early", name);
    default:
        return tm_fail(error, TM_CORRUPT, "%s: WebP: the data of the picture is faulty", name);
    }
}

/* Straight into the canvas, which it must not leave. */
static tm_status decode_frame(const tm_codec_input *in, const WebPIterator *frame, tm_image *out,
                              tm_error *error)
{
    WebPDecoderConfig config;
    if (!lib.WebPInitDecoderConfigInternal(&config, WEBP_DECODER_ABI_VERSION))
        return tm_fail(error, TM_UNSUPPORTED, "%s: WebP: %s is of another version", in->name,
                       TM_WEBP_LIBRARY);
    int x = frame->x_offset, y = frame->y_offset;
    if (x < 0 || y < 0 || frame->width < 1 || frame->height < 1 || frame->width > out->width - x ||
        frame->height > out->height - y)
        return tm_fail(error, TM_CORRUPT, "%s: WebP: the first frame lies outside of the picture",
                       in->name);
    size_t row = (size_t)out->width * 3;
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = out->rgb + (size_t)y * row + (size_t)x * 3;
    config.output.u.RGBA.stride = (int)row;
    config.output.u.RGBA.size = row * (size_t)(frame->height - 1) + (size_t)frame->width * 3;
    VP8StatusCode code = lib.WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
    return code == VP8_STATUS_OK ? TM_OK : fail_decode(code, in->name, error);
}

static void read_orientation(const WebPDemuxer *file, int *orientation)
{
    WebPChunkIterator chunk;
    if (!lib.WebPDemuxGetChunk(file, "EXIF", 1, &chunk))
        return;
    *orientation = tm_exif_orientation(chunk.chunk.bytes, chunk.chunk.size);
    lib.WebPDemuxReleaseChunkIterator(&chunk);
}

static tm_status decode_file(const tm_codec_input *in, const WebPDemuxer *file, tm_image *out,
                             int *orientation, tm_error *error)
{
    size_t width = lib.WebPDemuxGetI(file, WEBP_FF_CANVAS_WIDTH);
    size_t height = lib.WebPDemuxGetI(file, WEBP_FF_CANVAS_HEIGHT);
    tm_status status = tm_image_check_size(in->name, width, height, in->max_pixels, error);
    if (status == TM_OK)
        status = tm_image_claim(in, width, height,
                                width * height * PIXEL_BYTES + width * ROW_BYTES + TABLES, error);
    if (status == TM_OK)
        status = tm_image_alloc(out, (int)width, (int)height, error);
    if (status != TM_OK)
        return status;
    memset(out->rgb, 0, width * height * 3);
    read_orientation(file, orientation);
    WebPIterator frame;
    if (!lib.WebPDemuxGetFrame(file, 1, &frame))
        return tm_fail(error, TM_CORRUPT, "%s: WebP has no frame", in->name);
    status = decode_frame(in, &frame, out, error);
    lib.WebPDemuxReleaseIterator(&frame);
    return status;
}

static tm_status decode(const tm_codec_input *in, tm_image *out, int *orientation, tm_error *error)
{
    tm_status status = tm_codec_open(&library, &tm_codec_webp, in->name, error);
    if (status != TM_OK)
        return status;
    WebPDemuxState state;
    WebPData data = {in->bytes, in->size};
    WebPDemuxer *file = lib.WebPDemuxInternal(&data, 0, &state, WEBP_DEMUX_ABI_VERSION);
    if (!file)
        return state == WEBP_DEMUX_PARSE_ERROR
                   ? tm_fail(error, TM_CORRUPT, "%s: WebP: the container is faulty", in->name)
                   : tm_fail(error, TM_TRUNCATED, "%s: WebP data ends early at byte %zu", in->name,
                             in->size);
    status = decode_file(in, file, out, orientation, error);
    lib.WebPDemuxDelete(file);
    return status;
}
#endif

static bool begins(const unsigned char *bytes, size_t size)
{
    return TM_BEGINS(bytes, size, "RIFF") && size >= 12 && TM_BEGINS(bytes + 8, size - 8, "WEBP");
}

const tm_codec tm_codec_webp = {
    .title = "WebP",
    .endings = ".webp",
    .begins = begins,
#ifdef TM_WEBP_LIBRARY
    .library = TM_WEBP_LIBRARY,
    .package = "libwebpdemux2",
    .decode = decode,
#else
    .package = "libwebp-dev",
#endif
};
