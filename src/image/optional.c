/* SPDX-License-Identifier: Apache-2.0 */
#include "image/optional.h"

#include <errno.h>

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
    library->known = library->opened || tm_library_is_missing(why);
    bool good = library->opened;
    pthread_mutex_unlock(&library->lock);
    return good ? TM_OK
                : tm_library_fail(why, codec->package, error, "%s: %s needs %s", name, codec->title,
                                  codec->library);
}
