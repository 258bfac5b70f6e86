/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TM_CLI_PLUGINS_H
#define TM_CLI_PLUGINS_H

#include "base/error.h"

/* Loads the shared objects of TIMMC_PLUGINS and of every --plugin FILE among the arguments, which
 * are taken out of them. Their models are then known to every command. */
tm_status tm_load_plugins(int *argc, char **argv, tm_error *error);

#endif
