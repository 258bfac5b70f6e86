/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry.h"

#include <string.h>

#include "models/model.h"
#include "registry/added.h"
#include "registry/tables.h"

static const char *text(uint32_t offset)
{
    return tm_registry_text + offset;
}

/* Binary search in rows of which each starts with the offset of its name. */
static bool find_row(const char *name, const void *rows, size_t count, size_t size, size_t *found)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint32_t offset;
        memcpy(&offset, (const char *)rows + middle * size, sizeof offset);
        int order = tm_natural_compare(name, text(offset));
        if (order == 0) {
            *found = middle;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

size_t tm_arch_count(void)
{
    return tm_arch_row_count + tm_added_count();
}

void tm_arch_at(size_t index, tm_arch *arch)
{
    TM_ASSERT(index < tm_arch_count());
    if (index >= tm_arch_row_count) {
        tm_added_at(index - tm_arch_row_count, arch);
        arch->index = index;
        return;
    }
    const tm_arch_row *row = &tm_arch_rows[index];
    *arch = (tm_arch){.name = text(row->name),
                      .module = text(row->module),
                      .tag_count = row->tag_count,
                      .index = index};
}

bool tm_arch_find(const char *name, tm_arch *arch)
{
    size_t index;
    if (!find_row(name, tm_arch_rows, tm_arch_row_count, sizeof *tm_arch_rows, &index)) {
        if (!tm_added_find(name, &index))
            return false;
        index += tm_arch_row_count;
    }
    tm_arch_at(index, arch);
    return true;
}

tm_status tm_registry_add(const char *name, const char *module, bool listed,
                          const tm_pretrained *config, tm_error *error)
{
    tm_arch known;
    if (tm_arch_find(name, &known))
        return tm_fail(error, TM_USAGE, "model %s is there already, in module %s", name,
                       known.module);
    return tm_added_append(name, module, listed, config, error);
}

size_t tm_pretrained_count(void)
{
    return tm_pretrained_row_count + tm_added_count();
}

static void copy_ints(int *out, const uint16_t *in, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = in[i];
}

void tm_pretrained_at(size_t index, tm_pretrained *config)
{
    TM_ASSERT(index < tm_pretrained_count());
    if (index >= tm_pretrained_row_count) {
        tm_added_config(index - tm_pretrained_row_count, config);
        config->index = index;
        return;
    }
    const tm_pretrained_row *row = &tm_pretrained_rows[index];
    const char *arch = text(tm_arch_rows[row->arch].name);
    const char *rest = text(row->name) + strlen(arch);
    *config = (tm_pretrained){
        .name = text(row->name),
        .arch = arch,
        .tag = *rest ? rest + 1 : rest,
        .has_weights = row->hf_hub_id || row->url,
        .hf_hub_id = text(row->hf_hub_id),
        .url = text(row->url),
        .custom_load = row->custom_load,
        .fixed_input_size = row->fixed_input_size,
        .interpolation = text(row->interpolation),
        .crop_mode = text(row->crop_mode),
        .crop_pct = row->crop_pct,
        .test_crop_pct = row->test_crop_pct > 0 ? row->test_crop_pct : row->crop_pct,
        .num_classes = row->num_classes,
        .first_conv = text(row->first_conv),
        .classifier = text(row->classifier),
        .license = text(row->license),
        .origin_url = text(row->origin_url),
        .paper_name = text(row->paper_name),
        .paper_ids = text(row->paper_ids),
        .notes = text(row->notes),
        .index = index,
    };
    copy_ints(config->input_size, row->input_size, 3);
    copy_ints(config->test_input_size,
              row->test_input_size[0] ? row->test_input_size : row->input_size, 3);
    copy_ints(config->min_input_size, row->min_input_size, 3);
    copy_ints(config->pool_size, row->pool_size, 2);
    config->mean = (tm_numbers){tm_channel_values[row->mean], 3};
    config->std = (tm_numbers){tm_channel_values[row->std], 3};
}

void tm_arch_config(const tm_arch *arch, size_t number, tm_pretrained *config)
{
    TM_ASSERT(number < arch->tag_count);
    if (arch->index >= tm_arch_row_count) {
        tm_pretrained_at(arch->index - tm_arch_row_count + tm_pretrained_row_count, config);
        return;
    }
    tm_pretrained_at(tm_tag_order[tm_arch_rows[arch->index].first_tag + number], config);
}

static bool same_numbers(tm_numbers a, tm_numbers b)
{
    return a.count == b.count && memcmp(a.values, b.values, a.count * sizeof *a.values) == 0;
}

static bool same_input(const tm_pretrained *a, const tm_pretrained *b)
{
    return memcmp(a->input_size, b->input_size, sizeof a->input_size) == 0 &&
           same_numbers(a->mean, b->mean) && same_numbers(a->std, b->std) &&
           a->crop_pct == b->crop_pct && strcmp(a->crop_mode, b->crop_mode) == 0 &&
           strcmp(a->interpolation, b->interpolation) == 0;
}

bool tm_arch_inputs_differ(const tm_arch *arch)
{
    tm_pretrained first, other;
    tm_arch_config(arch, 0, &first);
    for (size_t i = 1; i < arch->tag_count; i++) {
        tm_arch_config(arch, i, &other);
        if (!same_input(&first, &other))
            return true;
    }
    return false;
}

bool tm_pretrained_find(const tm_arch *arch, const char *tag, tm_pretrained *config)
{
    for (size_t i = 0; i < arch->tag_count; i++) {
        tm_arch_config(arch, i, config);
        if (!tag || !*tag || strcmp(config->tag, tag) == 0)
            return true;
    }
    return false;
}

bool tm_pretrained_find_hub(const char *hf_hub_id, tm_pretrained *config)
{
    for (size_t i = 0; *hf_hub_id && i < tm_pretrained_row_count; i++)
        if (strcmp(text(tm_pretrained_rows[i].hf_hub_id), hf_hub_id) == 0) {
            tm_pretrained_at(i, config);
            return true;
        }
    return false;
}

size_t tm_result_count(const tm_pretrained *config)
{
    bool in_table = config->index < tm_pretrained_row_count;
    return in_table ? tm_pretrained_rows[config->index].result_count : 0;
}

void tm_result_at(const tm_pretrained *config, size_t number, tm_result *result)
{
    TM_ASSERT(number < tm_result_count(config));
    const tm_result_row *row =
        &tm_result_rows[tm_pretrained_rows[config->index].first_result + number];
    *result = (tm_result){
        .img_size = row->img_size,
        .top1 = row->top1,
        .top5 = row->top5,
        .real_top1 = row->real_top1,
        .v2_top1 = row->v2_top1,
        .params_m = row->params_m,
        .gmacs = row->gmacs,
        .macts_m = row->macts_m,
        .crop_pct = row->crop_pct,
        .interpolation = text(row->interpolation),
    };
}

bool tm_result_default(const tm_pretrained *config, tm_result *result)
{
    for (size_t i = 0; i < tm_result_count(config); i++) {
        tm_result_at(config, i, result);
        if (result->img_size == config->input_size[1])
            return true;
    }
    return false;
}

bool tm_arch_buildable(const tm_arch *arch)
{
    const tm_family *family;
    return tm_find_variant(arch->name, &family) != NULL;
}

tm_status tm_arch_require(const tm_arch *arch, tm_error *error)
{
    if (tm_arch_buildable(arch))
        return TM_OK;
    return tm_fail(error, TM_NOT_BUILDABLE,
                   "model %s (timm's module %s) is known but cannot be built yet; "
                   "\"timmc list --supported\" names the models that can",
                   arch->name, arch->module);
}

size_t tm_deprecated_count(void)
{
    return tm_deprecated_row_count;
}

const char *tm_deprecated_at(size_t index, const char **current)
{
    TM_ASSERT(index < tm_deprecated_row_count);
    *current = text(tm_deprecated_rows[index].current);
    return text(tm_deprecated_rows[index].name);
}

const char *tm_own_argument(const tm_arch *arch, const char *name)
{
    size_t length = strlen(arch->module), added;
    if (tm_added_find(arch->name, &added))
        return NULL;
    for (size_t i = 0; i < tm_own_argument_row_count; i++) {
        const char *row = text(tm_own_argument_rows[i].argument);
        if (strncmp(row, arch->module, length) == 0 && row[length] == '.' &&
            strcmp(row + length + 1, name) == 0)
            return text(tm_own_argument_rows[i].value);
    }
    return NULL;
}
