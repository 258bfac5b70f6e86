/* SPDX-License-Identifier: Apache-2.0 */
/* What only the program may do to its process, and the library never does. */
#ifndef TM_CLI_PROCESS_H
#define TM_CLI_PROCESS_H

/* What one picture has freed the next one gets; before anything is allocated. */
void tm_keep_memory(void);

/* What packing has freed goes back: before a run takes memory that the packing wanted. */
void tm_return_memory(void);

/* First of all: descriptors 0, 1 and 2 that the caller closed are taken, so that no file of the
 * run gets their number and their bytes; using them fails as it should. */
void tm_take_standard_streams(void);

/* A signal that ends the process first removes the files under construction; a file that grows
 * over the limit is an error of its write. */
void tm_handle_signals(void);

#endif
