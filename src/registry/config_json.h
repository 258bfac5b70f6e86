/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json, which timm writes beside the weights that it saves for the hub: the architecture,
 * how pictures are prepared, the classes, and the arguments the model was made with. Both of
 * timm's forms: everything in one object, and "pretrained_cfg" in an object of its own.
 */
#ifndef TM_REGISTRY_CONFIG_JSON_H
#define TM_REGISTRY_CONFIG_JSON_H

#include "base/memory.h"
#include "registry/class_names.h"
#include "registry/registry.h"

/* A key of model_args that a model's family may know, and its value as JSON. */
typedef struct tm_model_argument {
    const char *name, *value;
} tm_model_argument;

enum { TM_MODEL_ARGUMENTS_MAX = 64 };

typedef struct tm_model_config {
    tm_resolved resolved;  /* fields that the file leaves out have timm's defaults */
    int label_offset;      /* classes before the model's own in the stored classifier */
    tm_class_names labels; /* of the config's num_classes */
    /* model_args; 0, -1 and NULL where the file has none */
    int num_classes, in_chans, img_height, img_width, output_stride;
    const char *global_pool;
    const tm_model_argument *arguments; /* the others, in their order */
    size_t argument_count;
} tm_model_config;

/* Reads at most 4 MB of JSON; file is the name for messages. Texts live in the arena. Every number
 * is checked for its range. TM_WEIGHTS_INVALID: not what timm writes; TM_UNKNOWN_MODEL: no such
 * architecture; TM_UNSUPPORTED: more arguments than TM_MODEL_ARGUMENTS_MAX. */
tm_status tm_config_parse(const char *file, const unsigned char *text, size_t size, tm_arena *arena,
                          tm_model_config *config, tm_error *error);

/* Whether an argument of timm's create_model changes nothing at inference. */
bool tm_argument_is_harmless(const char *key);

#endif
