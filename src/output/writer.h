/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays of float32 into a file: .npy, .npz, .safetensors or a folder of .npy files.
 *
 * Rows arrive in any number of calls and go to disk at once, so memory does not grow with them.
 * The target appears whole, at commit, or not at all.
 */
#ifndef TM_OUTPUT_WRITER_H
#define TM_OUTPUT_WRITER_H

#include "base/error.h"

enum { TM_WRITER_RANK_MAX = 8 };

typedef struct tm_writer tm_writer;

/* The suffix of path chooses the format (writers.def); a path that ends in "/", names a folder or
 * has no suffix means a folder. Without force an existing target is refused (TM_WRITE).
 * TM_USAGE: an unknown suffix. */
tm_status tm_writer_open(const char *path, bool force, tm_writer **out, tm_error *error);

/* Adds rows to the array `key`: shape[0] rows of shape[1] x ... numbers in C order, where rank is
 * 1 to 8 and all but shape[0] stay the same from call to call (TM_SHAPE); or, with rank 0 and 1 as
 * shape[0], a single number, which formats other than .safetensors have as a row. A .npy file holds
 * one key (TM_USAGE for a second). */
tm_status tm_writer_add(tm_writer *writer, const char *key, int rank, const int64_t *shape,
                        const float *data, tm_error *error);

/* Text for the file's metadata; formats without any (all but .safetensors) drop it. */
tm_status tm_writer_metadata(tm_writer *writer, const char *key, const char *value,
                             tm_error *error);

/* Both end the writer. Commit with nothing added is refused, as is an unwritable target (TM_WRITE):
 * then nothing is left behind. */
tm_status tm_writer_commit(tm_writer *writer, tm_error *error);
void tm_writer_abandon(tm_writer *writer); /* NULL is fine */

#endif
