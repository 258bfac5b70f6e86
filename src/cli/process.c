/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/process.h"

#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "base/outfile.h"

void tm_take_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            /* open takes the lowest free number; the wrong direction makes its use fail */
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* Pictures come and go by the million: memory of one goes to the next, and not to the system and
 * back, page by page. What is larger is seldom, and returned. */
void tm_keep_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 8 << 20);
    mallopt(M_TRIM_THRESHOLD, 32 << 20);
#endif
}

void tm_return_memory(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

static void end(int number)
{
    tm_outfile_remove_pending();
    signal(number, SIG_DFL);
    raise(number);
}

void tm_handle_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    struct sigaction present, action = {.sa_handler = end, .sa_flags = SA_NODEFER};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (sigaction(numbers[i], NULL, &present) == 0 && present.sa_handler == SIG_DFL)
            sigaction(numbers[i], &action, NULL);
    signal(SIGXFSZ, SIG_IGN);
}
