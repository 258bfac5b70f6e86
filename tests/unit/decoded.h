/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures decoded from a copy, and what is known of their pixels. Behind cmocka.h. */
#ifndef TM_TESTS_UNIT_DECODED_H
#define TM_TESTS_UNIT_DECODED_H

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "image/image.h"

static uint32_t checksum(const tm_image *image)
{
    return (uint32_t)crc32_z(0, image->rgb, 3 * (size_t)image->width * (size_t)image->height);
}

/* The bytes stand in a block of their exact size, so that reading past them is seen. A picture that
 * is refused has one line of an error with its name, and nothing else. */
static tm_status decode(const void *bytes, size_t size, const tm_decode_options *options,
                        tm_image *out, tm_error *error)
{
    unsigned char *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    *error = (tm_error){0};
    tm_status status = tm_image_decode(copy, size, "x", options, out, error);
    free(copy);
    assert_int_equal(status, error->status);
    if (status != TM_OK) {
        assert_null(out->rgb);
        assert_memory_equal(error->message, "x: ", 3);
        assert_null(strchr(error->message, '\n'));
    }
    return status;
}

#endif
