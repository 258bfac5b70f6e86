/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/endings.h"

#include <string.h>
#include <strings.h>

#include "image/image.h"

bool tm_has_any_ending(const char *name, const char *const *endings)
{
    size_t length = strlen(name);
    for (; *endings; endings++) {
        size_t ending = strlen(*endings);
        if (length > ending && strcasecmp(name + length - ending, *endings) == 0)
            return true;
    }
    return false;
}

bool tm_is_picture_name(const char *name)
{
    return tm_image_has_ending(name);
}

bool tm_is_archive_name(const char *name)
{
    static const char *const endings[] = {".tar",    ".tar.gz", ".tgz",     ".tar.bz2", ".tbz2",
                                          ".tar.xz", ".txz",    ".tar.zst", ".tzst",    NULL};
    return tm_has_any_ending(name, endings);
}
