/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/available.h"
#include "base/cgroup.h"
#include "tests/unit/emulated.h"

static char tree[64];

/* Writes a file below the tree, and the folders before it. */
static void put(const char *file, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", tree, file);
    for (char *slash = path + strlen(tree) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(path, 0700);
    }
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int cpus(void)
{
    char proc[128], root[128];
    snprintf(proc, sizeof proc, "%s/proc", tree);
    snprintf(root, sizeof root, "%s/cgroup", tree);
    return tm_cgroup_cpus(proc, root);
}

static unsigned long long memory(void)
{
    char proc[128], root[128];
    snprintf(proc, sizeof proc, "%s/proc", tree);
    snprintf(root, sizeof root, "%s/cgroup", tree);
    return tm_cgroup_memory(proc, root);
}

static int make_tree(void **state)
{
    (void)state;
    snprintf(tree, sizeof tree, "/tmp/timmc-cgroup-XXXXXX");
    return mkdtemp(tree) ? 0 : -1;
}

static int remove_tree(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", tree);
    return system(command);
}

static void test_nothing(void **state)
{
    (void)state;
    assert_int_equal(cpus(), 0);
    put("proc/self/cgroup", "0::/\n");
    assert_int_equal(cpus(), 0);
    put("cgroup/cpu.max", "max 100000\n");
    assert_int_equal(cpus(), 0);
}

static void test_version_2(void **state)
{
    (void)state;
    put("proc/self/cgroup", "0::/\n");
    put("cgroup/cpu.max", "350000 100000\n");
    assert_int_equal(cpus(), 3); /* rounded down */
    put("cgroup/cpu.max", "50000 100000\n");
    assert_int_equal(cpus(), 1);
}

static void test_nested(void **state)
{
    (void)state;
    put("proc/self/cgroup", "0::/system.slice/slurm/job_7/step_0\n");
    put("cgroup/system.slice/slurm/job_7/step_0/cpu.max", "max 100000\n");
    put("cgroup/system.slice/slurm/job_7/cpu.max", "400000 100000\n");
    assert_int_equal(cpus(), 4);
    put("cgroup/system.slice/cpu.max", "200000 100000\n"); /* the smallest on the way */
    assert_int_equal(cpus(), 2);
    put("cgroup/other/cpu.max", "100000 100000\n"); /* is not on the way */
    assert_int_equal(cpus(), 2);
}

static void test_version_1(void **state)
{
    (void)state;
    put("proc/self/cgroup", "5:memory:/docker/abc\n4:cpuset:/\n3:cpu,cpuacct:/docker/abc\n");
    put("cgroup/cpuset/cpu.cfs_quota_us", "100000\n");
    put("cgroup/cpuset/cpu.cfs_period_us", "100000\n");
    put("cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "-1\n");
    put("cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cpus(), 0);
    put("cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "100000\n");
    assert_int_equal(cpus(), 1);
}

/* Inside the container its own group is mounted, under whatever path the host calls it. */
static void test_container(void **state)
{
    (void)state;
    put("proc/self/cgroup", "3:cpuacct,cpu:/docker/abc\n");
    put("cgroup/cpu/cpu.cfs_quota_us", "250000\n");
    put("cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cpus(), 2);
    put("proc/self/cgroup", "0::/../../abc\n");
    put("cgroup/cpu.max", "600000 100000\n");
    assert_int_equal(cpus(), 6);
}

static void test_both_versions(void **state)
{
    (void)state;
    put("proc/self/cgroup", "3:cpu:/a\n0::/a\n");
    put("cgroup/cpu/a/cpu.cfs_quota_us", "500000\n");
    put("cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
    put("cgroup/unified/a/cpu.max", "300000 100000\n");
    assert_int_equal(cpus(), 3);
}

static void test_nonsense(void **state)
{
    (void)state;
    put("proc/self/cgroup", "\n:\n::\n0:cpu\nx\n0::/a\n");
    put("cgroup/a/cpu.max", "100000 0\n");
    assert_int_equal(cpus(), 0);
    put("cgroup/a/cpu.max", "9223372036854775807 1\n");
    assert_int_equal(cpus(), INT32_MAX);
}

static void test_memory(void **state)
{
    (void)state;
    put("proc/self/cgroup", "0::/pod/box\n");
    put("cgroup/pod/box/memory.max", "max\n");
    assert_true(memory() == 0);
    put("cgroup/pod/memory.max", "1073741824\n");
    assert_true(memory() == 1073741824);
    put("cgroup/pod/box/memory.max", "536870912\n");
    assert_true(memory() == 536870912);
    put("proc/self/cgroup", "4:memory:/a\n3:cpu:/a\n");
    put("cgroup/memory/a/memory.limit_in_bytes", "268435456\n");
    assert_true(memory() == 268435456);
    assert_int_equal(cpus(), 0);
}

static unsigned long long left(void)
{
    char proc[128], root[128];
    snprintf(proc, sizeof proc, "%s/proc", tree);
    snprintf(root, sizeof root, "%s/cgroup", tree);
    return tm_cgroup_memory_left(proc, root);
}

static void test_memory_left(void **state)
{
    (void)state;
    put("proc/self/cgroup", "0::/pod/box\n");
    put("cgroup/pod/box/memory.max", "max\n");
    put("cgroup/pod/box/memory.current", "5000\n");
    assert_true(left() == 0);
    put("cgroup/pod/memory.max", "10000\n");
    put("cgroup/pod/memory.current", "9000\n"); /* of which files can go, a shared one cannot */
    put("cgroup/pod/memory.stat",
        "anon 100\nfile 8000\nshmem 3000\ninactive_file 2000\nactive_file 3000\n");
    assert_true(left() == 6000);
    put("cgroup/pod/box/memory.max", "7000\n"); /* the fullest, not the smallest */
    put("cgroup/pod/box/memory.current", "500\n");
    assert_true(left() == 6000);
    put("cgroup/pod/box/memory.current", "7500\n");
    assert_true(left() == 1);
}

static void test_memory_left_version_1(void **state)
{
    (void)state;
    put("proc/self/cgroup", "4:memory:/a\n");
    put("cgroup/memory/a/memory.limit_in_bytes", "10000\n");
    put("cgroup/memory/a/memory.usage_in_bytes", "8000\n");
    put("cgroup/memory/a/memory.stat",
        "inactive_file 10\nactive_file 20\ntotal_inactive_file 1000\ntotal_active_file 500\n");
    assert_true(left() == 3500);
}

static tm_available available(void)
{
    char proc[128], root[128];
    snprintf(proc, sizeof proc, "%s/proc", tree);
    snprintf(root, sizeof root, "%s/cgroup", tree);
    return tm_memory_available(proc, root);
}

static void test_available(void **state)
{
    (void)state;
    assert_true(available().bytes == ~0ull);
    put("proc/meminfo", "MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable: 400 kB\n"
                        "SwapTotal: 200 kB\nSwapFree: 100 kB\n");
    assert_true(available().bytes == 500 << 10);
    assert_string_equal(available().whose, "on this machine");
    put("proc/self/cgroup", "0::/pod\n");
    put("cgroup/pod/memory.max", "600000\n");
    assert_true(available().bytes == 500 << 10);
    put("cgroup/pod/memory.max", "300000\n");
    assert_true(available().bytes == 300000);
    assert_string_equal(available().whose, "in the control group");
}

/* The limit is far above what this program takes, so nothing fails meanwhile. */
static void test_available_addresses(void **state)
{
    struct rlimit before, limit;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    limit = before;
    limit.rlim_cur = (rlim_t)1 << 46;
    put("proc/self/statm", "1000 500 100 1 0 300 0\n");
    if (emulated() || setrlimit(RLIMIT_AS, &limit) != 0) /* emulators keep theirs */
        skip();
    tm_available have = available();
    setrlimit(RLIMIT_AS, &before);
    assert_true(have.bytes == (1ull << 46) - 1000 * (unsigned long long)sysconf(_SC_PAGESIZE));
    assert_string_equal(have.whose, "of the address space (ulimit -v)");
}

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, make_tree, remove_tree)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TREE(test_nothing),     IN_TREE(test_version_2),
        IN_TREE(test_nested),      IN_TREE(test_version_1),
        IN_TREE(test_container),   IN_TREE(test_both_versions),
        IN_TREE(test_nonsense),    IN_TREE(test_memory),
        IN_TREE(test_memory_left), IN_TREE(test_memory_left_version_1),
        IN_TREE(test_available),   IN_TREE(test_available_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
