/* SPDX-License-Identifier: Apache-2.0 */
/* What the name of a file in a folder or an archive says of it. */
#ifndef TM_CLI_ENDINGS_H
#define TM_CLI_ENDINGS_H

#include <stdbool.h>

/* One of the endings, which end with NULL; upper and lower case are the same. */
bool tm_has_any_ending(const char *name, const char *const *endings);

/* A picture of a format that this build reads: .jpg, .jpeg, .png, .gif, ... */
bool tm_is_picture_name(const char *name);

/* A tar: .tar, .tar.gz, .tgz, ... */
bool tm_is_archive_name(const char *name);

#endif
