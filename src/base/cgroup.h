/* SPDX-License-Identifier: Apache-2.0 */
/* What a container or a job scheduler allows this process. */
#ifndef TM_BASE_CGROUP_H
#define TM_BASE_CGROUP_H

/* Whole CPUs of the smallest quota on the way from this process's control groups to their root,
 * at least 1; 0: no quota. proc, root: "/proc", "/sys/fs/cgroup". Reads version 2 (cpu.max), also
 * beside version 1 in root/unified, and version 1 (cpu.cfs_quota_us). */
int tm_cgroup_cpus(const char *proc, const char *root);

/* The same of bytes of memory (memory.max, memory.limit_in_bytes). */
unsigned long long tm_cgroup_memory(const char *proc, const char *root);

/* What the fullest group on the way leaves of its memory, pages of files not counted, for they can
 * go: at least 1; 0: no limit. */
unsigned long long tm_cgroup_memory_left(const char *proc, const char *root);

#endif
