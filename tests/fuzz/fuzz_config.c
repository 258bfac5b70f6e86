/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of config.json on any bytes; see README.md. */
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "registry/config_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t sink;

static void touch(const char *text)
{
    sink = text ? strlen(text) : 0;
}

/* What the header promises of a config that was accepted. */
static void check_config(const tm_model_config *config)
{
    const tm_pretrained *p = &config->resolved.config;
    const char *const texts[] = {
        p->arch,       p->name,       p->tag,     p->interpolation, p->crop_mode,
        p->first_conv, p->classifier, p->license, p->origin_url,    config->global_pool};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        touch(texts[i]);
    int classes = config->num_classes >= 0 ? config->num_classes : p->num_classes;
    const tm_class_names *labels = &config->labels;
    for (size_t i = 0; i < labels->count; i++) {
        touch(labels->names[i]);
        touch(labels->descriptions[i]);
    }
    TM_ASSERT(labels->count == 0 || (labels->stated && labels->count == (size_t)classes));
    for (int i = 0; i < 3; i++) {
        TM_ASSERT(p->input_size[i] >= 1 && p->input_size[i] <= 16384);
        TM_ASSERT(p->test_input_size[i] >= 1 && p->test_input_size[i] <= 16384);
    }
    TM_ASSERT(p->mean.count && p->std.count);
    for (size_t i = 0; i < p->mean.count; i++)
        TM_ASSERT(p->mean.values[i] >= -1e4 && p->mean.values[i] <= 1e4);
    for (size_t i = 0; i < p->std.count; i++)
        TM_ASSERT(p->std.values[i] > 0);
    TM_ASSERT(p->num_classes >= 0 && config->label_offset >= 0 && config->num_classes >= -1);
    TM_ASSERT(p->crop_pct > 0 && p->test_crop_pct > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tm_arena arena = {0};
    tm_model_config config;
    tm_error error = {0};
    tm_status status = tm_config_parse("input", data, size, &arena, &config, &error);
    if (status == TM_OK) {
        check_config(&config);
    } else {
        TM_ASSERT(error.status == status);
        TM_ASSERT(status == TM_WEIGHTS_INVALID || status == TM_UNKNOWN_MODEL ||
                  status == TM_UNSUPPORTED);
        TM_ASSERT(strncmp(error.message, "input: ", 7) == 0 && !strchr(error.message, '\n'));
    }
    tm_arena_free(&arena);
    return 0;
}
