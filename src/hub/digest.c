/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/digest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sha1.h>

enum { BLOCK = 1 << 15 };

void tm_digest_start(tm_digest *digest)
{
    SHA256Init(&digest->sha256);
}

void tm_digest_add(tm_digest *digest, const void *bytes, size_t count)
{
    SHA256Update(&digest->sha256, bytes, count);
}

static void write_hex(const uint8_t *bytes, size_t count, char text[static TM_DIGEST_TEXT_MAX])
{
    for (size_t i = 0; i < count; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

void tm_digest_text(tm_digest *digest, char text[static TM_DIGEST_TEXT_MAX])
{
    uint8_t bytes[SHA256_DIGEST_LENGTH];
    SHA256Final(bytes, &digest->sha256);
    write_hex(bytes, sizeof bytes, text);
}

void tm_digest_of_text(const char *text, char digits[static TM_DIGEST_TEXT_MAX])
{
    tm_digest digest;
    tm_digest_start(&digest);
    tm_digest_add(&digest, text, strlen(text));
    tm_digest_text(&digest, digits);
}

/* Exactly one of the contexts is there. */
static tm_status add_file(tm_digest *sha256, SHA1_CTX *sha1, int fd, uint64_t size, tm_error *error)
{
    uint8_t block[BLOCK];
    if (lseek(fd, 0, SEEK_SET) != 0)
        return tm_fail(error, TM_READ, "cannot seek: %s", strerror(errno));
    while (size > 0) {
        ssize_t got = read(fd, block, size < BLOCK ? (size_t)size : BLOCK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return tm_fail(error, TM_READ, "cannot read: %s",
                           got ? strerror(errno) : "the file ends early");
        if (sha256)
            tm_digest_add(sha256, block, (size_t)got);
        else
            SHA1Update(sha1, block, (size_t)got);
        size -= (uint64_t)got;
    }
    return TM_OK;
}

tm_status tm_digest_add_file(tm_digest *digest, int fd, uint64_t size, tm_error *error)
{
    return add_file(digest, NULL, fd, size, error);
}

tm_status tm_digest_git_file(int fd, uint64_t size, char text[static TM_DIGEST_TEXT_MAX],
                             tm_error *error)
{
    SHA1_CTX sha1;
    char header[32];
    uint8_t bytes[SHA1_DIGEST_LENGTH];
    int length = snprintf(header, sizeof header, "blob %llu", (unsigned long long)size);
    SHA1Init(&sha1);
    SHA1Update(&sha1, (const uint8_t *)header, (size_t)length + 1);
    tm_status status = add_file(NULL, &sha1, fd, size, error);
    SHA1Final(bytes, &sha1);
    write_hex(bytes, sizeof bytes, text);
    return status;
}
