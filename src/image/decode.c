/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/magic.h"
#include "image/codec.h"

static const tm_codec *const codecs[] = {
#define TM_CODEC(id) &tm_codec_##id,
#include "image/codecs.def"
#undef TM_CODEC
};
enum { CODEC_COUNT = sizeof codecs / sizeof *codecs };

static const tm_codec *find_codec(const unsigned char *bytes, size_t size)
{
    for (int i = 0; i < CODEC_COUNT; i++)
        if (size >= codecs[i]->magic_size &&
            memcmp(bytes, codecs[i]->magic, codecs[i]->magic_size) == 0)
            return codecs[i];
    return NULL;
}

bool tm_image_may_be(const unsigned char *bytes, size_t size)
{
    return size < sizeof codecs[0]->magic || find_codec(bytes, size);
}

static tm_status fail_unknown(const unsigned char *bytes, size_t size, const char *name,
                              tm_error *error)
{
    char found[32] = "", expected[128] = "";
    for (size_t i = 0; i < size && i < 8; i++)
        snprintf(found + 3 * i, sizeof found - 3 * i, " %02x", bytes[i]);
    for (int i = 0; i < CODEC_COUNT; i++) {
        size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%s%s", i ? " or " : "",
                 codecs[i]->title);
    }
    tm_magic magic;
    if (tm_magic_find(bytes, size, TM_MAGIC_PICTURE, &magic) && *magic.advice)
        return tm_fail(error, TM_NOT_IMAGE, "%s: is %s, expected %s: %s", name, magic.name,
                       expected, magic.advice);
    return tm_fail(error, TM_NOT_IMAGE, "%s: starts with%s, expected %s", name, found, expected);
}

tm_status tm_image_decode(const unsigned char *bytes, size_t size, const char *name,
                          const tm_decode_options *options, tm_image *out, tm_error *error)
{
    *out = (tm_image){0};
    if (!size)
        return tm_fail(error, TM_EMPTY, "%s: file is empty, expected a picture", name);
    const tm_codec *codec = find_codec(bytes, size);
    if (!codec)
        return fail_unknown(bytes, size, name, error);
    tm_share share = {.budget = options && options->memory ? &options->memory->pixels : NULL};
    tm_codec_input in = {.bytes = bytes,
                         .size = size,
                         .name = name,
                         .max_pixels = options ? options->max_pixels : 0,
                         .least = options ? options->least : 0,
                         .strict = options && options->strict,
                         .copies = options && options->exif_orient ? 2 : 1,
                         .share = &share};
    int orientation = 1;
    tm_status status = codec->decode(&in, out, &orientation, error);
    if (status == TM_OK && options && options->exif_orient)
        status = tm_image_orient(out, orientation, error);
    else
        out->orientation = orientation;
    if (status == TM_OK)
        tm_share_resize(&share, (size_t)out->width * (size_t)out->height * 3);
    out->share = share;
    if (status != TM_OK)
        tm_image_free(out);
    return status;
}
