/* SPDX-License-Identifier: Apache-2.0 */
/* Names of a model's classes, as --labels says: the model's own or ImageNet's, a file's, or none.
 */
#ifndef TM_CLI_LABELS_H
#define TM_CLI_LABELS_H

#include "api/model.h"
#include "registry/class_names.h"

#define TM_LABELS_HELP                                                                             \
    "names of the classes: the model's own or ImageNet's, none, or a file's: one a line, or a "    \
    "JSON list, {\"0\": \"name\", ...} or config.json"

typedef struct tm_labels {
    const tm_model *model;
    int classes;
    bool none;
    tm_class_names stated; /* of a file */
    tm_arena text;
} tm_labels;

/* option: "auto", "none" or a file; NULL is "auto". The model must outlive the labels.
 * TM_WEIGHTS_MISSING, TM_WEIGHTS_INVALID, TM_WEIGHTS_MISMATCH: the file's. */
tm_status tm_labels_open(tm_labels *labels, const char *option, const tm_model *model,
                         tm_error *error);
void tm_labels_free(tm_labels *labels);

/* "" where there is none; *name is "" too where it is the label. */
void tm_labels_tell(const tm_labels *labels, int index, const char **name, const char **label);

/* The class that the text means: its name, its number, or its label or the first of the label's
 * names, where upper and lower case are the same, and so are _ and a space. TM_NOT_FOUND: none, or
 * several. */
tm_status tm_labels_find(const tm_labels *labels, const char *text, int *index, tm_error *error);

#endif
