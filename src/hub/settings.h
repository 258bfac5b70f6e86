/* SPDX-License-Identifier: Apache-2.0 */
/* What the environment says about the hub, read as huggingface_hub and torch.hub read it. */
#ifndef TM_HUB_SETTINGS_H
#define TM_HUB_SETTINGS_H

#include <stdbool.h>

#include "hub/cache.h"

#define TM_TOKEN_MAX 1024
#define TM_ENDPOINT_MAX 512

/* HF_ENDPOINT without slashes at its end, else https://huggingface.co. False: too long. */
bool tm_hub_endpoint(char endpoint[static TM_ENDPOINT_MAX]);

/* HF_TOKEN, HUGGING_FACE_HUB_TOKEN, else the file of HF_TOKEN_PATH or HF_HOME/token; "": none, or
 * HF_HUB_DISABLE_IMPLICIT_TOKEN is set. */
void tm_hub_token(char token[static TM_TOKEN_MAX]);

/* HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set. */
bool tm_hub_offline(void);

/* The certificates that servers are checked by; NULL: those of libcurl. REQUESTS_CA_BUNDLE and
 * CURL_CA_BUNDLE name a file or a folder, SSL_CERT_FILE a file, SSL_CERT_DIR a folder. */
typedef struct tm_certificates {
    const char *file, *folder;
    const char *variable; /* which says so */
} tm_certificates;
tm_certificates tm_hub_certificates(void);

/* Whether a variable says 1, on, yes or true. */
bool tm_hub_flag(const char *variable);

/* A positive number of seconds, else the default. */
long tm_hub_seconds(const char *variable, long otherwise);

#endif
