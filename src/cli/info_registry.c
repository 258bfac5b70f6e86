/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "cli/info.h"

#include <stdio.h>
#include <string.h>

#include "api/model.h"
#include "base/escape.h"
#include "base/text.h"
#include "output/json.h"

void tm_info_line(tm_buffer *out, const char *label, const char *value)
{
    if (!*value)
        return;
    tm_buffer_printf(out, "%-15s ", label);
    tm_text_escaped(out, value);
    tm_buffer_putc(out, '\n');
}

void tm_info_key(tm_buffer *out, const char *key)
{
    tm_buffer_putc(out, ',');
    tm_json_string(out, key);
    tm_buffer_putc(out, ':');
}

void tm_info_member(tm_buffer *out, const char *key, const char *text)
{
    tm_info_key(out, key);
    if (*text)
        tm_json_string(out, text);
    else
        tm_buffer_puts(out, "null");
}

/* "hf-hub:timm/resnet50.a1_in1k", else the URL, else "". */
static const char *weights_source(const tm_pretrained *config, char text[static 256])
{
    if (!*config->hf_hub_id)
        return config->url;
    snprintf(text, 256, "hf-hub:%s", config->hf_hub_id);
    return text;
}

static void text_numbers(tm_buffer *out, const char *label, tm_numbers numbers)
{
    tm_buffer_printf(out, "%-15s", label);
    for (size_t i = 0; i < numbers.count; i++)
        tm_buffer_printf(out, " %.15g", numbers.values[i]);
    tm_buffer_putc(out, '\n');
}

static void text_preprocess(tm_buffer *out, const tm_pretrained *config)
{
    const int *size = config->input_size, *test = config->test_input_size;
    tm_buffer_printf(out, "%-15s %dx%dx%d%s", "input", size[0], size[1], size[2],
                     config->fixed_input_size ? ", fixed" : "");
    if (memcmp(size, test, 3 * sizeof *size) != 0)
        tm_buffer_printf(out, "; for tests %dx%dx%d", test[0], test[1], test[2]);
    tm_buffer_printf(out, "\n%-15s %.15g, %s, %s", "crop", config->crop_pct, config->crop_mode,
                     config->interpolation);
    if (config->test_crop_pct != config->crop_pct)
        tm_buffer_printf(out, "; for tests %.15g", config->test_crop_pct);
    tm_buffer_putc(out, '\n');
    text_numbers(out, "mean", config->mean);
    text_numbers(out, "std", config->std);
}

static void text_results(tm_buffer *out, const tm_pretrained *config)
{
    size_t count = tm_result_count(config);
    if (count == 0)
        return;
    tm_buffer_puts(out, "\nresults         size    top1    top5    real      v2  params_m    "
                        "gmacs  macts_m\n");
    for (size_t i = 0; i < count; i++) {
        tm_result r;
        tm_result_at(config, i, &r);
        tm_buffer_printf(out, "%20d %7.3f %7.3f %7.3f %7.3f %9.2f %8.2f %8.2f\n", r.img_size,
                         (double)r.top1, (double)r.top5, (double)r.real_top1, (double)r.v2_top1,
                         (double)r.params_m, (double)r.gmacs, (double)r.macts_m);
    }
}

static void text_tags(tm_buffer *out, const tm_resolved *model)
{
    tm_buffer_puts(out, "\ntags            size    top1  classes  license\n");
    for (size_t i = 0; i < model->arch.tag_count; i++) {
        tm_pretrained config;
        tm_result result;
        tm_arch_config(&model->arch, i, &config);
        tm_buffer_printf(out, "%20d ", config.input_size[1]);
        if (tm_result_default(&config, &result))
            tm_buffer_printf(out, "%7.3f", (double)result.top1);
        else
            tm_buffer_printf(out, "%7s", "-");
        tm_buffer_printf(out, " %8d  %-12s  %s%s%s\n", config.num_classes,
                         *config.license ? config.license : "-", *config.tag ? config.tag : "-",
                         i == 0 ? " (default)" : "", config.has_weights ? "" : " (no weights)");
    }
}

void tm_info_registry_text(tm_buffer *out, const tm_resolved *model, const char *labels)
{
    const tm_pretrained *config = &model->config;
    char source[256];
    tm_buffer_printf(out, "%-15s %s, timm module %s%s\n", "architecture", model->arch.name,
                     model->arch.module,
                     tm_arch_buildable(&model->arch) ? "" : ", cannot be built yet");
    tm_buffer_printf(out, "%-15s %d%s%s\n", "classes", config->num_classes, labels ? ", " : "",
                     tm_or_empty(labels));
    text_preprocess(out, config);
    tm_info_line(out, "first conv", config->first_conv);
    tm_info_line(out, "classifier", config->classifier);
    tm_info_line(out, "license", config->license);
    tm_buffer_printf(out, "%-15s %s%s\n", "weights",
                     config->has_weights ? weights_source(config, source) : "none published",
                     tm_weights_cached(config, "", NULL) ? ", cached" : "");
    tm_info_line(out, "origin", config->origin_url);
    tm_info_line(out, "paper", config->paper_name);
    tm_info_line(out, "paper ids", config->paper_ids);
    tm_info_line(out, "notes", config->notes);
    text_results(out, config);
    text_tags(out, model);
}

static void json_ints(tm_buffer *out, const char *key, const int *values, int count)
{
    tm_info_key(out, key);
    for (int i = 0; i < count; i++)
        tm_buffer_printf(out, "%c%d", i ? ',' : '[', values[i]);
    tm_buffer_putc(out, ']');
}

static void json_double(tm_buffer *out, const char *key, double value)
{
    tm_info_key(out, key);
    tm_json_f64(out, value);
}

