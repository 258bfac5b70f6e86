/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TM_CLI_SHARD_H
#define TM_CLI_SHARD_H

#include "cli/cli.h"

/* "I/N", or "auto": the place among the tasks of a Slurm array times the ranks that srun, Open MPI
 * or another launcher with PMI started, from the environment. TM_USAGE. */
tm_status tm_shard_parse(const char *text, tm_shard *shard, tm_error *error);

#endif
