/* SPDX-License-Identifier: Apache-2.0 */
/* What an array format gives to writer.c, and what it finds in target.c. */
#ifndef TM_OUTPUT_FORMATS_H
#define TM_OUTPUT_FORMATS_H

#include "base/outfile.h"
#include "base/memory.h"
#include "output/writer.h"

/* One array under construction. */
typedef struct tm_array {
    char *key;
    int rank;
    int64_t shape[TM_WRITER_RANK_MAX]; /* shape[0]: rows so far */
    FILE *stream;                      /* where its numbers go; set by begin */
    tm_outfile file;                   /* the file that stream belongs to, if it is not a spool */
    bool spooled;
} tm_array;

struct tm_writer {
    const struct tm_writer_format *format;
    char *path;
    bool force, made_folder;
    bool grows; /* and how: */
    tm_growth growth;
    bool failed;    /* rows are torn: nothing may be committed */
    tm_outfile out; /* not used by the folder */
    tm_array *arrays;
    size_t count, capacity;
    tm_buffer metadata; /* "key":"value", ... as JSON */
};

typedef struct tm_writer_format {
    bool can_grow; /* each array is a file of its own, with its rows at the end */
    /* Reserves the target. */
    tm_status (*open)(tm_writer *writer, tm_error *error);
    /* Gives a new array its stream. */
    tm_status (*begin)(tm_writer *writer, tm_array *array, tm_error *error);
    /* All rows are there: completes the target up to its rename, and renames it. */
    tm_status (*finish)(tm_writer *writer, tm_error *error);
} tm_writer_format;

#define TM_WRITER(name, suffix) extern const tm_writer_format tm_write_##name;
#include "output/writers.def"
#undef TM_WRITER

void tm_writer_release(tm_writer *writer); /* its files that are open are abandoned */

tm_status tm_writer_failed(const char *path, tm_error *error); /* TM_WRITE, with errno's text */

/* A file of the writer's kind, see tm_outfile_open and _grow. */
tm_status tm_target_begin(const tm_writer *writer, const char *path, tm_outfile *file,
                          tm_error *error);

/* The array's own file, or the one that all are in. */
tm_outfile *tm_array_file(tm_writer *writer, tm_array *array);

/* open of the formats that are one file. */
tm_status tm_target_open(tm_writer *writer, tm_error *error);

/* begin of the formats that assemble one file from all arrays: numbers wait in an unlinked
 * temporary file beside the target, since their place is known only when all rows are there. */
tm_status tm_spool_begin(tm_writer *writer, tm_array *array, tm_error *error);

/* Numbers of a row: the product of shape[1] and so on. */
size_t tm_array_row(int rank, const int64_t *shape);

/* Bytes of an array's numbers. */
uint64_t tm_array_bytes(const tm_array *array);

/* Copies a spool to the end of the target; `seen` (may be NULL) is shown every block. */
typedef void tm_block_fn(const unsigned char *bytes, size_t count, void *context);
tm_status tm_spool_copy(tm_writer *writer, tm_array *array, tm_block_fn *seen, void *context,
                        tm_error *error);

/* The header of a .npy file of float32, and its length, which does not depend on shape[0]: so it
 * can be reserved before the rows are counted. */
void tm_npy_header(int rank, const int64_t *shape, tm_buffer *out);

/* begin and completion of one .npy file: header reserved, then rewritten with the rows. Where the
 * writer goes on, the rows that are there are counted. */
tm_status tm_npy_begin(tm_writer *writer, tm_array *array, tm_outfile *file, tm_error *error);
tm_status tm_npy_complete(tm_array *array, const char *path, tm_error *error);

#endif
