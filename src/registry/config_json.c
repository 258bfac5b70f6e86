/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/config_json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 4 << 20, SIDE_MAX = 16384, CHANNELS_MAX = 4096, CLASSES_MAX = 1000000 };

typedef struct reader {
    const char *file;
    tm_arena *arena;
    tm_error *error;
} reader;

/* ---- fields ---- */

static bool refuse(reader *r, const char *key, const cJSON *found, const char *expected)
{
    static const struct {
        int type;
        const char *name;
    } types[] = {{cJSON_False, "false"}, {cJSON_True, "true"},    {cJSON_NULL, "null"},
                 {cJSON_String, "text"}, {cJSON_Array, "a list"}, {cJSON_Object, "an object"}};
    char text[128] = "nothing";
    if (cJSON_IsNumber(found))
        snprintf(text, sizeof text, "%g", found->valuedouble);
    if (cJSON_IsString(found))
        snprintf(text, sizeof text, "'%.60s'", found->valuestring);
    for (size_t i = 0; found && i < sizeof types / sizeof *types && !cJSON_IsNumber(found); i++)
        if ((found->type & 0xFF) == types[i].type && types[i].type != cJSON_String)
            snprintf(text, sizeof text, "%s", types[i].name);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20)
            *p = '?';
    tm_fail(r->error, TM_WEIGHTS_INVALID, "%s: config, %s: found %s, expected %s", r->file, key,
            text, expected);
    return false;
}

/* NULL where the key is missing or null. */
static const cJSON *get(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNull(item) ? NULL : item;
}

static bool to_integer(reader *r, const char *key, const cJSON *item, int low, int high, int *out)
{
    double value = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    if (!(value >= low && value <= high && value == floor(value))) {
        char expected[64];
        snprintf(expected, sizeof expected, "a whole number from %d to %d", low, high);
        return refuse(r, key, item, expected);
    }
    *out = (int)value;
    return true;
}

static bool get_integer(reader *r, const cJSON *object, const char *key, int low, int high,
                        int *out)
{
    const cJSON *item = get(object, key);
    return !item || to_integer(r, key, item, low, high, out);
}

static bool get_real(reader *r, const cJSON *object, const char *key, double high, double *out)
{
    const cJSON *item = get(object, key);
    if (!item)
        return true;
    if (!cJSON_IsNumber(item) || !(item->valuedouble > 0 && item->valuedouble <= high))
        return refuse(r, key, item, "a number above 0, and not too large");
    *out = item->valuedouble;
    return true;
}

static const char *keep(reader *r, const char *text)
{
    const char *copy = tm_arena_strdup(r->arena, text);
    if (!copy)
        tm_fail(r->error, TM_NO_MEMORY, "%s: no memory for the config", r->file);
    return copy;
}

static bool to_text(reader *r, const char *key, const cJSON *item, const char **out)
{
    if (!cJSON_IsString(item))
        return refuse(r, key, item, "text");
    const char *copy = keep(r, item->valuestring);
    if (copy)
        *out = copy;
    return copy;
}

static bool get_text(reader *r, const cJSON *object, const char *key, const char **out)
{
    const cJSON *item = get(object, key);
    return !item || to_text(r, key, item, out);
}

/* One module's name, or a list of them: "a,b". */
static bool get_modules(reader *r, const cJSON *object, const char *key, const char **out)
{
    const cJSON *item = get(object, key), *part;
    tm_buffer names = {0};
    if (!cJSON_IsArray(item))
        return get_text(r, object, key, out);
    cJSON_ArrayForEach(part, item)
    {
        if (!cJSON_IsString(part)) {
            tm_buffer_free(&names);
            return refuse(r, key, part, "a module's name");
        }
        tm_buffer_puts(&names, names.length ? "," : "");
        tm_buffer_puts(&names, part->valuestring);
    }
    const char *copy = names.failed ? NULL : keep(r, names.data ? names.data : "");
    tm_buffer_free(&names);
    if (copy)
        *out = copy;
    return copy;
}

