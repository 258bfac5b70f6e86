/* SPDX-License-Identifier: Apache-2.0 */
/* JPEG XL through libjxl: the first frame, in the colours that the decoder gives of itself. */
#include "image/codec.h"

#ifdef TM_JXL_LIBRARY

#include <jxl/decode.h>

#include "base/memory.h"
#include "image/optional.h"

#define FUNCTIONS(X)                                                                               \
    X(JxlDecoderCreate, JxlDecoder *, (const JxlMemoryManager *))                                  \
    X(JxlDecoderDestroy, void, (JxlDecoder *))                                                     \
    X(JxlDecoderSubscribeEvents, JxlDecoderStatus, (JxlDecoder *, int))                            \
    X(JxlDecoderSetKeepOrientation, JxlDecoderStatus, (JxlDecoder *, JXL_BOOL))                    \
    X(JxlDecoderSetInput, JxlDecoderStatus, (JxlDecoder *, const uint8_t *, size_t))               \
    X(JxlDecoderCloseInput, void, (JxlDecoder *))                                                  \
    X(JxlDecoderProcessInput, JxlDecoderStatus, (JxlDecoder *))                                    \
    X(JxlDecoderGetBasicInfo, JxlDecoderStatus, (const JxlDecoder *, JxlBasicInfo *))              \
    X(JxlDecoderImageOutBufferSize, JxlDecoderStatus,                                              \
      (const JxlDecoder *, const JxlPixelFormat *, size_t *))                                      \
    X(JxlDecoderSetImageOutBuffer, JxlDecoderStatus,                                               \
      (JxlDecoder *, const JxlPixelFormat *, void *, size_t))

static struct {
    FUNCTIONS(TM_CODEC_POINTER)
} lib;
static const tm_codec_function functions[] = {FUNCTIONS(TM_CODEC_ROW)};
static tm_codec_library library = TM_CODEC_LIBRARY(functions);

/* Of each channel of a pixel: floats, of several stages. */
enum { CHANNEL_BYTES = 16, TABLES = 32 << 20 };

static const JxlPixelFormat rgb8 = {
    .num_channels = 3, .data_type = JXL_TYPE_UINT8, .endianness = JXL_NATIVE_ENDIAN};

static tm_status take_picture(const tm_codec_input *in, JxlDecoder *d, tm_image *out,
                              int *orientation, tm_error *error)
{
    JxlBasicInfo info;
    if (lib.JxlDecoderGetBasicInfo(d, &info) != JXL_DEC_SUCCESS)
        return tm_fail(error, TM_CORRUPT, "%s: JPEG XL: the header is faulty", in->name);
    size_t width = info.xsize, height = info.ysize, more;
    tm_status status = tm_image_check_size(in->name, width, height, in->max_pixels, error);
    if (status != TM_OK)
        return status;
    bool fits = tm_size_mul(width * height, (size_t)3 + info.num_extra_channels, &more) &&
                tm_size_mul(more, CHANNEL_BYTES, &more) && tm_size_add(more, TABLES, &more);
    status = tm_image_claim(in, width, height, fits ? more : SIZE_MAX, error);
    if (status == TM_OK)
        status = tm_image_alloc(out, (int)width, (int)height, error);
    if (info.orientation >= 1 && info.orientation <= 8)
        *orientation = (int)info.orientation;
    return status;
}

static tm_status give_buffer(const tm_codec_input *in, JxlDecoder *d, tm_image *out,
                             tm_error *error)
{
    size_t have = 3 * (size_t)out->width * (size_t)out->height, need = 0;
    if (out->rgb && lib.JxlDecoderImageOutBufferSize(d, &rgb8, &need) == JXL_DEC_SUCCESS &&
        need <= have &&
        lib.JxlDecoderSetImageOutBuffer(d, &rgb8, out->rgb, have) == JXL_DEC_SUCCESS)
        return TM_OK;
    return tm_fail(error, TM_CORRUPT, "%s: JPEG XL: the frame is none of the picture's size",
                   in->name);
}

static tm_status run(const tm_codec_input *in, JxlDecoder *d, tm_image *out, int *orientation,
                     tm_error *error)
{
    tm_status status = TM_OK;
    while (status == TM_OK) {
        switch (lib.JxlDecoderProcessInput(d)) {
        case JXL_DEC_BASIC_INFO:
            status = take_picture(in, d, out, orientation, error);
            break;
        case JXL_DEC_NEED_IMAGE_OUT_BUFFER:
            status = give_buffer(in, d, out, error);
            break;
        case JXL_DEC_FULL_IMAGE:
            return TM_OK;
        case JXL_DEC_NEED_MORE_INPUT:
            return tm_fail(error, TM_TRUNCATED, "%s: JPEG XL data ends early at byte %zu", in->name,
                           in->size);
        default:
            return tm_fail(error, TM_CORRUPT, "%s: JPEG XL: the data of the picture is faulty",
                           in->name);
        }
    }
    return status;
}

static tm_status decode(const tm_codec_input *in, tm_image *out, int *orientation, tm_error *error)
{
    tm_status status = tm_codec_open(&library, &tm_codec_jxl, in->name, error);
    if (status != TM_OK)
        return status;
    JxlDecoder *d = lib.JxlDecoderCreate(NULL);
    if (!d ||
        lib.JxlDecoderSubscribeEvents(d, JXL_DEC_BASIC_INFO | JXL_DEC_FULL_IMAGE) !=
            JXL_DEC_SUCCESS ||
        lib.JxlDecoderSetKeepOrientation(d, JXL_TRUE) != JXL_DEC_SUCCESS ||
        lib.JxlDecoderSetInput(d, in->bytes, in->size) != JXL_DEC_SUCCESS) {
        status = tm_fail(error, TM_NO_MEMORY, "%s: no memory to decode JPEG XL", in->name);
    } else {
        lib.JxlDecoderCloseInput(d);
        status = run(in, d, out, orientation, error);
    }
    if (d)
        lib.JxlDecoderDestroy(d);
    return status;
}
#endif

static bool begins(const unsigned char *bytes, size_t size)
{
    return TM_BEGINS(bytes, size, "\xFF\x0A") || TM_BEGINS(bytes, size, "\0\0\0\x0CJXL \r\n\x87\n");
}

const tm_codec tm_codec_jxl = {
    .title = "JPEG XL",
    .endings = ".jxl",
    .begins = begins,
#ifdef TM_JXL_LIBRARY
    .library = TM_JXL_LIBRARY,
    .package = "libjxl0.7",
    .decode = decode,
#else
    .package = "libjxl-dev",
#endif
};
