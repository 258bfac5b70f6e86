/* SPDX-License-Identifier: Apache-2.0 */
/* Shared libraries that are opened at first use: who does not need one does not load it. */
#ifndef TM_BASE_LIBRARY_H
#define TM_BASE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

/* The first of the names that the system has, and stays open. NULL: none, where errno is 0 or
 * ENOENT; else this call failed, as errno says. */
void *tm_library_open(const char *const *names, size_t count);

/* *function, a pointer to a function, becomes the library's of that name; false: it has none. */
bool tm_library_find(void *library, const char *name, void *function);

#endif
