/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed weights as a file: the memory of a plan's constants as its kernels read it, which any
 * number of processes map and share. It is a cache for one build of timmc, one level of
 * instructions, one precision, one model and what was chosen of it, all of which its key says;
 * where a word of the key is another than the model's, the file is refused.
 *
 *     0    "timmcpk1"
 *     8    SHA-256 of the header from byte 72 to its end, 64 hexadecimal digits
 *     72   bytes of the header; of the data; layout of the plan; bytes of the key; of the facts:
 *          little-endian numbers of 8 bytes
 *     112  SHA-256 of the data, 64 hexadecimal digits
 *     176  the key and then the facts: lines "name value", each text with a NUL behind it; zeros up
 *          to the header's end, a multiple of 4096
 *          the data, up to the file's end
 *
 * The header is checked whole before anything is believed. The data is believed as other weights
 * files are: its length is checked, its digest by tm_packfile_check alone.
 */
#ifndef TM_API_PACKFILE_H
#define TM_API_PACKFILE_H

#include <stdio.h>

#include "api/model.h"

#define TM_PACKFILE_MAGIC "timmcpk1"
enum { TM_PACKFILE_PAGE = 4096, TM_PACKFILE_HEADER_MAX = 1 << 20 };

/* SHA-256 of the sources that decide what is packed, hexadecimal digits. */
extern const char tm_sources_sha256[];

typedef struct tm_packfile {
    tm_packed_memory memory;
    char *header; /* a copy, which the texts point into */
    const char *key, *facts;
    char sha256[TM_DIGEST_TEXT_MAX]; /* of the data */
} tm_packfile;

/* Maps the file and checks its header. TM_WEIGHTS_MISSING, TM_WEIGHTS_INVALID. */
tm_status tm_packfile_open(const char *path, tm_packfile *file, tm_error *error);
/* Ends it with the map's verdict, as tm_unmap; a map that a plan has taken is let be. */
tm_status tm_packfile_close(tm_packfile *file, tm_status status, tm_error *error);
/* The value of a line, at most `size` bytes with its NUL; "" where there is no such line. */
void tm_packfile_line(const char *text, const char *name, char *value, size_t size);
/* TM_WEIGHTS_INVALID: the data is not what was written. Reads all of it. */
tm_status tm_packfile_check(const tm_packfile *file, tm_error *error);

/* Writes the memory of a plan's constants. path: the stream's name for messages. TM_WRITE,
 * TM_NO_MEMORY. */
tm_status tm_packfile_write(const tm_plan *plan, const char *key, const char *facts, FILE *stream,
                            const char *path, tm_error *error);

/* What decides the bytes that the model's plan packs, but for the weights. */
void tm_packfile_key(const tm_model *model, tm_buffer *key);

/* Whether the model's weights are a file of these; one that is not there is none.
 * TM_WEIGHTS_MISSING: the file cannot be looked at. */
tm_status tm_packfile_probe(const tm_model *model, bool *packed, tm_error *error);
/* Loads the model from that file. TM_WEIGHTS_MISMATCH: it was packed for something else. */
tm_status tm_packfile_load(tm_model *model, tm_error *error);
/* SHA-256 of the weights that were packed. */
tm_status tm_packfile_digest(const tm_model *model, char digits[static TM_DIGEST_TEXT_MAX],
                             tm_error *error);
/* TM_USAGE: what the model packs depends on more than a key says. */
tm_status tm_packfile_require(const tm_model *model, tm_error *error);
/* Writes the packed weights of a loaded model whose classifier is not made up; weights_sha256: of
 * what they were made from. */
tm_status tm_packfile_save(const tm_model *model, const char *weights_sha256, FILE *stream,
                           const char *path, tm_error *error);

#endif
