/* SPDX-License-Identifier: Apache-2.0 */
/* HEIF (HEIC) through libheif: the primary picture, turned as the file says, which libheif does. */
#include "image/codec.h"
#include "image/ftyp.h"

#ifdef TM_HEIF_LIBRARY

#include <libheif/heif.h>

#include "image/optional.h"

#define FUNCTIONS(X)                                                                               \
    X(heif_context_alloc, struct heif_context *, (void))                                           \
    X(heif_context_free, void, (struct heif_context *))                                            \
    X(heif_context_set_max_decoding_threads, void, (struct heif_context *, int))                   \
    X(heif_context_set_maximum_image_size_limit, void, (struct heif_context *, int))               \
    X(heif_context_read_from_memory_without_copy, struct heif_error,                               \
      (struct heif_context *, const void *, size_t, const struct heif_reading_options *))          \
    X(heif_context_get_primary_image_handle, struct heif_error,                                    \
      (struct heif_context *, struct heif_image_handle **))                                        \
    X(heif_image_handle_release, void, (const struct heif_image_handle *))                         \
    X(heif_image_handle_get_width, int, (const struct heif_image_handle *))                        \
    X(heif_image_handle_get_height, int, (const struct heif_image_handle *))                       \
    X(heif_image_handle_get_ispe_width, int, (const struct heif_image_handle *))                   \
    X(heif_image_handle_get_ispe_height, int, (const struct heif_image_handle *))                  \
    X(heif_decoding_options_alloc, struct heif_decoding_options *, (void))                         \
    X(heif_decoding_options_free, void, (struct heif_decoding_options *))                          \
    X(heif_decode_image, struct heif_error,                                                        \
      (const struct heif_image_handle *, struct heif_image **, enum heif_colorspace,               \
       enum heif_chroma, const struct heif_decoding_options *))                                    \
    X(heif_image_get_width, int, (const struct heif_image *, enum heif_channel))                   \
    X(heif_image_get_height, int, (const struct heif_image *, enum heif_channel))                  \
    X(heif_image_get_plane_readonly, const uint8_t *,                                              \
      (const struct heif_image *, enum heif_channel, int *))                                       \
    X(heif_image_get_decoding_warnings, int, (struct heif_image *, int, struct heif_error *, int)) \
    X(heif_image_release, void, (const struct heif_image *))

static struct {
    FUNCTIONS(TM_CODEC_POINTER)
} lib;
static const tm_codec_function functions[] = {FUNCTIONS(TM_CODEC_ROW)};
static tm_codec_library library = TM_CODEC_LIBRARY(functions);

/* Planes of up to 2 bytes, before and after they are put together and turned, and the pixels. */
enum { PIXEL_BYTES = 24, TABLES = 16 << 20 };

/* The tiles of a small picture may be larger than it is; where a plane has 2 GB, libheif writes
 * beside it. */
enum { SIDE_LEAST = 4096, SIDE_MAX = 16384 };

static tm_status fail_heif(const tm_codec_input *in, struct heif_error found, tm_error *error)
{
    tm_status status = TM_CORRUPT;
    if (found.subcode == heif_suberror_Security_limit_exceeded)
        return tm_fail(error, TM_TOO_LARGE,
                       "%s: HEIF: parts of the picture are larger than it says", in->name);
    if (found.code == heif_error_Unsupported_filetype ||
        found.code == heif_error_Unsupported_feature)
        status = TM_UNSUPPORTED;
    else if (found.code == heif_error_Memory_allocation_error)
        status = TM_NO_MEMORY;
    else if (found.subcode == heif_suberror_End_of_data)
        status = TM_TRUNCATED;
    return tm_fail(error, status, "%s: HEIF: %.200s", in->name, found.message);
}

static tm_status copy_rows(const tm_codec_input *in, const struct heif_image *picture,
                           tm_image *out, tm_error *error)
{
    int stride = 0, width = lib.heif_image_get_width(picture, heif_channel_interleaved);
    int height = lib.heif_image_get_height(picture, heif_channel_interleaved);
    const uint8_t *rows =
        lib.heif_image_get_plane_readonly(picture, heif_channel_interleaved, &stride);
    if (!rows || width != out->width || height != out->height || stride < 3 * width)
        return tm_fail(error, TM_CORRUPT, "%s: HEIF of %d x %d has a picture of %d x %d", in->name,
                       out->width, out->height, width, height);
    size_t row = 3 * (size_t)width;
    for (size_t y = 0; y < (size_t)height; y++)
        memcpy(out->rgb + y * row, rows + y * (size_t)stride, row);
    return TM_OK;
}

