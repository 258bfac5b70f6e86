/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/plugins.h"
#include "cli/process.h"
#include "cli/stop.h"

static int run(int argc, char **argv)
{
    if (argc < 2)
        return tm_usage_error(NULL, "no command");
    const char *word = argv[1];
    if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
        return tm_main_help();
    if (strcmp(word, "-V") == 0 || strcmp(word, "--version") == 0)
        return puts("timmc " TIMMC_VERSION) < 0 ? TM_EXIT_OUTPUT : TM_EXIT_OK;
    if (word[0] == '-')
        return tm_usage_error(NULL, "unknown option %s before the command", word);
    const tm_command_entry *entry = tm_find_command(word);
    return entry ? entry->run(argc - 1, argv + 1) : tm_unknown_command(word);
}

int main(int argc, char **argv)
{
    tm_keep_memory();
    tm_take_standard_streams();
    tm_handle_signals();
    tm_error error = {0};
    tm_status status = tm_load_plugins(&argc, argv, &error);
    int exit_code = status ? tm_report(&error) : run(argc, argv);
    /* Lost output must not look like success. */
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && exit_code == TM_EXIT_OK)
        exit_code = tm_stdout_failed();
    tm_stop_end(exit_code);
    return exit_code;
}
