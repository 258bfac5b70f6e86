/* SPDX-License-Identifier: Apache-2.0 */
#include "image/optional.h"

#include <errno.h>
#include <string.h>

#include "base/library.h"

static bool open_library(const tm_codec_library *library, const char *file)
{
    void *opened = tm_library_open(&file, 1);
    bool good = opened != NULL;
    for (size_t i = 0; good && i < library->count; i++)
        good = tm_library_find(opened, library->functions[i].name, library->functions[i].pointer);
    return good;
}

tm_status tm_codec_open(tm_codec_library *library, const tm_codec *codec, const char *name,
                        tm_error *error)
{
    pthread_mutex_lock(&library->lock);
    errno = 0;
    if (!library->known)
        library->opened = open_library(library, codec->library);
    int why = library->opened ? 0 : errno;
    bool missing = !library->opened && (why == 0 || why == ENOENT);
    library->known = library->opened || missing;
    pthread_mutex_unlock(&library->lock);
    if (missing)
        return tm_fail(error, TM_UNSUPPORTED,
                       "%s: %s needs %s, which is not on this machine (Debian: %s)", name,
                       codec->title, codec->library, codec->package);
    return why ? tm_fail(error, why == ENOMEM ? TM_NO_MEMORY : TM_UNSUPPORTED,
                         "%s: %s needs %s, which cannot be opened: %s", name, codec->title,
                         codec->library, strerror(why))
               : TM_OK;
}
