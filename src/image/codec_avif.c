/* SPDX-License-Identifier: Apache-2.0 */
/* AVIF through libavif: the first frame. */
#include "image/codec.h"
#include "image/ftyp.h"

#ifdef TM_AVIF_LIBRARY

#include <limits.h>
#include <stdlib.h>

#include <avif/avif.h>

#include "image/optional.h"

#define FUNCTIONS(X)                                                                               \
    X(avifDecoderCreate, avifDecoder *, (void))                                                    \
    X(avifDecoderDestroy, void, (avifDecoder *))                                                   \
    X(avifDecoderSetIOMemory, avifResult, (avifDecoder *, const uint8_t *, size_t))                \
    X(avifDecoderParse, avifResult, (avifDecoder *))                                               \
    X(avifDecoderNextImage, avifResult, (avifDecoder *))                                           \
    X(avifRGBImageSetDefaults, void, (avifRGBImage *, const avifImage *))                          \
    X(avifImageYUVToRGB, avifResult, (const avifImage *, avifRGBImage *))                          \
    X(avifResultToString, const char *, (avifResult))

static struct {
    FUNCTIONS(TM_CODEC_POINTER)
} lib;
static const tm_codec_function functions[] = {FUNCTIONS(TM_CODEC_ROW)};
static tm_codec_library library = TM_CODEC_LIBRARY(functions);

/* Planes of up to 2 bytes, twice where the picture is put together from parts, and what the decoder
 * of AV1 keeps; with alpha, the pixels once more. */
enum { PIXEL_BYTES = 24, TABLES = 16 << 20 };

static tm_status fail_avif(const tm_codec_input *in, avifResult result, tm_error *error)
{
    tm_status status = result == AVIF_RESULT_OUT_OF_MEMORY        ? TM_NO_MEMORY
                       : result == AVIF_RESULT_TRUNCATED_DATA     ? TM_TRUNCATED
                       : result == AVIF_RESULT_NO_CODEC_AVAILABLE ? TM_UNSUPPORTED
                                                                  : TM_CORRUPT;
    return tm_fail(error, status, "%s: AVIF: %s", in->name, lib.avifResultToString(result));
}

/* How the picture is to be turned, as EXIF says it. */
static int orientation_of(const avifImage *image)
{
    static const int turned[4][3] = {{1, 4, 2}, {8, 5, 7}, {3, 2, 4}, {6, 7, 5}};
#if AVIF_VERSION_MAJOR >= 1
    int axis = image->imir.axis;
#else
    int axis = image->imir.mode;
#endif
    int angle = image->transformFlags & AVIF_TRANSFORM_IROT ? image->irot.angle & 3 : 0;
    return turned[angle][image->transformFlags & AVIF_TRANSFORM_IMIR ? 1 + (axis & 1) : 0];
}

/* With alpha by way of RGBA, so that what it was multiplied by is undone. */
static tm_status to_rgb(const tm_codec_input *in, const avifDecoder *d, tm_image *out,
                        tm_error *error)
{
    avifRGBImage rgb;
    lib.avifRGBImageSetDefaults(&rgb, d->image);
    size_t pixels = (size_t)out->width * (size_t)out->height;
    unsigned char *wide = d->alphaPresent ? malloc(4 * pixels) : NULL;
    if (d->alphaPresent && !wide)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory to decode an AVIF picture", in->name);
    rgb.depth = 8;
    rgb.format = wide ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
    rgb.pixels = wide ? wide : out->rgb;
    rgb.rowBytes = (uint32_t)out->width * (wide ? 4 : 3);
    avifResult result = lib.avifImageYUVToRGB(d->image, &rgb);
    for (size_t i = 0; wide && i < pixels; i++)
        memcpy(out->rgb + 3 * i, wide + 4 * i, 3);
    free(wide);
    return result == AVIF_RESULT_OK ? TM_OK : fail_avif(in, result, error);
}

static tm_status read_frame(const tm_codec_input *in, avifDecoder *d, tm_image *out,
                            int *orientation, tm_error *error)
{
    avifResult result = lib.avifDecoderSetIOMemory(d, in->bytes, in->size);
    if (result == AVIF_RESULT_OK)
        result = lib.avifDecoderParse(d);
    if (result != AVIF_RESULT_OK)
        return fail_avif(in, result, error);
    size_t width = d->image->width, height = d->image->height;
    tm_status status = tm_image_check_size(in->name, width, height, in->max_pixels, error);
    if (status == TM_OK)
        status = tm_image_claim(in, width, height, width * height * PIXEL_BYTES + TABLES, error);
    if (status != TM_OK)
        return status;
    result = lib.avifDecoderNextImage(d);
    if (result != AVIF_RESULT_OK)
        return fail_avif(in, result, error);
    if (d->image->width != width || d->image->height != height)
        return tm_fail(error, TM_CORRUPT, "%s: AVIF of %zu x %zu has a picture of %u x %u",
                       in->name, width, height, d->image->width, d->image->height);
    status = tm_image_alloc(out, (int)width, (int)height, error);
    *orientation = orientation_of(d->image);
    return status == TM_OK ? to_rgb(in, d, out, error) : status;
}

/* As strict as Pillow. */
static tm_status decode(const tm_codec_input *in, tm_image *out, int *orientation, tm_error *error)
{
    tm_status status = tm_codec_open(&library, &tm_codec_avif, in->name, error);
    if (status != TM_OK)
        return status;
    avifDecoder *d = lib.avifDecoderCreate();
    if (!d)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory to decode an AVIF picture", in->name);
    d->maxThreads = 1;
    d->strictFlags &= ~(avifStrictFlags)(AVIF_STRICT_CLAP_VALID | AVIF_STRICT_PIXI_REQUIRED);
    d->ignoreExif = d->ignoreXMP = AVIF_TRUE;
    status = read_frame(in, d, out, orientation, error);
    lib.avifDecoderDestroy(d);
    return status;
}
#endif

static bool begins(const unsigned char *bytes, size_t size)
{
    bool container = tm_brand_is(bytes, size, "mif1") || tm_brand_is(bytes, size, "msf1");
    return tm_brand_is(bytes, size, "avif") || tm_brand_is(bytes, size, "avis") ||
           (container && (tm_has_brand(bytes, size, "avif") || tm_has_brand(bytes, size, "avis")));
}

const tm_codec tm_codec_avif = {
    .title = "AVIF",
    .endings = ".avif",
    .begins = begins,
#ifdef TM_AVIF_LIBRARY
    .library = TM_AVIF_LIBRARY,
    .package = "libavif15",
    .decode = decode,
#else
    .package = "libavif-dev",
#endif
};
