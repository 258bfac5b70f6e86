/* SPDX-License-Identifier: Apache-2.0 */
/* The library of a picture format, opened at the first picture of it. Private to this room. */
#ifndef TM_IMAGE_OPTIONAL_H
#define TM_IMAGE_OPTIONAL_H

#include <pthread.h>

#include "image/codec.h"

typedef struct tm_codec_function {
    const char *name;
    void *pointer; /* to the pointer that shall be the function's */
} tm_codec_function;

/* A codec lists its functions once, FUNCTIONS(X) with X(name, type, parameters), and gets pointers
 * of their names in `lib` and rows for the table. */
#define TM_CODEC_POINTER(name, type, parameters) type(*name) parameters;
#define TM_CODEC_ROW(name, type, parameters) {#name, &lib.name},

typedef struct tm_codec_library {
    pthread_mutex_t lock; /* PTHREAD_MUTEX_INITIALIZER */
    const tm_codec_function *functions;
    size_t count;
    bool known, opened; /* known: the machine has it or not */
} tm_codec_library;

#define TM_CODEC_LIBRARY(rows)                                                                     \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .functions = rows,                                      \
        .count = sizeof(rows) / sizeof *(rows)                                                     \
    }

/* Opens it if nobody has; TM_UNSUPPORTED with the name of the Debian package: the machine has none,
 * or not all of the functions. TM_NO_MEMORY, TM_UNSUPPORTED: it could not be opened this time.
 * `name` stands in messages. */
tm_status tm_codec_open(tm_codec_library *library, const tm_codec *codec, const char *name,
                        tm_error *error);

#endif
