/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/added.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

typedef struct added {
    const char *name, *module;
    bool listed;
    tm_pretrained config;
} added;

/* clang-format off */
#define LEGACY(name_, module_, size, pct, filter, conv, head)                                      \
    LEGACY_TESTED(name_, module_, size, size, pct, filter, conv, head)
#define LEGACY_TESTED(name_, module_, size, test, pct, filter, conv, head)                         \
    LEGACY_ROW(name_, module_, size, pct, filter, conv, head, .test_input_size = {3, test, test})
#define LEGACY_ROW(name_, module_, size, pct, filter, conv, head, ...)                             \
    {name_, module_, false,                                                                        \
     {.interpolation = filter, .crop_pct = pct, .input_size = {3, size, size}, .num_classes = 1000, \
      .first_conv = conv, .classifier = head, .notes = "timm 0.4.12, dropped since", __VA_ARGS__}}
#define NFNET_S(name_, size, test)                                                                 \
    LEGACY_TESTED(name_, "nfnet", size, test, 0.9, "bicubic", "stem.conv1", "head.fc")
#define BYOANET(name_, size, least, fixed)                                                         \
    LEGACY_ROW(name_, "byoanet", size, 0.875, "bicubic", "stem.conv1.conv", "head.fc",             \
               .pool_size = {size / 32, size / 32}, .min_input_size = {3, least, least},           \
               .fixed_input_size = fixed)

/* default_cfg of timm 0.4.12 */
static const added legacy[] = {
    LEGACY("cspdarknet53_iabn", "cspnet", 256, 0.887, "bilinear", "stem.conv1.conv", "head.fc"),
    LEGACY("cspresnext50_iabn", "cspnet", 256, 0.887, "bilinear", "stem.conv1.conv", "head.fc"),
    LEGACY("densenet121d", "densenet", 224, 0.875, "bicubic", "features.conv0", "classifier"),
    LEGACY("densenet264", "densenet", 224, 0.875, "bicubic", "features.conv0", "classifier"),
    LEGACY("densenet264d_iabn", "densenet", 224, 0.875, "bicubic", "features.conv0", "classifier"),
    LEGACY("eca_efficientnet_b0", "efficientnet", 224, 0.875, "bicubic", "conv_stem", "classifier"),
    BYOANET("eca_lambda_resnext26ts", 256, 128, false),
    BYOANET("eca_swinnext26ts_256", 256, 224, true),
    LEGACY("ese_vovnet99b_iabn", "vovnet", 224, 0.875, "bicubic", "stem.0.conv", "head.fc"),
    LEGACY("gc_efficientnet_b0", "efficientnet", 224, 0.875, "bicubic", "conv_stem", "classifier"),
    LEGACY("geresnet50t", "byobnet", 256, 0.875, "bicubic", "stem.conv1.conv", "head.fc"),
    LEGACY("gluon_xception65", "xception_aligned", 299, 0.903, "bicubic", "conv1", "fc"),
    BYOANET("halonet_h1_c4c5", 256, 256, false),
    BYOANET("lambda_resnet50t", 224, 128, false),
    NFNET_S("nfnet_f0s", 192, 256),
    NFNET_S("nfnet_f1s", 224, 320),
    NFNET_S("nfnet_f2s", 256, 352),
    NFNET_S("nfnet_f3s", 320, 416),
    NFNET_S("nfnet_f4s", 384, 512),
    NFNET_S("nfnet_f5s", 416, 544),
    NFNET_S("nfnet_f6s", 448, 576),
    NFNET_S("nfnet_f7s", 480, 608),
    BYOANET("rednet26t", 256, 224, false),
    BYOANET("rednet50ts", 256, 224, false),
    BYOANET("swinnet26t_256", 256, 224, true),
    BYOANET("swinnet50ts_256", 256, 224, true),
};
/* clang-format on */

enum { LEGACY_COUNT = sizeof legacy / sizeof *legacy };

static added *plugins;
static size_t plugin_count;

static const added *row_at(size_t index)
{
    return index < LEGACY_COUNT ? &legacy[index] : &plugins[index - LEGACY_COUNT];
}

tm_status tm_added_append(const char *name, const char *module, bool listed,
                          const tm_pretrained *config, tm_error *error)
{
    added *grown = realloc(plugins, (plugin_count + 1) * sizeof *plugins);
    if (!grown)
        return tm_fail(error, TM_NO_MEMORY, "no memory for model %s", name);
    plugins = grown;
    plugins[plugin_count++] =
        (added){.name = name, .module = module, .listed = listed, .config = *config};
    return TM_OK;
}

size_t tm_added_count(void)
{
    return LEGACY_COUNT + plugin_count;
}

void tm_added_at(size_t index, tm_arch *arch)
{
    const added *row = row_at(index);
    *arch = (tm_arch){.name = row->name, .module = row->module, .tag_count = 1};
}

void tm_added_config(size_t index, tm_pretrained *config)
{
    const added *row = row_at(index);
    *config = row->config;
    config->name = config->arch = row->name;
    config->tag = config->hf_hub_id = config->url = "";
    config->license = config->origin_url = config->paper_name = config->paper_ids = "";
    config->crop_mode = config->crop_mode ? config->crop_mode : "center";
    config->interpolation = config->interpolation ? config->interpolation : "bicubic";
    config->first_conv = tm_or_empty(config->first_conv);
    config->classifier = tm_or_empty(config->classifier);
    config->notes = tm_or_empty(config->notes);
    config->mean = config->mean.count ? config->mean : tm_imagenet_mean;
    config->std = config->std.count ? config->std : tm_imagenet_std;
    config->test_crop_pct = config->crop_pct;
    if (!config->test_input_size[0])
        memcpy(config->test_input_size, config->input_size, sizeof config->input_size);
}

bool tm_added_find(const char *name, size_t *index)
{
    for (*index = 0; *index < tm_added_count(); ++*index)
        if (strcmp(row_at(*index)->name, name) == 0)
            return true;
    return false;
}

bool tm_added_is_listed(size_t index)
{
    return row_at(index)->listed;
}
