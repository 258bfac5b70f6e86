/* SPDX-License-Identifier: Apache-2.0 */
/* How much more memory this process can get. */
#ifndef TM_BASE_AVAILABLE_H
#define TM_BASE_AVAILABLE_H

typedef struct tm_available {
    unsigned long long bytes; /* the most, where nothing limits it */
    const char *whose;        /* what has no more: for messages */
} tm_available;

/* The least of what the machine has (memory that is free or can be freed, and swap), what the
 * control groups leave, and what is left of the address space (ulimit -v). proc, root: "/proc",
 * "/sys/fs/cgroup". */
tm_available tm_memory_available(const char *proc, const char *root);

#endif
