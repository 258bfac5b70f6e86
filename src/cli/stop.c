/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "base/outfile.h"
#include "cli/cli.h"

static const struct {
    int number;
    const char *name;
} signals[] = {{SIGINT, "SIGINT"}, {SIGTERM, "SIGTERM"}, {SIGUSR1, "SIGUSR1"}};

static atomic_int asked;       /* the signal's number */
static int bell[2] = {-1, -1}; /* a pipe: readable once asked */
static struct sigaction before[NSIG];

static void ask(int number)
{
    int none = 0, cause = errno;
    if (atomic_compare_exchange_strong(&asked, &none, number)) {
        (void)!write(bell[1], "", 1);
    } else {
        sigaction(number, &before[number], NULL);
        raise(number);
    }
    errno = cause;
}

void tm_stop_listen(void)
{
    struct sigaction action = {.sa_handler = ask, .sa_flags = SA_RESTART | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    if (pipe(bell) != 0)
        return; /* signals end the process, as ever */
    fcntl(bell[0], F_SETFD, FD_CLOEXEC);
    fcntl(bell[1], F_SETFD, FD_CLOEXEC);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        int number = signals[i].number;
        if (sigaction(number, NULL, &before[number]) == 0 && before[number].sa_handler != SIG_IGN)
            sigaction(number, &action, NULL);
    }
}

bool tm_stop_asked(void)
{
    return atomic_load(&asked) != 0;
}

const char *tm_stop_name(void)
{
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (signals[i].number == atomic_load(&asked))
            return signals[i].name;
    return "";
}

bool tm_stop_wait(int fd)
{
    struct pollfd fds[] = {{.fd = bell[0], .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    while (!tm_stop_asked() && poll(fds, 2, -1) < 0 && errno == EINTR)
        continue;
    return !tm_stop_asked();
}

int tm_stop_exit_code(void)
{
    int number = atomic_load(&asked);
    return number == SIGUSR1 ? TM_EXIT_STOPPED : 128 + number;
}

void tm_stop_end(int exit_code)
{
    int number = atomic_load(&asked);
    if (!number || number == SIGUSR1 || exit_code != 128 + number)
        return;
    signal(number, SIG_DFL);
    raise(number);
}
