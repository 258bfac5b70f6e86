/* SPDX-License-Identifier: Apache-2.0 */
#include "base/available.h"

#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/file.h"

/* A kernel older than MemAvailable says nothing. */
static unsigned long long of_machine(const char *proc)
{
    char line[256];
    unsigned long long kilobytes, memory = 0, swap = 0;
    FILE *f = tm_open_in(proc, "meminfo");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "MemAvailable: %llu kB", &kilobytes) == 1)
            memory = kilobytes << 10;
        else if (sscanf(line, "SwapFree: %llu kB", &kilobytes) == 1)
            swap = kilobytes << 10;
    }
    if (f)
        fclose(f);
    return memory ? memory + swap : ULLONG_MAX;
}

static unsigned long long of_groups(const char *proc, const char *root)
{
    unsigned long long left = tm_cgroup_memory_left(proc, root);
    return left ? left : ULLONG_MAX;
}

static unsigned long long of_addresses(const char *proc)
{
    struct rlimit limit;
    unsigned long long pages = 0;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return ULLONG_MAX;
    FILE *f = tm_open_in(proc, "self/statm");
    if (f && fscanf(f, "%llu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    unsigned long long used = pages * (unsigned long long)sysconf(_SC_PAGESIZE);
    return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

tm_available tm_memory_available(const char *proc, const char *root)
{
    tm_available least = {of_machine(proc), "on this machine"};
    unsigned long long groups = of_groups(proc, root), addresses = of_addresses(proc);
    if (groups < least.bytes)
        least = (tm_available){groups, "in the control group"};
    if (addresses < least.bytes)
        least = (tm_available){addresses, "of the address space (ulimit -v)"};
    return least;
}
