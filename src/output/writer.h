/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays of float32, or of half precision, into a file: .npy, .npz, .safetensors or a folder of
 * .npy files.
 *
 * Rows arrive in any number of calls and go to disk at once, so memory does not grow with them.
 * The target appears whole, at commit, or not at all.
 */
#ifndef TM_OUTPUT_WRITER_H
#define TM_OUTPUT_WRITER_H

#include "base/dtype.h"
#include "base/outfile.h"

enum { TM_WRITER_RANK_MAX = 8 };

typedef struct tm_writer tm_writer;

/* The suffix of path chooses the format (writers.def); a path that ends in "/", names a folder or
 * has no suffix means a folder. Without force an existing target is refused (TM_WRITE).
 * TM_USAGE: an unknown suffix. */
tm_status tm_writer_open(const char *path, bool force, tm_writer **out, tm_error *error);

/* The numbers of all arrays are stored as TM_DTYPE_F32, which is how it begins, or _F16; to be set
 * before there is any. */
void tm_writer_store(tm_writer *writer, tm_dtype dtype);

/* Adds rows to the array `key`: shape[0] rows of shape[1] x ... numbers in C order, where rank is
 * 1 to 8 and all but shape[0] stay the same from call to call (TM_SHAPE); or, with rank 0 and 1 as
 * shape[0], a single number, which formats other than .safetensors have as a row. TM_UNSUPPORTED: a
 * finite number is beyond what half precision holds; nothing is added then. A .npy file holds one
 * key (TM_USAGE for a second). */
tm_status tm_writer_add(tm_writer *writer, const char *key, int rank, const int64_t *shape,
                        const float *data, tm_error *error);

/* Text for the file's metadata: of .safetensors its own, of .npz the zip file's comment, a JSON
 * object. Other formats drop it. */
tm_status tm_writer_metadata(tm_writer *writer, const char *key, const char *value,
                             tm_error *error);

/* ---- arrays that grow ---- */

/* Whether what that path means can be read while it grows, and gone on with: .npy and folders. */
bool tm_writer_can_grow(const char *path);
/* The same as tm_writer_open of such a path, whose files are tm_outfile_grow's. */
tm_status tm_writer_grow(const char *path, bool force, tm_growth growth, tm_writer **out,
                         tm_error *error);
/* An array's rows will have this shape; shape[0] is nothing. Where the writer goes on, it has the
 * rows that are there. TM_WRITE: another array is there. */
tm_status tm_writer_declare(tm_writer *writer, const char *key, int rank, const int64_t *shape,
                            tm_error *error);
/* Whole rows that every array has. */
int64_t tm_writer_rows(const tm_writer *writer);
/* Rows behind the first `rows` are gone. */
tm_status tm_writer_cut(tm_writer *writer, int64_t rows, tm_error *error);
/* What is in place grows once more. */
tm_status tm_writer_take_back(tm_writer *writer, tm_error *error);
/* Whoever reads the files now finds all rows so far. */
tm_status tm_writer_show(tm_writer *writer, tm_error *error);
/* Ends the writer; the rows stay where they are, to be gone on with. */
tm_status tm_writer_leave(tm_writer *writer, tm_error *error);

/* ---- the end ---- */

/* Both end the writer. Commit with nothing added is refused, as is an unwritable target (TM_WRITE):
 * then nothing is left behind. */
tm_status tm_writer_commit(tm_writer *writer, tm_error *error);
void tm_writer_abandon(tm_writer *writer); /* NULL is fine */

#endif
