/* SPDX-License-Identifier: Apache-2.0 */
/* Digests by which a file is known: SHA-256, and the SHA-1 that git gives a blob. */
#ifndef TM_HUB_DIGEST_H
#define TM_HUB_DIGEST_H

#include <sys/types.h>

#include <sha2.h>

#include "base/error.h"

typedef enum tm_digest_kind { TM_DIGEST_NONE, TM_DIGEST_SHA256, TM_DIGEST_GIT_SHA1 } tm_digest_kind;

#define TM_DIGEST_TEXT_MAX 65

/* SHA-256 of bytes as they come. */
typedef struct tm_digest {
    SHA2_CTX sha256;
} tm_digest;

void tm_digest_start(tm_digest *digest);
void tm_digest_add(tm_digest *digest, const void *bytes, size_t count);
void tm_digest_text(tm_digest *digest, char text[static TM_DIGEST_TEXT_MAX]); /* ends it */

/* The same over the first `size` bytes of a file, which stands behind them afterwards. TM_READ:
 * it has fewer. */
tm_status tm_digest_add_file(tm_digest *digest, int fd, uint64_t size, tm_error *error);

/* git's name of a blob: SHA-1 of "blob SIZE", a NUL and the bytes. */
tm_status tm_digest_git_file(int fd, uint64_t size, char text[static TM_DIGEST_TEXT_MAX],
                             tm_error *error);

/* SHA-256 of a text. */
void tm_digest_of_text(const char *text, char digits[static TM_DIGEST_TEXT_MAX]);

#endif
