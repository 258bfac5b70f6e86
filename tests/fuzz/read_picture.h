/* SPDX-License-Identifier: Apache-2.0 */
/* Decodes bytes as the program does, where they are of the format that the target is for. */
#ifndef TM_TESTS_FUZZ_READ_PICTURE_H
#define TM_TESTS_FUZZ_READ_PICTURE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/codec.h"

/* What must hold: a picture of the size that it says, or an error of one line with the name. The
 * pixels are read, all of them. */
static inline int fuzz_read_picture(const tm_codec *codec, const uint8_t *data, size_t size)
{
    if (!size || !codec->begins(data, size))
        return 0;
    static tm_image_memory memory;
    if (!memory.pixels.total)
        tm_image_memory_set(&memory, (size_t)512 << 20);
    tm_decode_options options = {.max_pixels = 1 << 20, .exif_orient = size & 1, .memory = &memory};
    tm_image image;
    tm_error error = {0};
    tm_status status = tm_image_decode(data, size, "x", &options, &image, &error);
    if (status != error.status || (status == TM_OK) != (image.rgb != NULL))
        abort();
    if (status != TM_OK && (memcmp(error.message, "x: ", 3) != 0 || strchr(error.message, '\n')))
        abort();
    unsigned sum = 0;
    for (size_t i = 0; image.rgb && i < 3 * (size_t)image.width * (size_t)image.height; i++)
        sum += image.rgb[i];
    volatile unsigned seen = sum;
    (void)seen;
    tm_image_free(&image);
    return 0;
}

#define FUZZ_PICTURE(id)                                                                           \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);                                  \
                                                                                                   \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)                                   \
    {                                                                                              \
        return fuzz_read_picture(&tm_codec_##id, data, size);                                      \
    }

#endif
