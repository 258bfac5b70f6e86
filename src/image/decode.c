/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/magic.h"
#include "image/codec.h"

static const tm_codec *const codecs[] = {
#define TM_CODEC(id) &tm_codec_##id,
#include "image/codecs.def"
#undef TM_CODEC
};
enum { CODEC_COUNT = sizeof codecs / sizeof *codecs };

/* Also one that the build cannot read. */
static const tm_codec *find_codec(const unsigned char *bytes, size_t size)
{
    for (int i = 0; i < CODEC_COUNT; i++)
        if (codecs[i]->begins(bytes, size))
            return codecs[i];
    return NULL;
}

bool tm_image_may_be(const unsigned char *bytes, size_t size)
{
    return size < TM_IMAGE_HEAD || find_codec(bytes, size);
}

bool tm_image_has_ending(const char *name)
{
    const char *dot = strrchr(name, '.');
    size_t length = dot ? strlen(dot) : 0;
    for (int i = 0; i < CODEC_COUNT && length > 1 && dot > name; i++)
        for (const char *ending = codecs[i]->decode ? codecs[i]->endings : ""; *ending;) {
            size_t there = strcspn(ending, " ");
            if (there == length && strncasecmp(dot, ending, length) == 0)
                return true;
            ending += there + strspn(ending + there, " ");
        }
    return false;
}

bool tm_image_format_at(size_t index, tm_image_format *format)
{
    if (index >= CODEC_COUNT)
        return false;
    const tm_codec *codec = codecs[index];
    *format = (tm_image_format){codec->title, codec->library, codec->package, codec->decode};
    return true;
}

/* "PNG, JPEG or BMP": what this build reads. */
static void list_titles(char *text, size_t size)
{
    const char *last = NULL;
    size_t used = 0;
    for (int i = 0; i < CODEC_COUNT; i++) {
        if (!codecs[i]->decode)
            continue;
        if (last && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", last);
        last = codecs[i]->title;
    }
    if (last && used < size)
        snprintf(text + used, size - used, " or %s", last);
}

static tm_status fail_unknown(const unsigned char *bytes, size_t size, const char *name,
                              tm_error *error)
{
    char found[32] = "", expected[128] = "";
    for (size_t i = 0; i < size && i < 8; i++)
        snprintf(found + 3 * i, sizeof found - 3 * i, " %02x", bytes[i]);
    list_titles(expected, sizeof expected);
    tm_magic magic;
    if (tm_magic_find(bytes, size, TM_MAGIC_PICTURE, &magic) && *magic.advice)
        return tm_fail(error, TM_NOT_IMAGE, "%s: is %s, expected %s: %s", name, magic.name,
                       expected, magic.advice);
    return tm_fail(error, TM_NOT_IMAGE, "%s: starts with%s, expected %s", name, found, expected);
}

static tm_status fail_not_built(const tm_codec *codec, const char *name, tm_error *error)
{
    return tm_fail(error, TM_UNSUPPORTED,
                   "%s: is a picture in %s, which this timmc was built without (Debian: %s); "
                   "convert it to PNG or JPEG",
                   name, codec->title, codec->package);
}

/* Libraries that got no memory call the picture faulty, or give one with something left out; the
 * allocator's errno tells, on the thread that decodes. */
static tm_status blame(const tm_codec *codec, const char *name, tm_status status, tm_error *error)
{
    bool theirs = status == TM_OK || status == TM_CORRUPT || status == TM_TRUNCATED ||
                  status == TM_UNSUPPORTED;
    if (!codec->library || !theirs || errno != ENOMEM)
        return status;
    tm_error_clear(error);
    return tm_fail(error, TM_NO_MEMORY, "%s: no memory to decode a picture in %s", name,
                   codec->title);
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
    if (!codec->decode)
        return fail_not_built(codec, name, error);
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
    errno = 0;
    tm_status status = blame(codec, name, codec->decode(&in, out, &orientation, error), error);
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
