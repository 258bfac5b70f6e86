/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/config_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

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

/* For people alone: what is no text is left out. False: no memory. */
static bool get_words(reader *r, const cJSON *object, const char *key, const char **out)
{
    return !cJSON_IsString(get(object, key)) || get_text(r, object, key, out);
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
    const char *text = tm_buffer_text(&names, r->error), *copy = text ? keep(r, text) : NULL;
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

static bool to_channel_value(reader *r, const char *key, const cJSON *item, double low, double *out)
{
    double value = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    if (!(value >= low && value <= 1e4))
        return refuse(r, key, item, "numbers of a reasonable size");
    *out = value;
    return true;
}

/* A list of one for each channel, or one for all, which may stand alone. */
static bool get_channels(reader *r, const cJSON *object, const char *key, double low,
                         tm_numbers *out)
{
    const cJSON *item = get(object, key);
    int count = cJSON_IsArray(item) ? cJSON_GetArraySize(item) : 1;
    if (!item || !count)
        return true;
    if (count > CHANNELS_MAX)
        return refuse(r, key, item, "a number for each channel");
    double *values = tm_arena_alloc(r->arena, (size_t)count * sizeof *values);
    if (!values)
        return tm_fail(r->error, TM_NO_MEMORY, "%s: no memory for the config", r->file), false;
    const cJSON *part = cJSON_IsArray(item) ? item->child : item;
    for (int i = 0; i < count; i++, part = part->next)
        if (!to_channel_value(r, key, part, low, &values[i]))
            return false;
    *out = (tm_numbers){values, (size_t)count};
    return true;
}

/* ---- preparation of pictures ---- */

static bool read_input(reader *r, const cJSON *json, tm_pretrained *config)
{
    bool read = get_size(r, json, "input_size", config->input_size);
    memcpy(config->test_input_size, config->input_size, sizeof config->input_size);
    config->fixed_input_size = cJSON_IsTrue(get(json, "fixed_input_size"));
    read = read && get_size(r, json, "test_input_size", config->test_input_size) &&
           get_text(r, json, "interpolation", &config->interpolation) &&
           get_text(r, json, "crop_mode", &config->crop_mode) &&
           get_real(r, json, "crop_pct", 16, &config->crop_pct);
    config->test_crop_pct = config->crop_pct;
    return read && get_real(r, json, "test_crop_pct", 16, &config->test_crop_pct) &&
           get_channels(r, json, "mean", -1e4, &config->mean) &&
           get_channels(r, json, "std", 1e-6, &config->std);
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
                           .mean = tm_imagenet_mean,
                           .std = tm_imagenet_std,
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
           get_words(r, json, "tag", &p->tag) && get_words(r, json, "license", &p->license) &&
           get_words(r, json, "origin_url", &p->origin_url);
}

/* ---- arguments of the model ---- */

bool tm_argument_is_harmless(const char *key)
{
    static const char *const keys[] = {
        "pretrained",        "drop_rate",      "drop_path_rate", "drop_block_rate",
        "drop_connect_rate", "attn_drop_rate", "proj_drop_rate", "pos_drop_rate",
        "patch_drop_rate",   "scriptable",     "exportable",     "no_jit",
        "checkpoint_path",   "weight_init",    "zero_init_last", "fix_init"};
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

/* Those that every model has. */
static bool is_common(const char *key)
{
    return strcmp(key, "img_size") == 0 || strcmp(key, "num_classes") == 0 ||
           strcmp(key, "in_chans") == 0 || strcmp(key, "output_stride") == 0 ||
           strcmp(key, "global_pool") == 0;
}

/* What only the model's family can read. */
static bool keep_argument(reader *r, const cJSON *item, tm_model_config *config)
{
    tm_model_argument *list = (tm_model_argument *)config->arguments;
    if (!list)
        list = tm_arena_alloc(r->arena, TM_MODEL_ARGUMENTS_MAX * sizeof *list);
    char *text = cJSON_PrintUnformatted(item);
    if (list && config->argument_count == TM_MODEL_ARGUMENTS_MAX) {
        cJSON_free(text);
        return tm_fail(r->error, TM_UNSUPPORTED,
                       "%s: config, model_args: found more than %d, expected at most that", r->file,
                       TM_MODEL_ARGUMENTS_MAX),
               false;
    }
    const char *name = list ? tm_arena_strdup(r->arena, item->string) : NULL;
    const char *value = text ? tm_arena_strdup(r->arena, text) : NULL;
    cJSON_free(text);
    if (!name || !value)
        return tm_fail(r->error, TM_NO_MEMORY, "%s: no memory for the config", r->file), false;
    list[config->argument_count++] = (tm_model_argument){name, value};
    config->arguments = list;
    return true;
}

static bool read_argument(reader *r, const cJSON *item, tm_model_config *config)
{
    const char *key = item->string;
    if (tm_argument_is_harmless(key))
        return true;
    if (!is_common(key))
        return keep_argument(r, item, config);
    if (cJSON_IsNull(item))
        return true;
    if (strcmp(key, "img_size") == 0)
        return read_img_size(r, item, config);
    if (strcmp(key, "num_classes") == 0)
        return to_integer(r, key, item, 0, CLASSES_MAX, &config->num_classes);
    if (strcmp(key, "in_chans") == 0)
        return to_integer(r, key, item, 1, CHANNELS_MAX, &config->in_chans);
    if (strcmp(key, "output_stride") == 0)
        return to_integer(r, key, item, 2, 32, &config->output_stride);
    return to_text(r, key, item, &config->global_pool);
}

static bool read_arguments(reader *r, const cJSON *args, tm_model_config *config)
{
    const cJSON *item;
    if (args && !cJSON_IsObject(args))
        return refuse(r, "model_args", args, "an object");
    cJSON_ArrayForEach(item, args) if (!read_argument(r, item, config)) return false;
    /* the arguments are what the weights were made with, the config may be its ancestor's */
    tm_pretrained *p = &config->resolved.config;
    if (config->in_chans)
        p->input_size[0] = p->test_input_size[0] = config->in_chans;
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
    if (!read_arguments(r, get(json, "model_args"), config))
        return false;
    int classes = config->num_classes >= 0 ? config->num_classes : p->num_classes;
    return !tm_class_names_of_config(json, classes, r->arena, &config->labels, r->error);
}

/* Python writes NaN and Infinity, which are no JSON: they become text, which is refused wherever a
 * number is needed. */
static void quote_odd_numbers(const char *text, size_t size, tm_buffer *out)
{
    static const char *const odd[] = {"NaN", "Infinity", "-Infinity"};
    bool quoted = false;
    for (size_t i = 0; i < size; i++) {
        const char *found = NULL;
        for (size_t k = 0; !quoted && k < sizeof odd / sizeof *odd; k++)
            if (strlen(odd[k]) <= size - i && memcmp(text + i, odd[k], strlen(odd[k])) == 0)
                found = odd[k];
        if (found) {
            tm_buffer_printf(out, "\"%s\"", found);
            i += strlen(found) - 1;
            continue;
        }
        tm_buffer_putc(out, text[i]);
        if (quoted && text[i] == '\\' && i + 1 < size)
            tm_buffer_putc(out, text[++i]);
        else if (text[i] == '"')
            quoted = !quoted;
    }
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
    tm_buffer copy = {0};
    quote_odd_numbers((const char *)text, size, &copy);
    const char *whole = tm_buffer_text(&copy, NULL);
    size_t offset = 0;
    bool no_memory = !whole;
    cJSON *json = whole ? tm_json_parse(whole, copy.length, true, &offset, &no_memory) : NULL;
    if (no_memory)
        tm_fail(&own, TM_NO_MEMORY, "%s: no memory for the config", file);
    else if (!json)
        tm_fail(&own, TM_WEIGHTS_INVALID, "%s: config, offset %zu: found no JSON, expected it",
                file, offset);
    else
        read_config(&r, json, config);
    cJSON_Delete(json);
    tm_buffer_free(&copy);
    return own.status ? tm_fail(error, own.status, "%s", own.message) : TM_OK;
}
