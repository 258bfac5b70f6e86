/* SPDX-License-Identifier: Apache-2.0 */
/* One file from a URL to its final name, whole and verified; under any other name until then. */
#ifndef TM_HUB_DOWNLOAD_H
#define TM_HUB_DOWNLOAD_H

#include "hub/http.h"
#include "hub/hub.h"
#include "hub/names.h"

typedef struct tm_download {
    const char *url;
    const char *path;      /* the final name; its folder exists */
    const char *stem;      /* of unfinished files: same folder, names the content */
    const char *label;     /* of the file, for messages and progress */
    int64_t size;          /* -1: not known */
    tm_digest_kind kind;   /* of digest; TM_DIGEST_NONE: only the length can be verified */
    const char *digest;    /* in hexadecimal; its first digits are enough */
    const char *validator; /* the ETag that the URL itself answers with; "": not known */
} tm_download;

/* Calls options->warn, if there is one. */
void tm_hub_warn(const tm_hub_options *options, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* That nothing but the length could be verified is warned of. TM_NETWORK, TM_INTEGRITY, TM_WRITE,
 * TM_NOT_FOUND (404). What was received stays for the next call unless it was wrong, or nobody
 * could tell that it was. */
tm_status tm_download_run(tm_http *http, const tm_download *download, const tm_hub_options *options,
                          tm_error *error);

#endif
