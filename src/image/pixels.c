/* SPDX-License-Identifier: Apache-2.0 */
/* A picture's pixels: how many there may be, and their memory. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "image/codec.h"

void tm_image_free(tm_image *image)
{
    free(image->rgb);
    tm_share_return(&image->share);
    *image = (tm_image){0};
}

tm_status tm_image_check_size(const char *name, size_t width, size_t height, size_t max_pixels,
                              tm_error *error)
{
    if (!width || !height)
        return tm_fail(error, TM_CORRUPT, "%s: picture is %zu x %zu, expected at least 1 x 1", name,
                       width, height);
    size_t limit = max_pixels ? max_pixels : TM_IMAGE_MAX_PIXELS, pixels;
    if (!tm_size_mul(width, height, &pixels) || pixels > limit)
        return tm_fail(error, TM_TOO_LARGE, "%s: picture is %zu x %zu, expected at most %zu pixels",
                       name, width, height, limit);
    if (width > TM_IMAGE_MAX_SIDE || height > TM_IMAGE_MAX_SIDE)
        return tm_fail(error, TM_TOO_LARGE,
                       "%s: picture is %zu x %zu, expected sides of at most %d", name, width,
                       height, TM_IMAGE_MAX_SIDE);
    return TM_OK;
}

/* ---- memory ---- */

enum { PIXEL = 3 };

static tm_image_memory shared;

void tm_image_memory_set(tm_image_memory *memory, size_t bytes)
{
    *memory =
        (tm_image_memory){.files = TM_BUDGET(bytes / 4), .pixels = TM_BUDGET(bytes - bytes / 4)};
}

static void set_shared(void)
{
    tm_image_memory_set(&shared, tm_memory_half((size_t)4000000000));
}

tm_image_memory *tm_image_memory_shared(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_shared);
    return &shared;
}

tm_status tm_image_claim(const tm_codec_input *in, size_t width, size_t height, size_t more,
                         tm_error *error)
{
    size_t need;
    bool fits = tm_size_mul(width, height, &need) &&
                tm_size_mul(need, PIXEL * (size_t)in->copies, &need) &&
                tm_size_add(need, more, &need);
    if (fits && tm_share_take(in->share, need))
        return TM_OK;
    size_t most = in->share->budget ? in->share->budget->total : SIZE_MAX;
    return tm_fail(error, TM_TOO_LARGE,
                   "%s: picture of %zu x %zu needs %.1f MB to decode, expected at most %.1f MB "
                   "(three quarters of --max-memory)",
                   in->name, width, height, (double)(fits ? need : SIZE_MAX) / 1e6,
                   (double)most / 1e6);
}

tm_status tm_image_alloc(tm_image *image, int width, int height, tm_error *error)
{
    size_t bytes;
    *image = (tm_image){0};
    if (width < 1 || height < 1)
        return tm_fail(error, TM_USAGE, "picture size is %d x %d, expected at least 1 x 1", width,
                       height);
    if (!tm_size_mul((size_t)width, (size_t)height, &bytes) || !tm_size_mul(bytes, 3, &bytes) ||
        !(image->rgb = malloc(bytes)))
        return tm_fail(error, TM_NO_MEMORY, "no memory for a picture of %d x %d", width, height);
    image->width = width;
    image->height = height;
    return TM_OK;
}
