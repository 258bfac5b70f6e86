/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define HEX DIGITS "abcdef"

enum { REPO_MAX = 96, PATH_MAX_LENGTH = 1024 };

bool tm_hub_repo_valid(const char *repo)
{
    size_t length = strlen(repo), slashes = 0;
    if (length == 0 || length > REPO_MAX || strspn(repo, LOWER UPPER DIGITS "-_./") != length ||
        strstr(repo, "--") || strstr(repo, "..") ||
        (length > 4 && strcmp(repo + length - 4, ".git") == 0))
        return false;
    for (const char *part = repo;; part += strcspn(part, "/") + 1, slashes++) {
        size_t size = strcspn(part, "/");
        if (size == 0 || strchr("-.", part[0]) || strchr("-.", part[size - 1]))
            return false;
        if (!part[size])
            return slashes < 2;
    }
}

static bool part_valid(const char *part, size_t length)
{
    if (length == 0 || length >= TM_FILE_NAME_MAX || (length == 1 && part[0] == '.') ||
        (length == 2 && part[0] == '.' && part[1] == '.'))
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)part[i] < 0x20 || part[i] == 0x7F || part[i] == '\\')
            return false;
    return true;
}

bool tm_hub_part_valid(const char *name)
{
    return !strchr(name, '/') && part_valid(name, strlen(name));
}

bool tm_hub_path_valid(const char *path)
{
    if (strlen(path) > PATH_MAX_LENGTH)
        return false;
    for (const char *part = path;; part += strcspn(part, "/") + 1) {
        size_t length = strcspn(part, "/");
        if (!part_valid(part, length))
            return false;
        if (!part[length])
            return true;
    }
}

bool tm_hub_commit_valid(const char *commit)
{
    size_t length = strlen(commit);
    return length >= 40 && length <= 64 && strspn(commit, HEX) == length;
}

void tm_etag_normalize(const char *header, char etag[static TM_ETAG_MAX])
{
    header += strspn(header, "W/");
    header += strspn(header, "\"");
    size_t length = strlen(header);
    while (length > 0 && header[length - 1] == '"')
        length--;
    etag[0] = '\0';
    if (length >= TM_ETAG_MAX)
        return;
    memcpy(etag, header, length);
    etag[length] = '\0';
    if (!tm_hub_part_valid(etag))
        etag[0] = '\0';
}

tm_digest_kind tm_etag_digest(const char *etag)
{
    size_t length = strlen(etag);
    if (strspn(etag, HEX) != length)
        return TM_DIGEST_NONE;
    return length == 64 ? TM_DIGEST_SHA256 : length == 40 ? TM_DIGEST_GIT_SHA1 : TM_DIGEST_NONE;
}

/* A number without sign or space that ends at `end`; returns what follows it, NULL if it is none.
 */
static const char *parse_number(const char *text, char end, uint64_t *number)
{
    char *stop;
    if (strspn(text, DIGITS) == 0)
        return NULL;
    errno = 0;
    *number = strtoull(text, &stop, 10);
    return errno == 0 && *stop == end ? stop + (end != '\0') : NULL;
}

bool tm_content_range_parse(const char *header, uint64_t *first, uint64_t *last, uint64_t *total)
{
    if (strncmp(header, "bytes ", 6) != 0)
        return false;
    const char *p = parse_number(header + 6, '-', first);
    p = p ? parse_number(p, '/', last) : NULL;
    p = p ? parse_number(p, '\0', total) : NULL;
    return p && *first <= *last && *last < *total;
}

bool tm_url_file_name(const char *url, char name[static TM_FILE_NAME_MAX])
{
    const char *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    if (!path)
        return false;
    size_t length = strcspn(path, "?#"), begin = length;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    if (!part_valid(path + begin, length - begin))
        return false;
    memcpy(name, path + begin, length - begin);
    name[length - begin] = '\0';
    return true;
}

void tm_name_digest(const char *name, char digits[static 65])
{
    digits[0] = '\0';
    for (const char *p = strchr(name, '-'); p; p = strchr(p + 1, '-')) {
        size_t length = strspn(p + 1, HEX);
        if (length >= 8 && length <= 64 && p[1 + length] == '.') {
            memcpy(digits, p + 1, length);
            digits[length] = '\0';
            return;
        }
    }
}

void tm_url_add(tm_buffer *url, const char *text, bool keep_slash)
{
    for (const char *p = text; *p; p++) {
        if (strchr(LOWER UPPER DIGITS "_.-~", *p) || (keep_slash && *p == '/'))
            tm_buffer_putc(url, *p);
        else
            tm_buffer_printf(url, "%%%02X", (unsigned char)*p);
    }
}
