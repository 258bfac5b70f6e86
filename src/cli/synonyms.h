/* SPDX-License-Identifier: Apache-2.0 */
/* What people call commands and options who come from timm's scripts, PyTorch, onnxruntime or
 * another classifier. */
#ifndef TM_CLI_SYNONYMS_H
#define TM_CLI_SYNONYMS_H

#include <stddef.h>

typedef struct tm_synonym {
    const char *theirs; /* a command, or an option without its dashes */
    const char *ours;   /* the name of a command or option here; NULL: there is none */
    const char *said;   /* what to write here, or why not; NULL: ours and its argument */
    const char *at;     /* of an option: the command line that has it; NULL: every one of ours */
} tm_synonym;

/* Of the whole name, or of its first three letters and more; NULL: none known. */
const tm_synonym *tm_command_synonym(const char *name);
const tm_synonym *tm_option_synonym(const char *name);

/* Another option that a value of this one was probably meant for; NULL: none. */
const char *tm_misplaced_value(const char *option);

#endif
