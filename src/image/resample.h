/* SPDX-License-Identifier: Apache-2.0 */
/* A window of a resized picture. Private to this room. */
#ifndef TM_IMAGE_RESAMPLE_H
#define TM_IMAGE_RESAMPLE_H

#include "image/image.h"

/* The part of a resized picture that is wanted: `width` x `height` pixels from (left, top) on, in
 * the picture that `in` would be at full_width x full_height. */
typedef struct tm_window {
    int full_width, full_height;
    int left, top, width, height;
} tm_window;

/* Computes only what the window shows; its pixels equal those of the whole resized picture.
 * They go to `to`, whose rows are `stride` bytes apart. */
tm_status tm_image_resample(const tm_image *in, const tm_window *window, tm_filter filter,
                            unsigned char *to, size_t stride, tm_error *error);

#endif
