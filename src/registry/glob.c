/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry.h"

#include <string.h>

/* The ']' that closes the set opening at glob, or NULL: then '[' stands for itself. The first
 * character of a set may be ']'. */
static const char *set_end(const char *glob)
{
    const char *p = glob + 1;
    if (*p == '!')
        p++;
    return *p ? strchr(p + 1, ']') : NULL;
}

/* Whether c is in the set between glob's '[' and end; '-' at either edge stands for itself. */
static bool in_set(const char *glob, const char *end, unsigned char c)
{
    const char *p = glob + 1;
    bool negated = *p == '!', found = false;
    p += negated;
    while (p < end) {
        if (p + 2 < end && p[1] == '-') {
            found |= (unsigned char)p[0] <= c && c <= (unsigned char)p[2];
            p += 3;
        } else {
            found |= (unsigned char)*p++ == c;
        }
    }
    return found != negated;
}

bool tm_glob_match(const char *glob, const char *text)
{
    /* Where to go on when a later part fails: behind the last '*', one character further. */
    const char *retry_glob = NULL, *retry_text = NULL;
    for (;;) {
        const char *end = *glob == '[' ? set_end(glob) : NULL;
        if (*glob == '*') {
            retry_glob = ++glob;
            retry_text = text;
        } else if (*text && end && in_set(glob, end, (unsigned char)*text)) {
            glob = end + 1;
            text++;
        } else if (*text && !end && (*glob == '?' || *glob == *text)) {
            glob++;
            text++;
        } else if (!*glob && !*text) {
            return true;
        } else if (retry_glob && *retry_text) {
            glob = retry_glob;
            text = ++retry_text;
        } else {
            return false;
        }
    }
}
