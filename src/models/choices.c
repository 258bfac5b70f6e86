/* SPDX-License-Identifier: Apache-2.0 */
#include "models/choices.h"

#include "layers/blur_pool.h"

const tm_choice tm_pad_types[] = {
    {"", TM_PAD_DEFAULT}, {"same", TM_PAD_SAME}, {"valid", TM_PAD_VALID}, {NULL, 0}};
const tm_choice tm_aa_layers[] = {
    {"avg", TM_AA_AVG}, {"blur", TM_AA_BLUR}, {"blurpc", TM_AA_BLUR_ZERO}, {NULL, 0}};
