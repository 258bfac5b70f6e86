/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of a model's classes that somebody states, in its config.json or in a file of labels.
 * Lists are in the order of the classes; objects map a class's number to its name, timm's form
 * where numbers have gaps, and transformers' id2label.
 */
#ifndef TM_REGISTRY_CLASS_NAMES_H
#define TM_REGISTRY_CLASS_NAMES_H

#include "base/error.h"
#include "base/memory.h"

struct cJSON;

typedef struct tm_class_names {
    const char **names, **descriptions; /* `count` of each; NULL: that class has none */
    size_t count;                       /* the model's classes, or 0 */
    size_t given;      /* names that are stated, right or wrong; an object's may be fewer */
    bool stated;       /* classes are named here, if only wrongly: no other set's names are right */
    char problem[256]; /* the first thing that did not fit, which is left out; "": there is none */
} tm_class_names;

/* Of a whole config: what its label_names, labels or id2label names. Texts live in the arena.
 * Whatever does not fit the number of classes is told in `problem`; TM_NO_MEMORY alone fails. */
tm_status tm_class_names_of_config(const struct cJSON *config, int classes, tm_arena *arena,
                                   tm_class_names *names, tm_error *error);

/* Of a file's bytes: such a config, a list, an object by class number, or UTF-8 text with one name
 * a line. TM_WEIGHTS_INVALID: none of these; TM_WEIGHTS_MISMATCH: not for that many classes, though
 * an object may leave some out. */
tm_status tm_class_names_parse(const char *file, const void *bytes, size_t size, int classes,
                               tm_arena *arena, tm_class_names *names, tm_error *error);

/* text is the description, or the name again; false: the class has no name. */
bool tm_class_name(const tm_class_names *names, int index, const char **name, const char **text);

/* "own", or the set that tm_label takes for so many classes; NULL: no names. */
const char *tm_class_names_source(const tm_class_names *names, int classes);

#endif
