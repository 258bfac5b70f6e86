/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/picture_notes.h"

#include "cli/cli.h"

void tm_picture_note(tm_picture_notes *notes, const tm_image *image)
{
    notes->faulty += image->warnings > 0;
    notes->turned += image->orientation > 1;
    notes->clipped += image->clipped;
}

static void tell(size_t count, const char *what)
{
    if (count)
        tm_print_warning("%zu picture%s %s", count, count == 1 ? "" : "s", what);
}

void tm_picture_notes_tell(const tm_picture_notes *notes)
{
    tell(notes->faulty, "with faulty data, parts of which the decoder may have made up; "
                        "--strict-decode refuses such");
    tell(notes->turned, "with an EXIF orientation that is not applied (timm does not either); "
                        "--exif-orient applies it");
    tell(notes->clipped, "of 16-bit gray, where all above 255 is taken for white as timm does");
}
