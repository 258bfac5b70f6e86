/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of the inputs is this process's. */
#include "cli/shard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_MAX = 1000000000 };

/* A decimal number up to COUNT_MAX; *rest is what follows it. */
static bool parse_count(const char *text, size_t *count, const char **rest)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *count = (size_t)value;
    *rest = end;
    return errno == 0 && value <= COUNT_MAX;
}

static bool variable(const char *name, size_t *value)
{
    const char *text = name ? getenv(name) : NULL, *rest;
    return text && parse_count(text, value, &rest) && !*rest;
}

/* Variables that say which of several this process is. */
typedef struct launcher {
    const char *index, *count, *first, *last, *step;
} launcher;

static const launcher array_task = {"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT",
                                    "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX",
                                    "SLURM_ARRAY_TASK_STEP"};

/* An MPI launcher within a Slurm job inherits the variables of the step that started its daemons,
 * so its own come first. */
static const launcher ranks[] = {
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", NULL, NULL, NULL},
    {"MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", NULL, NULL, NULL},
    {"PMI_RANK", "PMI_SIZE", NULL, NULL, NULL},
    {"PMIX_RANK", "PMIX_SIZE", NULL, NULL, NULL},
    {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", NULL, NULL, NULL},
    {"SLURM_PROCID", "SLURM_NTASKS", NULL, NULL, NULL},
};

/* In the shell of a batch job Slurm calls the one process rank 0 of as many tasks as the job may
 * start; only within a step are they there. */
static bool is_batch_shell(const launcher *l)
{
    return strcmp(l->index, "SLURM_PROCID") == 0 && getenv("SLURM_JOB_ID") &&
           !getenv("SLURM_STEP_ID");
}

/* TM_NOT_FOUND: this launcher did not start the process. */
static tm_status read_place(const launcher *l, tm_shard *place, tm_error *error)
{
    size_t index, count, first = 0, last, step = 1;
    if (!variable(l->index, &index) || !variable(l->count, &count) || is_batch_shell(l))
        return TM_NOT_FOUND;
    if (!variable(l->first, &first))
        first = 0;
    if (!variable(l->step, &step) || step < 1)
        step = 1;
    /* of an array with gaps nobody says how many tasks come before this one */
    if (variable(l->last, &last) && (last < first || (last - first) / step + 1 != count))
        return tm_fail(error, TM_USAGE,
                       "\"auto\": the array is no row: %zu tasks from %zu to %zu; write I/N", count,
                       first, last);
    if (index < first || (index - first) % step || (index - first) / step >= count)
        return tm_fail(error, TM_USAGE, "%s=%zu is no place among the %zu of %s", l->index, index,
                       count, l->count);
    *place = (tm_shard){(index - first) / step, count};
    return TM_OK;
}

static tm_status read_rank(tm_shard *rank, tm_error *error)
{
    tm_status status = TM_NOT_FOUND;
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks && status == TM_NOT_FOUND; i++)
        status = read_place(&ranks[i], rank, error);
    return status;
}

static tm_status fail_unplaced(tm_error *error)
{
    if (getenv("PARALLEL_SEQ"))
        return tm_fail(error, TM_USAGE,
                       "\"auto\": GNU parallel tells a job its number but not how many there are, "
                       "and job slots are used again; write \"parallel --plus timmc ... --shard "
                       "{#}/{##}\"");
    if (getenv("PMIX_RANK"))
        return tm_fail(error, TM_USAGE,
                       "\"auto\": PMIX_RANK is there, but not how many ranks there are; write I/N");
    if (getenv("SLURM_JOB_ID"))
        return tm_fail(error, TM_USAGE,
                       "\"auto\": this process is neither in a job array nor in a step of Slurm; "
                       "start it with srun, or write I/N");
    return tm_fail(error, TM_USAGE,
                   "\"auto\" finds no rank and count of Slurm, Open MPI or PMI in the environment");
}

/* The ranks of every task of an array share the inputs: task x ranks + rank. */
static tm_status launched_shard(tm_shard *shard, tm_error *error)
{
    tm_shard task = {0, 1}, rank = {0, 1};
    tm_status of_task = read_place(&array_task, &task, error);
    if (of_task == TM_USAGE)
        return of_task;
    tm_status of_rank = read_rank(&rank, error);
    if (of_rank == TM_USAGE)
        return of_rank;
    if (of_task && of_rank)
        return fail_unplaced(error);
    *shard = (tm_shard){task.index * rank.count + rank.index, task.count * rank.count};
    return TM_OK;
}

tm_status tm_shard_parse(const char *text, tm_shard *shard, tm_error *error)
{
    size_t index, count;
    const char *rest;
    if (strcmp(text, "auto") == 0)
        return launched_shard(shard, error);
    if (!parse_count(text, &index, &rest) || *rest != '/' ||
        !parse_count(rest + 1, &count, &rest) || *rest || index < 1 || index > count)
        return tm_fail(error, TM_USAGE, "\"%.100s\" is not I/N with I from 1 to N, nor \"auto\"",
                       text);
    *shard = (tm_shard){index - 1, count};
    return TM_OK;
}
