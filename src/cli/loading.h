/* SPDX-License-Identifier: Apache-2.0 */
/* A model that is loaded while its first pictures are decoded. */
#ifndef TM_CLI_LOADING_H
#define TM_CLI_LOADING_H

#include <pthread.h>

#include "api/model.h"

typedef struct tm_loading {
    tm_model *model; /* NULL: nothing is being loaded */
    pthread_t thread;
    tm_error error;
    double seconds;
} tm_loading;

/* Begins to load the model, by tm_load_model, on a thread of its own; meanwhile pictures may be
 * prepared for it, and nothing else be asked of it. False: there is no thread, or weights would be
 * downloaded, which is told as it goes on. */
bool tm_loading_begin(tm_loading *loading, tm_model *model);
/* Waits until it has: tm_load_model's status. */
tm_status tm_loading_end(tm_loading *loading, tm_error *error);

#endif
