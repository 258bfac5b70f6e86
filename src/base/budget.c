/* SPDX-License-Identifier: Apache-2.0 */
#include "base/budget.h"

#include <unistd.h>

#include "base/cgroup.h"

bool tm_share_take(tm_share *share, size_t bytes)
{
    tm_budget *budget = share->budget;
    if (!budget)
        return true;
    if (bytes > budget->total)
        return false;
    pthread_mutex_lock(&budget->lock);
    while (budget->used > budget->total - bytes)
        pthread_cond_wait(&budget->given, &budget->lock);
    budget->used += bytes;
    pthread_mutex_unlock(&budget->lock);
    share->bytes = bytes;
    return true;
}

void tm_share_resize(tm_share *share, size_t bytes)
{
    tm_budget *budget = share->budget;
    if (!budget)
        return;
    pthread_mutex_lock(&budget->lock);
    budget->used = budget->used - share->bytes + bytes;
    if (bytes < share->bytes)
        pthread_cond_broadcast(&budget->given);
    pthread_mutex_unlock(&budget->lock);
    share->bytes = bytes;
}

void tm_share_return(tm_share *share)
{
    tm_share_resize(share, 0);
    *share = (tm_share){0};
}

size_t tm_memory_half(size_t most)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    unsigned long long group = tm_cgroup_memory("/proc", "/sys/fs/cgroup");
    unsigned long long bytes =
        pages > 0 && page > 0 ? (unsigned long long)pages * (unsigned long long)page / 2 : most;
    if (group && group / 2 < bytes)
        bytes = group / 2;
    return bytes < most ? (size_t)bytes : most;
}
