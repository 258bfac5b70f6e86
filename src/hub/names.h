/* SPDX-License-Identifier: Apache-2.0 */
/* Names and headers that come from users and servers: checked before they touch a path or a URL. */
#ifndef TM_HUB_NAMES_H
#define TM_HUB_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "hub/digest.h"

#define TM_ETAG_MAX 256
#define TM_FILE_NAME_MAX 256

/* "name" or "org/name" by the hub's rules: letters, digits, '-', '_', '.', at most 96. */
bool tm_hub_repo_valid(const char *repo);

/* A relative path that stays below where it starts: no empty, "." or ".." part, no backslash, no
 * control byte. File names and revisions ("main", "refs/pr/1") are such paths. */
bool tm_hub_path_valid(const char *path);

/* One part of such a path. */
bool tm_hub_part_valid(const char *name);

/* 40 to 64 hexadecimal digits in lower case. */
bool tm_hub_commit_valid(const char *commit);

/* How names of files end that are being downloaded, the Python tools' too. */
#define TM_INCOMPLETE ".incomplete"

/* An ETag header as the hub's cache names its blob: without W/ and quotes. "": there is none, or it
 * cannot be a whole file's name. */
void tm_etag_normalize(const char *header, char etag[static TM_ETAG_MAX]);

/* Which digest of the file an etag is: 64 hexadecimal digits are its SHA-256, 40 its git blob. */
tm_digest_kind tm_etag_digest(const char *etag);

/* "bytes 0-99/100"; false for anything else, an unknown total ('*') included. */
bool tm_content_range_parse(const char *header, uint64_t *first, uint64_t *last, uint64_t *total);

/* The last part of a URL's path; false where it cannot be a file's name. */
bool tm_url_file_name(const char *url, char name[static TM_FILE_NAME_MAX]);

/* The first digits of a file's SHA-256 in its name, as in resnet34-43635321.pth; "": none. */
void tm_name_digest(const char *name, char digits[static 65]);

/* Percent-encodes all but letters, digits, "_.-~" and, with keep_slash, '/'. */
void tm_url_add(tm_buffer *url, const char *text, bool keep_slash);

#endif
