/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of their own aspect ratio (--max-seq-len): a model for each size that occurs. */
#ifndef TM_CLI_OWN_ASPECT_H
#define TM_CLI_OWN_ASPECT_H

#include <sys/stat.h>

#include "api/context.h"

/* Sizes that stay loaded, the last used ones; fewer where their weights take more than this. */
enum { TM_SIZES_KEPT = 8 };
#define TM_SIZES_WEIGHT_BYTES ((size_t)2 << 30)

typedef struct tm_sized {
    tm_model *model;     /* for pictures that its tm_preprocess tells the size of */
    tm_context *context; /* NULL: not loaded */
} tm_sized;

/* Zero-initialise; tm_sizes_free. */
typedef struct tm_sizes {
    tm_sized kept[TM_SIZES_KEPT]; /* the last used one first */
    int count;
    struct stat weights; /* the file that the first one was loaded from; st_nlink 0: none was */
} tm_sizes;

/* Loads a model's weights; refuses answers of a made-up classifier. */
tm_status tm_load_model(tm_model *model, tm_error *error);

/* The model like `model` for pictures that are prepared as `how` says, and if `load` its context:
 * opened now, or still there. Good until the next call. TM_WEIGHTS_INVALID: the weights are another
 * file than before. */
tm_status tm_sizes_take(tm_sizes *sizes, const tm_model *model, const tm_preprocess *how, bool load,
                        tm_sized *sized, tm_error *error);
void tm_sizes_free(tm_sizes *sizes);

#endif
