/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_url URL [ATTEMPTS]: what the library does for a release URL. Prints the path, or the error
 * to stderr. */
#include <stdio.h>
#include <stdlib.h>

#include "hub/hub.h"

int main(int argc, char **argv)
{
    char path[TM_PATH_MAX];
    tm_error error = {0};
    tm_hub_options options = {.attempts = argc > 2 ? atoi(argv[2]) : 0};
    tm_status status = tm_hub_fetch_url(&options, argc > 1 ? argv[1] : "", path, &error);
    if (status)
        fprintf(stderr, "%s: %s\n", tm_status_name(status), error.message);
    else
        puts(path);
    return (int)status;
}
