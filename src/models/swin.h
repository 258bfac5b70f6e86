/* SPDX-License-Identifier: Apache-2.0 */
/* What both versions of Swin share: all but their stages. */
#ifndef TM_MODELS_SWIN_H
#define TM_MODELS_SWIN_H

#include "layers/window.h"
#include "models/model.h"

enum { TM_SWIN_STAGES = 4 };

/* timm's strict_img_size and dynamic_img_size: at any size, windows, shifts and tables stay those
 * of the size that the model is made for. */
typedef struct tm_swin_any {
    bool dynamic, not_strict;
} tm_swin_any;

#define TM_SWIN_TAKES_ANY(type, member)                                                            \
    TM_TAKES(type, "dynamic_img_size", FLAG, member.dynamic, TM_ANY),                              \
        TM_TAKES(type, "strict_img_size", NO_FLAG, member.not_strict, TM_ANY)

/* Sides of the map that windows of stage `index` are fitted to: of the picture's, or in a model of
 * any size of a picture that the model is made for. */
tm_shape tm_swin_map(const tm_builder *b, int index, tm_swin_any any);
/* Refuses a picture that patches do not divide, where timm does. */
void tm_swin_check_size(tm_builder *b, tm_swin_any any);

/* Stage `index` of the family's variant, on a map. */
typedef tm_node *tm_swin_stage(tm_builder *b, const void *variant, tm_node *x, int index);

/* From the input to the taps; width: of the first stage. */
void tm_swin_build(tm_builder *b, int width, tm_swin_stage *stage, const void *variant);

#endif
