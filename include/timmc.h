/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timmc: inference for the image backbones of timm, as a C library.
 *
 * Nothing here prints or exits. Every call that can fail takes a tm_error, returns its status
 * (TM_OK is 0) and leaves one line in it that names what was found and what was expected.
 */
#ifndef TIMMC_H
#define TIMMC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TIMMC_VERSION "0.1.0"

/* status, the code that stands in an error record */
#define TM_STATUS_LIST(X)                                                                          \
    X(TM_OK, "ok")                                                                                 \
    X(TM_USAGE, "usage")                       /* a wrong argument */                              \
    X(TM_NO_MEMORY, "no_memory")                                                                   \
    X(TM_NOT_FOUND, "not_found")               /* no such file */                                  \
    X(TM_READ, "read_failed")                                                                      \
    X(TM_WRITE, "write_failed")                                                                    \
    X(TM_EMPTY, "empty_file")                                                                      \
    X(TM_NOT_IMAGE, "not_an_image")            /* no known magic bytes */                          \
    X(TM_TRUNCATED, "decode_truncated")        /* the data ends early */                           \
    X(TM_CORRUPT, "decode_corrupt")            /* the data contradicts itself */                   \
    X(TM_UNSUPPORTED, "unsupported")           /* valid, but not handled */                        \
    X(TM_TOO_LARGE, "too_large")                                                                   \
    X(TM_SHAPE, "shape_mismatch")              /* an input tensor does not fit the model */        \
    X(TM_UNKNOWN_MODEL, "unknown_model")                                                           \
    X(TM_NOT_BUILDABLE, "not_buildable")       /* registered, but its family is not ported */      \
    X(TM_WEIGHTS_MISSING, "weights_missing")                                                       \
    X(TM_WEIGHTS_INVALID, "weights_invalid")   /* the file is not what its format says */          \
    X(TM_WEIGHTS_MISMATCH, "weights_mismatch") /* a sound file for another model */                \
    X(TM_INTERNAL, "internal")

typedef enum tm_status {
#define TM_STATUS_ENUM(code, text) code,
    TM_STATUS_LIST(TM_STATUS_ENUM)
#undef TM_STATUS_ENUM
} tm_status;

typedef struct tm_error {
    tm_status status;
    char message[512]; /* one line, no newline at its end */
} tm_error;

/* "weights_missing" for TM_WEIGHTS_MISSING; static storage */
const char *tm_status_name(tm_status status);

#ifdef __cplusplus
}
#endif
#endif
