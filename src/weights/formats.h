/* SPDX-License-Identifier: Apache-2.0 */
/* What a weights format gives: the table of contents of a file. */
#ifndef TM_WEIGHTS_FORMATS_H
#define TM_WEIGHTS_FORMATS_H

#include "weights/packed.h"
#include "weights/weights.h"

/* More than any model has, and few enough that a table of contents takes a modest multiple of the
 * bytes that state it. Also of a file's metadata. */
enum { TM_TENSORS_MAX = 200000 };
#define TM_TENSORS_REFUSED "more than 200000 tensors"
#define TM_TENSORS_EXPECTED "at most 200000"

typedef struct tm_metadata {
    const char *key, *value;
} tm_metadata;

/* A file's table of contents. The pointers are malloc'd by the reader and freed by
 * tm_tensor_index_free, also after a failed read. */
typedef struct tm_tensor_index {
    tm_tensor_view *tensors; /* byte order of groups, then names; no name twice in a group */
    size_t count;
    tm_metadata *metadata; /* file order; no key twice */
    size_t metadata_count;
    char *strings;    /* what names, keys and values point into */
    tm_arena buffers; /* what names had to be made */
    tm_packed_list packed;
} tm_tensor_index;

void tm_tensor_index_free(tm_tensor_index *index);

/* The table of contents of a file of any format (formats.def), whose name *format gets. */
tm_status tm_read_tensor_index(const char *file, const unsigned char *data, size_t size,
                               tm_tensor_index *index, const char **format, tm_error *error);

/* probe: do the first bytes look like this format? read: checks the whole table of contents
 * against `size` before anything is believed; file is the name for messages. */
#define TM_WEIGHTS_FORMAT(name, title)                                                             \
    bool tm_##name##_probe(const unsigned char *data, size_t size);                                \
    tm_status tm_##name##_read(const char *file, const unsigned char *data, size_t size,           \
                               tm_tensor_index *index, tm_error *error);
#include "weights/formats.def"
#undef TM_WEIGHTS_FORMAT

#endif
