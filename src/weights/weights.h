/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source of named tensors: a mapped file, a blob linked into the program, or the formula that
 * computes values from names. A source never changes after it was opened, so threads may read it
 * together.
 */
#ifndef TM_WEIGHTS_WEIGHTS_H
#define TM_WEIGHTS_WEIGHTS_H

#include "base/error.h"
#include "base/memory.h"

enum { TM_TENSOR_RANK_MAX = 8 };

/* name as safetensors spells it, bytes per element */
#define TM_DTYPE_LIST(X)                                                                           \
    X(F64, 8)                                                                                      \
    X(F32, 4)                                                                                      \
    X(F16, 2)                                                                                      \
    X(BF16, 2)                                                                                     \
    X(I64, 8)                                                                                      \
    X(I32, 4)                                                                                      \
    X(I16, 2)                                                                                      \
    X(I8, 1)                                                                                       \
    X(U8, 1)                                                                                       \
    X(BOOL, 1)

typedef enum tm_dtype {
#define TM_DTYPE_ENUM(name, size) TM_DTYPE_##name,
    TM_DTYPE_LIST(TM_DTYPE_ENUM)
#undef TM_DTYPE_ENUM
        TM_DTYPE_COUNT
} tm_dtype;

const char *tm_dtype_name(tm_dtype dtype); /* "BF16" */
size_t tm_dtype_size(tm_dtype dtype);      /* bytes */

/* One stored tensor: C order, little-endian, data at any alignment. */
typedef struct tm_tensor_view {
    const char *name; /* UTF-8 */
    tm_dtype dtype;
    int rank;
    int64_t shape[TM_TENSOR_RANK_MAX];
    const unsigned char *data;
    size_t bytes;
} tm_tensor_view;

typedef struct tm_weights tm_weights;

/* Opens a weights file by its first bytes (formats.def); the data stays on disk until read.
 * TM_WEIGHTS_INVALID: not what its format says. */
tm_status tm_weights_open_file(const char *path, tm_weights **out, tm_error *error);

/* The same for bytes that outlive the source; name stands for the file in messages. file_backed:
 * the bytes are read-only pages of a file (a linked-in blob), which may be dropped and come back.
 */
tm_status tm_weights_open_memory(const void *bytes, size_t size, const char *name, bool file_backed,
                                 tm_weights **out, tm_error *error);

/* Holds every tensor of every name and shape; see formula.h. */
tm_status tm_weights_open_formula(uint64_t seed, double gain, tm_weights **out, tm_error *error);

void tm_weights_close(tm_weights *weights); /* NULL is fine */

bool tm_weights_is_formula(const tm_weights *weights);
const char *tm_weights_name(const tm_weights *weights); /* for messages: path, or "formula:0" */

/* Tensors in byte order of their names; the formula has none to list. Views live as long as the
 * source. */
size_t tm_weights_count(const tm_weights *weights);
const tm_tensor_view *tm_weights_at(const tm_weights *weights, size_t index);
const tm_tensor_view *tm_weights_find(const tm_weights *weights, const char *name); /* or NULL */

/* Metadata of the file; NULL: no such key, or index past the end. */
const char *tm_weights_metadata(const tm_weights *weights, const char *key);
const char *tm_weights_metadata_key(const tm_weights *weights, size_t index);

/* Writes the tensor's elements as float32, in C order; every stored type converts, each value to
 * the nearest float32. TM_WEIGHTS_MISMATCH: no such name, or another shape. */
tm_status tm_weights_read_f32(const tm_weights *weights, const char *name, int rank,
                              const int64_t *shape, float *out, tm_error *error);

/* Only elements [begin, begin + count), so that threads can share a tensor. */
tm_status tm_weights_read_f32_range(const tm_weights *weights, const char *name, int rank,
                                    const int64_t *shape, size_t begin, size_t count, float *out,
                                    tm_error *error);

/* Gives a tensor's pages back to the system after it was copied elsewhere; reading it again stays
 * right and costs page faults. */
void tm_weights_release_pages(const tm_weights *weights, const char *name);

/* What a model needs. */
typedef struct tm_tensor_spec {
    const char *name;
    int rank;
    int64_t shape[TM_TENSOR_RANK_MAX];
} tm_tensor_spec;

typedef struct tm_weights_diff {
    size_t missing, unexpected, mismatched;
} tm_weights_diff;

/* Compares the source with what a model needs; num_batches_tracked counts on neither side. report
 * (may be NULL) gets one line per kind of difference, "2 missing: head.weight [10,512], ...", with
 * the first few names and the count. */
tm_status tm_weights_compare(const tm_weights *weights, const tm_tensor_spec *expected,
                             size_t count, tm_weights_diff *diff, tm_buffer *report,
                             tm_error *error);

#endif
