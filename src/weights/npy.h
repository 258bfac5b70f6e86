/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading one NumPy array. Stricter than NumPy: the file ends where the array ends, arrays are in
 * C order and little-endian, and of plain numbers: <f2 <f4 <f8 <i2 <i4 <i8 |i1 |u1 |b1.
 */
#ifndef TM_WEIGHTS_NPY_H
#define TM_WEIGHTS_NPY_H

#include "base/file.h"
#include "weights/formats.h"

typedef struct tm_npy {
    tm_map map; /* empty when parsed from memory */
    tm_dtype dtype;
    int rank; /* at most TM_TENSOR_RANK_MAX */
    int64_t shape[TM_TENSOR_RANK_MAX];
    size_t elements;
    bool fortran_order;
    size_t begin; /* bytes of the header */
    const unsigned char *data;
} tm_npy;

/* Maps the file and checks its header against its size. TM_CORRUPT: no .npy file, or a malformed
 * header; TM_TRUNCATED: fewer bytes than the shape needs; TM_UNSUPPORTED: another kind of array. */
tm_status tm_npy_open(const char *path, tm_npy *out, tm_error *error);
void tm_npy_close(tm_npy *npy); /* each read has told whether it could be believed */

/* The same for bytes that outlive out; file is the name for messages. */
tm_status tm_npy_parse(const char *file, const unsigned char *data, size_t size, tm_npy *out,
                       tm_error *error);

/* What the first bytes of an array of `size` bytes say: head is all of it or at least the header
 * and whatever NumPy writes before the data (TM_NPY_HEAD bytes). Takes arrays of weights: also in
 * Fortran order, and |V2, which is what JAX's bfloat16 becomes. Leaves out->data NULL. */
enum { TM_NPY_HEAD = 10016 };
tm_status tm_npy_parse_header(const char *file, const unsigned char *head, size_t head_size,
                              size_t size, tm_npy *out, tm_error *error);

/* Elements [begin, begin + count) in C order, as float32. TM_READ: the file was cut or written to
 * since it was opened, and they are not to be believed. */
tm_status tm_npy_read_f32(const tm_npy *npy, size_t begin, size_t count, float *out,
                          tm_error *error) __attribute__((warn_unused_result));

#endif