/* [channels, height, width] */
static bool get_size(reader *r, const cJSON *object, const char *key, int size[3])
{
    const cJSON *item = get(object, key);
    if (!item)
        return true;
    if (!cJSON_IsArray(item) || cJSON_GetArraySize(item) != 3)
        return refuse(r, key, item, "[channels, height, width]");
    for (int i = 0; i < 3; i++)
        if (!to_integer(r, key, cJSON_GetArrayItem(item, i), 1, i ? SIDE_MAX : CHANNELS_MAX,
                        &size[i]))
            return false;
    return true;
}

/* A number for each channel of a colour picture, or one for all. */
static bool get_colour(reader *r, const cJSON *object, const char *key, double low, double out[3])
{
    const cJSON *item = get(object, key);
    int count = cJSON_IsArray(item) ? cJSON_GetArraySize(item) : 0;
    if (!item)
        return true;
    if (count != 1 && count != 3)
        return refuse(r, key, item, "a list of 1 or 3 numbers");
    for (int i = 0; i < 3; i++) {
        const cJSON *part = cJSON_GetArrayItem(item, count == 1 ? 0 : i);
        double value = cJSON_IsNumber(part) ? part->valuedouble : NAN;
        if (!(value >= low && value <= 1e4))
            return refuse(r, key, part, "numbers of a reasonable size");
        out[i] = value;
    }
    return true;
}

/* ---- preparation of pictures ---- */

static bool read_input(reader *r, const cJSON *json, tm_pretrained *config)
{
    bool read = get_size(r, json, "input_size", config->input_size);
    memcpy(config->test_input_size, config->input_size, sizeof config->input_size);
    const cJSON *fixed = get(json, "fixed_input_size");
    if (fixed && !cJSON_IsBool(fixed))
        return refuse(r, "fixed_input_size", fixed, "true or false");
    config->fixed_input_size = cJSON_IsTrue(fixed);
    read = read && get_size(r, json, "test_input_size", config->test_input_size) &&
           get_size(r, json, "min_input_size", config->min_input_size) &&
           get_text(r, json, "interpolation", &config->interpolation) &&
           get_text(r, json, "crop_mode", &config->crop_mode) &&
           get_real(r, json, "crop_pct", 16, &config->crop_pct);
    config->test_crop_pct = config->crop_pct;
    return read && get_real(r, json, "test_crop_pct", 16, &config->test_crop_pct) &&
           get_colour(r, json, "mean", -1e4, config->mean) &&
           get_colour(r, json, "std", 1e-6, config->std);
}

/* What timm's PretrainedCfg holds where a file says nothing. */
static tm_pretrained default_config(const tm_resolved *resolved)
{
    return (tm_pretrained){.arch = resolved->arch.name,
                           .tag = "",
                           .hf_hub_id = "",
                           .url = "",
                           .input_size = {3, 224, 224},
                           .test_input_size = {3, 224, 224},
                           .interpolation = "bicubic",
                           .crop_mode = "center",
                           .crop_pct = 0.875,
                           .test_crop_pct = 0.875,
                           .mean = {0.485, 0.456, 0.406},
                           .std = {0.229, 0.224, 0.225},
                           .num_classes = 1000,
                           .first_conv = resolved->config.first_conv,
                           .classifier = resolved->config.classifier,
                           .license = "",
                           .origin_url = "",
                           .paper_name = "",
                           .paper_ids = "",
                           .notes = "",
                           .index = resolved->config.index};
}

static bool read_pretrained(reader *r, const cJSON *json, tm_model_config *config)
{
    tm_pretrained *p = &config->resolved.config;
    return read_input(r, json, p) &&
           get_integer(r, json, "num_classes", 0, CLASSES_MAX, &p->num_classes) &&
           get_integer(r, json, "label_offset", 0, 1000, &config->label_offset) &&
           get_modules(r, json, "first_conv", &p->first_conv) &&
           get_modules(r, json, "classifier", &p->classifier) &&
           get_text(r, json, "tag", &p->tag) && get_text(r, json, "license", &p->license) &&
           get_text(r, json, "origin_url", &p->origin_url);
}

