/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generated data (scripts/gen-registry, scripts/gen-labels) as the registry's own files see
 * it. Text is an offset into a pool of NUL-terminated strings, 0 being the empty one: offsets
 * need no relocation, so pages nobody reads are never touched.
 * All name tables stand in the order of tm_natural_compare.
 */
#ifndef TM_REGISTRY_TABLES_H
#define TM_REGISTRY_TABLES_H

#include <stddef.h>
#include <stdint.h>

extern const char tm_registry_text[];

typedef struct tm_arch_row {
    uint32_t name, module;
    uint16_t first_tag, tag_count; /* in tm_tag_order */
} tm_arch_row;

typedef struct tm_pretrained_row {
    uint32_t name, hf_hub_id, url, interpolation, crop_mode, first_conv, classifier, license;
    uint32_t origin_url, paper_name, paper_ids, notes;
    double crop_pct, test_crop_pct;
    int32_t num_classes;
    uint16_t arch;
    uint16_t input_size[3], test_input_size[3], min_input_size[3], pool_size[2];
    uint16_t first_result, result_count; /* in tm_result_rows */
    uint8_t mean, std;                   /* in tm_channel_values */
    uint8_t fixed_input_size, custom_load;
} tm_pretrained_row;

typedef struct tm_deprecated_row {
    uint32_t name, current;
} tm_deprecated_row;

/* An argument of create_model that has one value in all models of a module: "module.name", and the
 * value as JSON. Giving that value changes nothing in timm. */
typedef struct tm_own_argument_row {
    uint32_t argument, value;
} tm_own_argument_row;

typedef struct tm_result_row {
    uint32_t interpolation;
    uint16_t img_size;
    float top1, top5, real_top1, v2_top1, crop_pct, params_m, gmacs, macts_m;
} tm_result_row;

extern const tm_arch_row tm_arch_rows[];
extern const size_t tm_arch_row_count;
extern const tm_pretrained_row tm_pretrained_rows[];
extern const size_t tm_pretrained_row_count;
extern const uint16_t tm_tag_order[]; /* rows of tm_pretrained_rows, an architecture's together */
extern const tm_deprecated_row tm_deprecated_rows[];
extern const size_t tm_deprecated_row_count;
extern const tm_own_argument_row tm_own_argument_rows[];
extern const size_t tm_own_argument_row_count;
extern const tm_result_row tm_result_rows[];
extern const double tm_channel_values[][3];

/* A synset is known by its number in tm_synset_text: "n02123045" and its words, each ended by a
 * NUL, at tm_synset_offsets[number]. */
extern const char tm_synset_text[];
extern const uint32_t tm_synset_offsets[];

typedef struct tm_label_set {
    uint32_t name;  /* "imagenet-1k", in tm_label_set_names */
    uint32_t first; /* in tm_label_synsets */
    int count;
} tm_label_set;

extern const char tm_label_set_names[];
extern const tm_label_set tm_label_sets[];
extern const size_t tm_label_set_count;
extern const uint16_t tm_label_synsets[];

#endif