/* A grid is of the size that its data says, whatever the file says of it: no side may be longer
 * than what was claimed. */
static tm_status limit_sides(const tm_codec_input *in, struct heif_context *context,
                             const struct heif_image_handle *handle, tm_error *error)
{
    int side = lib.heif_image_handle_get_ispe_width(handle);
    int height = lib.heif_image_handle_get_ispe_height(handle);
    side = height > side ? height : side;
    if (side > SIDE_MAX)
        return tm_fail(error, TM_TOO_LARGE,
                       "%s: HEIF with a side of %d pixels, expected at most %d", in->name, side,
                       SIDE_MAX);
    lib.heif_context_set_maximum_image_size_limit(context, side > SIDE_LEAST ? side : SIDE_LEAST);
    return TM_OK;
}

static tm_status decode_picture(const tm_codec_input *in, const struct heif_image_handle *handle,
                                tm_image *out, tm_error *error)
{
    int width = lib.heif_image_handle_get_width(handle);
    int height = lib.heif_image_handle_get_height(handle);
    size_t w = width < 0 ? 0 : (size_t)width, h = height < 0 ? 0 : (size_t)height;
    tm_status status = tm_image_check_size(in->name, w, h, in->max_pixels, error);
    if (status == TM_OK)
        status = tm_image_claim(in, w, h, w * h * PIXEL_BYTES + TABLES, error);
    if (status == TM_OK)
        status = tm_image_alloc(out, width, height, error);
    struct heif_decoding_options *options =
        status == TM_OK ? lib.heif_decoding_options_alloc() : NULL;
    if (status == TM_OK && !options)
        status = tm_fail(error, TM_NO_MEMORY, "%s: no memory to decode HEIF", in->name);
    if (status != TM_OK)
        return status;
    options->convert_hdr_to_8bit = 1;
    options->strict_decoding = in->strict;
    struct heif_image *picture = NULL;
    struct heif_error found = lib.heif_decode_image(handle, &picture, heif_colorspace_RGB,
                                                    heif_chroma_interleaved_RGB, options);
    lib.heif_decoding_options_free(options);
    if (found.code != heif_error_Ok)
        return fail_heif(in, found, error);
    out->warnings = lib.heif_image_get_decoding_warnings(picture, 0, NULL, 0);
    status = copy_rows(in, picture, out, error);
    lib.heif_image_release(picture);
    return status;
}

static tm_status decode(const tm_codec_input *in, tm_image *out, int *orientation, tm_error *error)
{
    (void)orientation;
    tm_status status = tm_codec_open(&library, &tm_codec_heif, in->name, error);
    if (status != TM_OK)
        return status;
    struct heif_context *context = lib.heif_context_alloc();
    if (!context)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory to decode HEIF", in->name);
    lib.heif_context_set_max_decoding_threads(context, 0); /* the caller's */
    struct heif_image_handle *handle = NULL;
    struct heif_error found =
        lib.heif_context_read_from_memory_without_copy(context, in->bytes, in->size, NULL);
    if (found.code == heif_error_Ok)
        found = lib.heif_context_get_primary_image_handle(context, &handle);
    if (found.code == heif_error_Ok) {
        status = limit_sides(in, context, handle, error);
        if (status == TM_OK)
            status = decode_picture(in, handle, out, error);
        lib.heif_image_handle_release(handle);
    } else {
        status = fail_heif(in, found, error);
    }
    lib.heif_context_free(context);
    return status;
}
#endif

/* Behind AVIF in the list, which has some of these brands too. */
static bool begins(const unsigned char *bytes, size_t size)
{
    static const char brands[][5] = {"heic", "heix", "hevc", "hevx",
                                     "heim", "heis", "mif1", "msf1"};
    for (size_t i = 0; i < sizeof brands / sizeof *brands; i++)
        if (tm_brand_is(bytes, size, brands[i]))
            return true;
    return false;
}

const tm_codec tm_codec_heif = {
    .title = "HEIF",
    .endings = ".heic .heif",
    .begins = begins,
#ifdef TM_HEIF_LIBRARY
    .library = TM_HEIF_LIBRARY,
    .package = "libheif1",
    .decode = decode,
#else
    .package = "libheif-dev",
#endif
};
