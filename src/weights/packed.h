/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deflated entries of a file whose tensors are wanted: unpacked when the first element of one
 * is asked for, so that nobody pays for what the model does not use, and never to more than the
 * file can reasonably stand for.
 */
#ifndef TM_WEIGHTS_PACKED_H
#define TM_WEIGHTS_PACKED_H

#include <stdatomic.h>

#include "weights/weights.h"
#include "weights/zip.h"

typedef struct tm_packed tm_packed;

/* All of one file's; as long as its tensors. */
typedef struct tm_packed_list {
    tm_packed *head;
    size_t limit;           /* bytes that all of them may unpack to: tm_reasonable_bytes */
    atomic_size_t unpacked; /* so far */
} tm_packed_list;

/* What a file of so many bytes may become: a multiple of what it holds, and not so little that a
 * small file of zeros suffers. */
size_t tm_reasonable_bytes(size_t file_size);

/* The entry, not unpacked yet. The zip's bytes and file name live as long as the list, zip itself
 * need not. NULL: no memory. */
tm_packed *tm_packed_add(tm_packed_list *list, const tm_zip *zip, const tm_zip_entry *entry);
void tm_packed_free(tm_packed_list *list);

/* Unpacks it and compares the checksum, once; threads may ask together. TM_WEIGHTS_INVALID: it is
 * damaged, or beyond the list's limit. */
tm_status tm_packed_require(tm_packed *packed, tm_error *error);
const unsigned char *tm_packed_data(const tm_packed *packed); /* that was required */

#endif
