/* SPDX-License-Identifier: Apache-2.0 */
/* timm's get_image_size_for_seq. */
#include <math.h>

#include "image/image.h"

/* A side scaled, in whole patches. */
static double patches(int side, double ratio, int patch)
{
    double count = ceil(side * ratio / patch);
    return count < 1 ? 1 : count;
}

/* Bisected as timm does it, so that a ratio between two grids falls to the same side. */
static double largest_ratio(int width, int height, int patch, int most)
{
    const double close = 1e-5;
    double low = close / 10.0, high = 100.0;
    while (high - low >= close) {
        double middle = (low + high) / 2.0;
        if (patches(width, middle, patch) * patches(height, middle, patch) <= most)
            low = middle;
        else
            high = middle;
    }
    return low <= close ? 0 : low;
}

tm_status tm_image_fit_patches(const tm_image *in, int patch, int most, int most_side, int *width,
                               int *height, tm_error *error)
{
    double ratio = largest_ratio(in->width, in->height, patch, most);
    double across = patches(in->width, ratio, patch) * patch;
    double down = patches(in->height, ratio, patch) * patch;
    if (!(ratio > 0))
        return tm_fail(error, TM_TOO_LARGE,
                       "picture of %d x %d: no size in proportion has at most %d patches",
                       in->width, in->height, most);
    if (across > most_side || down > most_side)
        return tm_fail(error, TM_TOO_LARGE,
                       "picture of %d x %d would be %.0f x %.0f in at most %d patches, expected "
                       "sides of at most %d",
                       in->width, in->height, across, down, most, most_side);
    *width = (int)across;
    *height = (int)down;
    return TM_OK;
}
