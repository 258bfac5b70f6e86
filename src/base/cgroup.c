/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cgroup.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 4096 };

/* The numbers of a file of one line; how many there were. "max" is none. */
static int read_numbers(const char *folder, const char *file, long long numbers[2])
{
    char path[PATH_BYTES + 64];
    int length = snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *f = length > 0 && (size_t)length < sizeof path ? fopen(path, "re") : NULL;
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

static int folder_cpus(const char *folder)
{
    long long max[2], quota[2], period[2];
    if (read_numbers(folder, "cpu.max", max) == 2)
        return whole_cpus(max[0], max[1]);
    if (read_numbers(folder, "cpu.cfs_quota_us", quota) >= 1 &&
        read_numbers(folder, "cpu.cfs_period_us", period) >= 1)
        return whole_cpus(quota[0], period[0]);
    return 0;
}

static int smaller(int a, int b)
{
    return !a || (b && b < a) ? b : a;
}

/* From the group up to the mount. Within a container the upper part of the path may be out of
 * sight; then the mount itself is the container's group. */
static int path_cpus(const char *mount, const char *group)
{
    char folder[PATH_BYTES];
    size_t root = strlen(mount);
    int cpus = 0;
    int length = snprintf(folder, sizeof folder, "%s%s", mount, strstr(group, "..") ? "" : group);
    if (length < 0 || (size_t)length >= sizeof folder)
        return folder_cpus(mount);
    for (;;) {
        cpus = smaller(cpus, folder_cpus(folder));
        char *slash = strrchr(folder + root, '/');
        if (!slash)
            return cpus;
        *slash = '\0';
    }
}

static bool has_cpu_controller(const char *controllers)
{
    for (const char *word = controllers; *word;) {
        size_t length = strcspn(word, ",");
        if (length == 3 && memcmp(word, "cpu", 3) == 0)
            return true;
        word += length + (word[length] == ',');
    }
    return false;
}

static int mount_cpus(const char *root, const char *mount, const char *group)
{
    char path[PATH_BYTES];
    int length = snprintf(path, sizeof path, "%s/%s", root, mount);
    return length > 0 && (size_t)length < sizeof path ? path_cpus(path, group) : 0;
}

/* "5:cpu,cpuacct:/path" of version 1, "0::/path" of version 2. */
static int line_cpus(char *line, const char *root)
{
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group)
        return 0;
    controllers++;
    *group++ = '\0';
    if (!*controllers)
        return smaller(path_cpus(root, group), mount_cpus(root, "unified", group));
    if (!has_cpu_controller(controllers))
        return 0;
    return smaller(mount_cpus(root, controllers, group), mount_cpus(root, "cpu", group));
}

int tm_cgroup_cpus(const char *proc, const char *root)
{
    char line[PATH_BYTES];
    int cpus = 0;
    snprintf(line, sizeof line, "%s/self/cgroup", proc);
    FILE *f = fopen(line, "re");
    while (f && fgets(line, sizeof line, f))
        cpus = smaller(cpus, line_cpus(line, root));
    if (f)
        fclose(f);
    return cpus;
}
