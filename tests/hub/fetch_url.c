/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_url URL [ATTEMPTS [MOST]]: what the library does for a release URL; MOST bytes where no
 * length is told. Prints the path, or the error to stderr. */
#include <stdio.h>
#include <stdlib.h>

#include "hub/hub.h"

static void warn(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "warning: %s\n", text);
}

int main(int argc, char **argv)
{
    char path[TM_PATH_MAX];
    tm_error error = {0};
    tm_hub_options options = {.attempts = argc > 2 ? atoi(argv[2]) : 0,
                              .most_untold = argc > 3 ? strtoull(argv[3], NULL, 10) : 0,
                              .warn = warn};
    tm_status status = tm_hub_fetch_url(&options, argc > 1 ? argv[1] : "", path, &error);
    if (status)
        fprintf(stderr, "%s: %s\n", tm_status_name(status), error.message);
    else
        puts(path);
    return (int)status;
}
