/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model of one's own beside timm's: a C file with a family's table and build function, as in
 * src/models, compiled as a shared object that defines `timmc_plugin`.
 *
 *   cc -shared -fPIC $(pkg-config --cflags timmc) my_models.c -o my_models.so
 *   timmc classify --plugin ./my_models.so my_net --no-pretrained cat.jpg
 *
 * TIMMC_PLUGINS holds files separated by colons. A plugin is code: load only what you trust. It
 * must be built against the headers of the very timmc that loads it.
 */
#ifndef TIMMC_PLUGIN_H
#define TIMMC_PLUGIN_H

#include "models/model.h"

/* Counts up when a structure or function that plugins see changes. */
#define TIMMC_PLUGIN_ABI 5

/* How a variant's pictures are prepared; zero means timm's default: 3 x 224 x 224, bicubic, crop
 * 0.875, ImageNet's mean and std, 1000 classes. */
typedef struct tm_plugin_model {
    const char *arch; /* a variant of the family */
    int input_size[3];
    const char *interpolation;
    double crop_pct, mean[3], std[3];
    int num_classes;
    const char *first_conv, *classifier; /* module names, for checkpoints of other shapes */
} tm_plugin_model;

typedef struct tm_plugin {
    int abi; /* TIMMC_PLUGIN_ABI */
    const tm_family *family;
    const tm_plugin_model *models; /* of variants that differ from the default; may be NULL */
    size_t model_count;
} tm_plugin;

extern __attribute__((visibility("default"))) const tm_plugin timmc_plugin;

#endif
