/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cgroup.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

enum { PATH_BYTES = 4096 };

/* The numbers of a file of one line; how many there were. "max" is none. */
static int read_numbers(const char *folder, const char *file, long long numbers[2])
{
    FILE *f = tm_open_in(folder, file);
    int count = f ? fscanf(f, "%lld %lld", &numbers[0], &numbers[1]) : 0;
    if (f)
        fclose(f);
    return count > 0 ? count : 0;
}

/* Whole CPUs, for a thread more than the quota stands still most of the time. */
static int whole_cpus(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return 0;
    long long cpus = quota / period;
    return cpus < 1 ? 1 : cpus > INT_MAX ? INT_MAX : (int)cpus;
}

/* A limit of a control group, 0: none. */
typedef struct limit {
    const char *controller;
    long long (*of_folder)(const char *folder);
} limit;

static long long folder_cpus(const char *folder)
{
    long long max[2], quota[2], period[2];
    if (read_numbers(folder, "cpu.max", max) == 2)
        return whole_cpus(max[0], max[1]);
    if (read_numbers(folder, "cpu.cfs_quota_us", quota) >= 1 &&
        read_numbers(folder, "cpu.cfs_period_us", period) >= 1)
        return whole_cpus(quota[0], period[0]);
    return 0;
}

static long long folder_memory(const char *folder)
{
    long long bytes[2];
    bool found = read_numbers(folder, "memory.max", bytes) >= 1 ||
                 read_numbers(folder, "memory.limit_in_bytes", bytes) >= 1;
    return found && bytes[0] > 0 ? bytes[0] : 0;
}

/* Of memory.stat, with the groups below: pages of files, which the kernel drops before it kills. */
static long long folder_file_pages(const char *folder)
{
    char line[256];
    long long bytes, sum = 0;
    FILE *f = tm_open_in(folder, "memory.stat");
    bool below = false; /* version 1 has both, the group's own first */
    while (f && fgets(line, sizeof line, f)) {
        bool total = strncmp(line, "total_", 6) == 0;
        const char *key = line + (total ? 6 : 0);
        if (sscanf(key, "inactive_file %lld", &bytes) != 1 &&
            sscanf(key, "active_file %lld", &bytes) != 1)
            continue;
        sum = (total && !below ? 0 : sum) + bytes;
        below = total;
    }
    if (f)
        fclose(f);
    return sum;
}

/* At least one byte, for 0 is none. */
static long long folder_memory_left(const char *folder)
{
    long long used[2], most = folder_memory(folder);
    if (!most || (read_numbers(folder, "memory.current", used) < 1 &&
                  read_numbers(folder, "memory.usage_in_bytes", used) < 1))
        return most;
    long long held = used[0] - folder_file_pages(folder);
    return held < 0 ? most : held < most ? most - held : 1;
}

static long long smaller(long long a, long long b)
{
    return !a || (b && b < a) ? b : a;
}

/* From the group up to the mount. Within a container the upper part of the path may be out of
 * sight; then the mount itself is the container's group. */
static long long path_limit(const limit *what, const char *mount, const char *group)
{
    char folder[PATH_BYTES];
    size_t root = strlen(mount);
    long long least = 0;
    int length = snprintf(folder, sizeof folder, "%s%s", mount, strstr(group, "..") ? "" : group);
    if (length < 0 || (size_t)length >= sizeof folder)
        return what->of_folder(mount);
    for (;;) {
        least = smaller(least, what->of_folder(folder));
        char *slash = strrchr(folder + root, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

static bool has_controller(const char *controllers, const char *wanted)
{
    for (const char *word = controllers; *word;) {
        size_t length = strcspn(word, ",");
        if (length == strlen(wanted) && memcmp(word, wanted, length) == 0)
            return true;
        word += length + (word[length] == ',');
    }
    return false;
}

static long long mount_limit(const limit *what, const char *root, const char *mount,
                             const char *group)
{
    char path[PATH_BYTES];
    int length = snprintf(path, sizeof path, "%s/%s", root, mount);
    return length > 0 && (size_t)length < sizeof path ? path_limit(what, path, group) : 0;
}

/* "5:cpu,cpuacct:/path" of version 1, "0::/path" of version 2. */
static long long line_limit(const limit *what, char *line, const char *root)
{
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group)
        return 0;
    controllers++;
    *group++ = '\0';
    if (!*controllers)
        return smaller(path_limit(what, root, group), mount_limit(what, root, "unified", group));
    if (!has_controller(controllers, what->controller))
        return 0;
    return smaller(mount_limit(what, root, controllers, group),
                   mount_limit(what, root, what->controller, group));
}

static long long least_limit(const limit *what, const char *proc, const char *root)
{
    char line[PATH_BYTES];
    long long least = 0;
    FILE *f = tm_open_in(proc, "self/cgroup");
    while (f && fgets(line, sizeof line, f))
        least = smaller(least, line_limit(what, line, root));
    if (f)
        fclose(f);
    return least;
}

int tm_cgroup_cpus(const char *proc, const char *root)
{
    static const limit cpus = {"cpu", folder_cpus};
    return (int)least_limit(&cpus, proc, root);
}

unsigned long long tm_cgroup_memory(const char *proc, const char *root)
{
    static const limit memory = {"memory", folder_memory};
    return (unsigned long long)least_limit(&memory, proc, root);
}

unsigned long long tm_cgroup_memory_left(const char *proc, const char *root)
{
    static const limit memory = {"memory", folder_memory_left};
    return (unsigned long long)least_limit(&memory, proc, root);
}
