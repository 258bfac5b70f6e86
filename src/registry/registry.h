/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What timm knows about its models: architectures, the pretrained configs of their tags, old
 * names, results on ImageNet. Everything is static data, found by binary search. Text in these
 * records lives as long as the program; "" means that timm states nothing.
 */
#ifndef TM_REGISTRY_REGISTRY_H
#define TM_REGISTRY_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/numbers.h"

/* The model that answers when none is named. */
#define TM_BUILTIN_MODEL "tf_efficientnet_lite0.in1k"

/* Fits every name that timm registers, with its tag. */
#define TM_MODEL_NAME_MAX 128

typedef struct tm_arch {
    const char *name;   /* "resnet50" */
    const char *module; /* timm's module: "resnet" */
    size_t tag_count;   /* pretrained configs, at least 1; the first is the default */
    size_t index;       /* its place in timm's natural order */
} tm_arch;

/* timm's PretrainedCfg, its defaults filled in. */
typedef struct tm_pretrained {
    const char *name; /* "resnet50.a1_in1k"; the bare architecture where there is no tag */
    const char *arch; /* "resnet50" */
    const char *tag;  /* "a1_in1k" */

    bool has_weights;      /* somebody publishes weights: url or hf_hub_id is given */
    const char *hf_hub_id; /* "timm/resnet50.a1_in1k" */
    const char *url;
    bool custom_load; /* the weights file is in the authors' own format */

    int input_size[3];      /* channels, height, width */
    int test_input_size[3]; /* the same as input_size where timm has no other */
    int min_input_size[3];  /* zeros where timm has none */
    bool fixed_input_size;
    const char *interpolation; /* bicubic, bilinear */
    const char *crop_mode;     /* center, squash, border */
    double crop_pct, test_crop_pct;
    tm_numbers mean, std; /* one for each input channel, or one for all */

    int num_classes;        /* 0: an encoder without a head */
    int pool_size[2];       /* zeros where timm has none */
    const char *first_conv; /* module names, separated by commas where there are several */
    const char *classifier;

    const char *license, *origin_url;
    const char *paper_name, *paper_ids; /* ids separated by commas */
    const char *notes;                  /* separated by | */

    size_t index; /* its place in timm's natural order */
} tm_pretrained;

/* timm's measurement of one config at one size. Percent; millions; GMACs and million
 * activations for one image. */
typedef struct tm_result {
    int img_size;
    float top1, top5, real_top1, v2_top1;
    float params_m, gmacs, macts_m;
    float crop_pct;
    const char *interpolation;
} tm_result;

/* The default of both. */
extern const tm_numbers tm_imagenet_mean, tm_imagenet_std;

/* Makes known an architecture that the table lacks; its texts and the config's must live as long
 * as the program. listed: tm_list_models names it. TM_USAGE: the name is taken. Not to be called
 * once threads run. */
tm_status tm_registry_add(const char *name, const char *module, bool listed,
                          const tm_pretrained *config, tm_error *error);

/* index is below the count; both tables are in timm's natural order, and what is added to them
 * (added.h) stands behind. */
size_t tm_arch_count(void);
void tm_arch_at(size_t index, tm_arch *arch);
size_t tm_pretrained_count(void);
void tm_pretrained_at(size_t index, tm_pretrained *config);

/* False when there is no such name. */
bool tm_arch_find(const char *name, tm_arch *arch);

/* The config of the architecture's tag number, which is below tag_count, in timm's order. */
void tm_arch_config(const tm_arch *arch, size_t number, tm_pretrained *config);

/* Whether the architecture's tags want pictures prepared in different ways. */
bool tm_arch_inputs_differ(const tm_arch *arch);

/* The config of a tag, the default one where tag is NULL or ""; false: no such tag. */
bool tm_pretrained_find(const tm_arch *arch, const char *tag, tm_pretrained *config);

/* The config whose weights are at a hub id such as "timm/resnet50.a1_in1k"; false: none. */
bool tm_pretrained_find_hub(const char *hf_hub_id, tm_pretrained *config);

/* Results of a config by rising size; number is below the count. */
size_t tm_result_count(const tm_pretrained *config);
void tm_result_at(const tm_pretrained *config, size_t number, tm_result *result);

/* The result at the config's own input size; false: it was never measured. */
bool tm_result_default(const tm_pretrained *config, tm_result *result);

/* Whether the program can build the architecture. */
bool tm_arch_buildable(const tm_arch *arch);

/* TM_NOT_BUILDABLE, and which module is missing, when it cannot. */
tm_status tm_arch_require(const tm_arch *arch, tm_error *error);

typedef struct tm_resolved {
    tm_arch arch;
    tm_pretrained config;
    const char *revision; /* what follows '@' in a hub name, in the caller's text; else "" */
    char warning[256];    /* "" unless an old name was mapped to its current one */
} tm_resolved;

/* What follows "hf-hub:" or "hf_hub:", in any case as timm reads it, or "local-dir:"; NULL: the
 * name has no such scheme. */
const char *tm_hub_name(const char *name);
const char *tm_local_name(const char *name);

/* The model a user means: "arch", "arch.tag", an old name of timm with or without a tag, or
 * "hf-hub:ORG/NAME[@REV]" of a config in the table. TM_UNKNOWN_MODEL names the nearest spellings.
 */
tm_status tm_model_resolve(const char *name, tm_resolved *resolved, tm_error *error);

/* Whether the text before the first dot is a current or old architecture. */
bool tm_is_model(const char *name);

/* Whether a misspelt, shortened or differently written name is about a model of timm's. */
bool tm_resembles_model(const char *name);

/* The model of timm that torchvision, torch.hub or transformers call by that name, which is in
 * small letters with '_' for '-'; NULL: none known. */
const char *tm_name_elsewhere(const char *name);

/* Entry of the table of old names; current is "" where nothing replaced it: a model that
 * is kept (registry/added.h). */
size_t tm_deprecated_count(void);
const char *tm_deprecated_at(size_t index, const char **current);

/* The value, as JSON, that all of timm's models of the architecture's module have for that argument
 * of create_model; NULL: none is known, or the architecture is not timm's. */
const char *tm_own_argument(const tm_arch *arch, const char *name);

/* timm.list_models: the names that match any of include (none: all) and none of exclude, in one
 * of modules (none: all). With pretrained, "arch.tag" of the configs that have weights; a glob
 * without a tag then stands for all of its tags. */
typedef struct tm_list_query {
    const char *const *include, *const *exclude, *const *modules;
    size_t include_count, exclude_count, module_count;
    bool pretrained;
} tm_list_query;

/* Writes table indices in natural order: of configs with query.pretrained, else of
 * architectures. indices has room for tm_pretrained_count(). Returns how many. */
size_t tm_list_models(const tm_list_query *query, size_t *indices);

/* Python's fnmatchcase: *, ?, [seq], [!seq]; nothing escapes. */
bool tm_glob_match(const char *glob, const char *text);

/* timm's sort key: case-blind, numbers by value. Names equal by it are ordered by bytes. */
int tm_natural_compare(const char *a, const char *b);

/* Class `index` of a model with num_classes outputs: "n02123045" and "tabby, tabby cat". False
 * where no ImageNet set has that many classes, or the index is not below it. */
bool tm_label(int num_classes, int index, const char **synset, const char **words);

/* "imagenet-1k" for 1000; NULL where no set has that many classes. */
const char *tm_label_set_name(int num_classes);

#endif