static void json_float(tm_buffer *out, const char *key, float value)
{
    tm_info_key(out, key);
    tm_json_f32(out, value);
}

static void json_numbers(tm_buffer *out, const char *key, tm_numbers numbers)
{
    tm_info_key(out, key);
    for (size_t i = 0; i < numbers.count; i++) {
        tm_buffer_putc(out, i ? ',' : '[');
        tm_json_f64(out, numbers.values[i]);
    }
    tm_buffer_putc(out, ']');
}

static void json_bool(tm_buffer *out, const char *key, bool value)
{
    tm_info_key(out, key);
    tm_buffer_puts(out, value ? "true" : "false");
}

/* The pieces of text between separators as a JSON array. */
static void json_pieces(tm_buffer *out, const char *key, const char *text, char separator)
{
    const char separators[] = {separator, '\0'};
    tm_info_key(out, key);
    tm_buffer_putc(out, '[');
    while (*text) {
        char piece[512];
        size_t length = strcspn(text, separators);
        snprintf(piece, sizeof piece, "%.*s", (int)length, text);
        tm_json_string(out, piece);
        text += length;
        if (*text) {
            tm_buffer_putc(out, ',');
            text++;
        }
    }
    tm_buffer_putc(out, ']');
}

static void json_preprocess(tm_buffer *out, const tm_pretrained *config)
{
    tm_info_key(out, "preprocess");
    tm_buffer_puts(out, "{\"interpolation\":");
    tm_json_string(out, config->interpolation);
    json_ints(out, "input_size", config->input_size, 3);
    json_ints(out, "test_input_size", config->test_input_size, 3);
    if (config->min_input_size[0])
        json_ints(out, "min_input_size", config->min_input_size, 3);
    json_bool(out, "fixed_input_size", config->fixed_input_size);
    json_double(out, "crop_pct", config->crop_pct);
    json_double(out, "test_crop_pct", config->test_crop_pct);
    tm_info_member(out, "crop_mode", config->crop_mode);
    json_numbers(out, "mean", config->mean);
    json_numbers(out, "std", config->std);
    tm_buffer_putc(out, '}');
}

static void json_results(tm_buffer *out, const tm_pretrained *config)
{
    tm_info_key(out, "results");
    tm_buffer_putc(out, '[');
    for (size_t i = 0; i < tm_result_count(config); i++) {
        tm_result r;
        tm_result_at(config, i, &r);
        tm_buffer_printf(out, "%s{\"img_size\":%d", i ? "," : "", r.img_size);
        json_float(out, "top1", r.top1);
        json_float(out, "top5", r.top5);
        json_float(out, "real_top1", r.real_top1);
        json_float(out, "v2_top1", r.v2_top1);
        json_float(out, "crop_pct", r.crop_pct);
        tm_info_member(out, "interpolation", r.interpolation);
        json_float(out, "params_m", r.params_m);
        json_float(out, "gmacs", r.gmacs);
        json_float(out, "macts_m", r.macts_m);
        tm_buffer_putc(out, '}');
    }
    tm_buffer_putc(out, ']');
}

static void json_tags(tm_buffer *out, const tm_resolved *model)
{
    tm_info_key(out, "tags");
    for (size_t i = 0; i < model->arch.tag_count; i++) {
        tm_pretrained config;
        tm_result result;
        tm_arch_config(&model->arch, i, &config);
        tm_buffer_puts(out, i ? ",{\"tag\":" : "[{\"tag\":");
        tm_json_string(out, config.tag);
        json_bool(out, "has_weights", config.has_weights);
        tm_buffer_printf(out, ",\"img_size\":%d,\"num_classes\":%d,\"top1\":", config.input_size[1],
                         config.num_classes);
        if (tm_result_default(&config, &result))
            tm_json_f32(out, result.top1);
        else
            tm_buffer_puts(out, "null");
        tm_info_member(out, "license", config.license);
        tm_buffer_putc(out, '}');
    }
    tm_buffer_putc(out, ']');
}

static void json_weights(tm_buffer *out, const tm_pretrained *config)
{
    char source[256];
    tm_info_key(out, "weights");
    tm_buffer_puts(out, "{\"cached\":");
    tm_buffer_puts(out, tm_weights_cached(config, "", NULL) ? "true" : "false");
    tm_info_member(out, "source", weights_source(config, source));
    tm_info_member(out, "url", config->url);
    json_bool(out, "custom_load", config->custom_load);
    tm_info_member(out, "license", config->license);
    tm_buffer_putc(out, '}');
}

void tm_info_registry_json(tm_buffer *out, const tm_resolved *model, const char *labels)
{
    const tm_pretrained *config = &model->config;
    tm_info_member(out, "arch", model->arch.name);
    tm_info_member(out, "tag", config->tag);
    tm_info_member(out, "module", model->arch.module);
    json_bool(out, "supported", tm_arch_buildable(&model->arch));
    if (config->pool_size[0])
        json_ints(out, "pool_size", config->pool_size, 2);
    tm_buffer_printf(out, ",\"num_classes\":%d", config->num_classes);
    tm_info_member(out, "labels", tm_or_empty(labels));
    json_preprocess(out, config);
    json_pieces(out, "first_conv", config->first_conv, ',');
    json_pieces(out, "classifier", config->classifier, ',');
    json_weights(out, config);
    tm_info_member(out, "origin_url", config->origin_url);
    tm_info_member(out, "paper_name", config->paper_name);
    json_pieces(out, "paper_ids", config->paper_ids, ',');
    json_pieces(out, "notes", config->notes, '|');
    json_results(out, config);
    json_tags(out, model);
}
