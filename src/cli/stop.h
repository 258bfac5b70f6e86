/* SPDX-License-Identifier: Apache-2.0 */
/* Runs that are asked to end early: what is under way is done and written, then they end. */
#ifndef TM_CLI_STOP_H
#define TM_CLI_STOP_H

#include <stdbool.h>

/* From now on the first SIGINT, SIGTERM or SIGUSR1 asks; a second one ends the process as it would
 * have before. What the process ignores it goes on to ignore. */
void tm_stop_listen(void);

bool tm_stop_asked(void);
const char *tm_stop_name(void); /* of the signal that asked */

/* Waits until the descriptor has bytes, its end or an error; false: a stop was asked before. */
bool tm_stop_wait(int fd);

/* 75 where SIGUSR1 asked; else 128 and the signal's number. */
int tm_stop_exit_code(void);

/* Where a run ended by SIGINT or SIGTERM, so does the process: shells stop their loops by that. */
void tm_stop_end(int exit_code);

#endif