/* ---- classes ---- */

static int by_key(const void *a, const void *b)
{
    return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

static int key_order(const void *key, const void *item)
{
    return strcmp(key, (*(const cJSON *const *)item)->string);
}

/* The object's members by their keys, for many lookups; NULL: no memory. */
static const cJSON **sort_members(const cJSON *object, size_t *count)
{
    const cJSON *item;
    size_t used = 0;
    *count = cJSON_IsObject(object) ? (size_t)cJSON_GetArraySize(object) : 0;
    const cJSON **members = malloc((*count + 1) * sizeof(const cJSON *));
    if (!members || !*count)
        return members;
    cJSON_ArrayForEach(item, object) members[used++] = item;
    qsort(members, used, sizeof *members, by_key);
    return members;
}

static bool keep_labels(reader *r, const cJSON *names, const cJSON **texts, size_t text_count,
                        tm_model_config *config)
{
    const cJSON *name;
    cJSON_ArrayForEach(name, names)
    {
        if (!cJSON_IsString(name))
            return refuse(r, "label_names", name, "text");
        size_t i = config->label_count++;
        config->label_names[i] = keep(r, name->valuestring);
        if (!config->label_names[i])
            return false;
        const cJSON *const *text =
            text_count ? bsearch(name->valuestring, texts, text_count, sizeof *texts, key_order)
                       : NULL;
        if (text && cJSON_IsString(*text) &&
            !(config->descriptions[i] = keep(r, (*text)->valuestring)))
            return false;
    }
    return true;
}

static bool read_labels(reader *r, const cJSON *names, const cJSON *descriptions,
                        tm_model_config *config)
{
    size_t count = cJSON_IsArray(names) ? (size_t)cJSON_GetArraySize(names) : 0, text_count = 0;
    /* timm does not check the labels that it writes; those of other classes help nobody */
    if (!count || count != (size_t)config->resolved.config.num_classes)
        return true;
    config->label_names = tm_arena_alloc(r->arena, 2 * count * sizeof *config->label_names);
    const cJSON **texts = sort_members(descriptions, &text_count);
    bool read = false;
    if (config->label_names && texts) {
        config->descriptions = config->label_names + count;
        read = keep_labels(r, names, texts, text_count, config);
    } else
        tm_fail(r->error, TM_NO_MEMORY, "%s: no memory for labels", r->file);
    free(texts);
    return read;
}

/* ---- arguments of the model ---- */

/* Those that change nothing at inference. */
static bool is_harmless(const char *key)
{
    static const char *const keys[] = {"pretrained",      "drop_rate",         "drop_path_rate",
                                       "drop_block_rate", "drop_connect_rate", "attn_drop_rate",
                                       "proj_drop_rate",  "pos_drop_rate",     "patch_drop_rate",
                                       "scriptable",      "exportable",        "no_jit",
                                       "checkpoint_path", "strict_img_size",   "dynamic_img_size"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static bool read_img_size(reader *r, const cJSON *item, tm_model_config *config)
{
    int *out[] = {&config->img_height, &config->img_width};
    bool pair = cJSON_IsArray(item) && cJSON_GetArraySize(item) == 2;
    for (int i = 0; i < 2; i++)
        if (!to_integer(r, "model_args.img_size", pair ? cJSON_GetArrayItem(item, i) : item, 1,
                        SIDE_MAX, out[i]))
            return false;
    return true;
}

static bool read_argument(reader *r, const cJSON *item, tm_model_config *config)
{
    const char *key = item->string;
    if (cJSON_IsNull(item) || is_harmless(key))
        return true;
    if (strcmp(key, "img_size") == 0)
        return read_img_size(r, item, config);
    if (strcmp(key, "num_classes") == 0)
        return to_integer(r, key, item, 0, CLASSES_MAX, &config->num_classes);
    if (strcmp(key, "in_chans") == 0)
        return to_integer(r, key, item, 1, CHANNELS_MAX, &config->in_chans);
    if (strcmp(key, "output_stride") == 0)
        return to_integer(r, key, item, 2, 32, &config->output_stride);
    if (strcmp(key, "global_pool") == 0)
        return to_text(r, key, item, &config->global_pool);
    tm_fail(r->error, TM_UNSUPPORTED,
            "%s: config, model_args: found %.60s, which would make another model than timm's %s",
            r->file, key, config->resolved.arch.name);
    return false;
}

static bool read_arguments(reader *r, const cJSON *args, tm_model_config *config)
{
    const cJSON *item;
    if (args && !cJSON_IsObject(args))
        return refuse(r, "model_args", args, "an object");
    cJSON_ArrayForEach(item, args) if (!read_argument(r, item, config)) return false;
    return true;
}

/* ---- the whole ---- */

static bool read_architecture(reader *r, const cJSON *json, tm_model_config *config)
{
    const cJSON *name = get(json, "architecture");
    tm_resolved *resolved = &config->resolved;
    if (!cJSON_IsString(name))
        return refuse(r, "architecture", name, "the name of a model");
    if (strchr(name->valuestring, ':'))
        return refuse(r, "architecture", name, "a plain model name");
    if (tm_model_resolve(name->valuestring, resolved, r->error)) {
        tm_error_context(r->error, "%s", r->file);
        return false;
    }
    resolved->config = default_config(resolved);
    return true;
}

static bool read_config(reader *r, const cJSON *json, tm_model_config *config)
{
    const cJSON *nested = get(json, "pretrained_cfg");
    const cJSON *own = nested ? nested : json;
    if (!cJSON_IsObject(json))
        return refuse(r, "the whole", json, "an object");
    if (nested && !cJSON_IsObject(nested))
        return refuse(r, "pretrained_cfg", nested, "an object");
    if (!read_architecture(r, json, config) || !read_pretrained(r, own, config))
        return false;
    tm_pretrained *p = &config->resolved.config;
    if (!get_integer(r, json, "num_classes", 0, CLASSES_MAX, &p->num_classes))
        return false;
    p->name = *p->tag ? tm_arena_printf(r->arena, "%s.%s", p->arch, p->tag) : p->arch;
    if (!p->name)
        return tm_fail(r->error, TM_NO_MEMORY, "%s: no memory for the config", r->file), false;
    const cJSON *names = get(json, "label_names"), *texts = get(json, "label_descriptions");
    if (!names)
        names = get(own, nested ? "label_names" : "labels");
    return read_labels(r, names, texts ? texts : get(own, "label_descriptions"), config) &&
           read_arguments(r, get(json, "model_args"), config);
}

tm_status tm_config_parse(const char *file, const unsigned char *text, size_t size, tm_arena *arena,
                          tm_model_config *config, tm_error *error)
{
    tm_error own = {0};
    reader r = {file, arena, &own};
    *config = (tm_model_config){.num_classes = -1};
    if (size == 0 || size > TEXT_MAX || memchr(text, '\0', size))
        return tm_fail(error, TM_WEIGHTS_INVALID,
                       "%s: config: found %zu bytes%s, expected JSON text of at most %d", file,
                       size, size && size <= TEXT_MAX ? " with a NUL among them" : "", TEXT_MAX);
    char *copy = malloc(size + 1);
    if (!copy)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for the config", file);
    memcpy(copy, text, size);
    copy[size] = '\0';
    const char *end = copy;
    cJSON *json = cJSON_ParseWithOpts(copy, &end, true);
    if (!json)
        tm_fail(&own, TM_WEIGHTS_INVALID, "%s: config, offset %zu: found no JSON, expected it",
                file, (size_t)(end - copy));
    else
        read_config(&r, json, config);
    cJSON_Delete(json);
    free(copy);
    return own.status ? tm_fail(error, own.status, "%s", own.message) : TM_OK;
}
