/* SPDX-License-Identifier: Apache-2.0 */
/* What arguments of several families may name (TM_ARGUMENT_CHOICE). */
#ifndef TM_MODELS_CHOICES_H
#define TM_MODELS_CHOICES_H

#include "models/model.h"

extern const tm_choice tm_pad_types[]; /* timm's pad_type: a tm_padding */
extern const tm_choice tm_aa_layers[]; /* timm's aa_layer: a tm_aa_kind */

#endif
