/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry.h"

const tm_numbers tm_imagenet_mean = {(const double[]){0.485, 0.456, 0.406}, 3};
const tm_numbers tm_imagenet_std = {(const double[]){0.229, 0.224, 0.225}, 3};
