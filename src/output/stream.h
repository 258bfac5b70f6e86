/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of float32 to a stream that cannot be sought in, such as a pipe. */
#ifndef TM_OUTPUT_STREAM_H
#define TM_OUTPUT_STREAM_H

#include <stdio.h>

#include "base/error.h"

typedef struct tm_stream tm_stream;

/* npy: one .npy file; its header tells the rows, so they wait in an unlinked temporary file for
 * the end. Else little-endian numbers alone, each row as it comes. `out` stays the caller's. */
tm_status tm_stream_open(FILE *out, bool npy, tm_stream **stream, tm_error *error);

/* One row: shape[0] is 1, the rest is the same from call to call (TM_SHAPE). NULL: NaN. */
tm_status tm_stream_add(tm_stream *stream, int rank, const int64_t *shape, const float *row,
                        tm_error *error);

/* Ends the stream, frees it; without `keep` rows that wait are thrown away. NULL is fine. */
tm_status tm_stream_close(tm_stream *stream, bool keep, tm_error *error);

#endif
