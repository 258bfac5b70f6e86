/* SPDX-License-Identifier: Apache-2.0 */
/* What torchvision, torch.hub and transformers call models that timm has under another name. The
 * architecture is the same; who trained it, and on what, may not be. */
#include <string.h>

#include "registry/registry.h"

/* clang-format off */
static const struct {
    const char *name, *timm;
} names[] = {
    {"convnext_large_224", "convnext_large"}, {"convnext_tiny_224", "convnext_tiny"},
    {"dino_vitb16", "vit_base_patch16_224.dino"}, {"dino_vits16", "vit_small_patch16_224.dino"},
    {"dinov2", "vit_base_patch14_dinov2"}, {"dinov2_base", "vit_base_patch14_dinov2"},
    {"dinov2_giant", "vit_giant_patch14_dinov2"}, {"dinov2_large", "vit_large_patch14_dinov2"},
    {"dinov2_small", "vit_small_patch14_dinov2"}, {"dinov2_vitb14", "vit_base_patch14_dinov2"},
    {"dinov2_vitg14", "vit_giant_patch14_dinov2"}, {"dinov2_vitl14", "vit_large_patch14_dinov2"},
    {"dinov2_vits14", "vit_small_patch14_dinov2"},
    {"efficientnet_v2_l", "tf_efficientnetv2_l"}, {"efficientnet_v2_m", "tf_efficientnetv2_m"},
    {"efficientnet_v2_s", "tf_efficientnetv2_s"},
    {"maxvit_t", "maxvit_tiny_tf_224"},
    {"mnasnet0_5", "mnasnet_050"}, {"mnasnet0_75", "mnasnet_075"}, {"mnasnet1_0", "mnasnet_100"},
    {"mnasnet1_3", "mnasnet_140"},
    {"mobilenet_v2", "mobilenetv2_100"}, {"mobilenet_v3_large", "mobilenetv3_large_100"},
    {"mobilenet_v3_small", "mobilenetv3_small_100"},
    {"regnet_x_16gf", "regnetx_160"}, {"regnet_x_1_6gf", "regnetx_016"},
    {"regnet_x_32gf", "regnetx_320"}, {"regnet_x_3_2gf", "regnetx_032"},
    {"regnet_x_400mf", "regnetx_004"}, {"regnet_x_800mf", "regnetx_008"},
    {"regnet_x_8gf", "regnetx_080"},
    {"regnet_y_16gf", "regnety_160"}, {"regnet_y_1_6gf", "regnety_016"},
    {"regnet_y_32gf", "regnety_320"}, {"regnet_y_3_2gf", "regnety_032"},
    {"regnet_y_400mf", "regnety_004"}, {"regnet_y_800mf", "regnety_008"},
    {"regnet_y_8gf", "regnety_080"},
    {"swin_b", "swin_base_patch4_window7_224"}, {"swin_s", "swin_small_patch4_window7_224"},
    {"swin_t", "swin_tiny_patch4_window7_224"}, {"swin_v2_b", "swinv2_base_window8_256"},
    {"swin_v2_s", "swinv2_small_window8_256"}, {"swin_v2_t", "swinv2_tiny_window8_256"},
    {"vit_b_16", "vit_base_patch16_224"}, {"vit_b_32", "vit_base_patch32_224"},
    {"vit_h_14", "vit_huge_patch14_224"}, {"vit_l_16", "vit_large_patch16_224"},
    {"vit_l_32", "vit_large_patch32_224"},
};
/* clang-format on */

const char *tm_name_elsewhere(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, name) == 0)
            return names[i].timm;
    return NULL;
}
