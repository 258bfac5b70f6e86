/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

bool tm_random(uint64_t *number)
{
    if (getrandom(number, sizeof *number, 0) == sizeof *number)
        return true;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && read(fd, number, sizeof *number) == sizeof *number;
    if (fd >= 0)
        close(fd);
    return good;
}
