/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/class_names.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "registry/registry.h"

enum { TEXT_MAX = 256 << 20, CLASS_DIGITS = 7 };

typedef struct reader {
    tm_arena *arena;
    tm_class_names *names;
    const cJSON **texts; /* members of label_descriptions by their keys */
    size_t text_count;
    bool no_memory;
} reader;

__attribute__((format(printf, 2, 3))) static void tell(tm_class_names *names, const char *format,
                                                       ...)
{
    if (*names->problem)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(names->problem, sizeof names->problem, format, args);
    va_end(args);
    for (char *p = names->problem; *p; p++) /* it quotes a file */
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            *p = '?';
}

static void tell_count(tm_class_names *names)
{
    tell(names, "%zu labels, the model has %zu classes", names->given, names->count);
}

static const cJSON *get(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNull(item) ? NULL : item;
}

static bool is_container(const cJSON *item)
{
    return cJSON_IsArray(item) || cJSON_IsObject(item);
}

/* ---- descriptions ---- */

static int by_key(const void *a, const void *b)
{
    return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

static int key_order(const void *key, const void *item)
{
    return strcmp(key, (*(const cJSON *const *)item)->string);
}

/* Sorted, for many lookups. */
static void sort_descriptions(reader *r, const cJSON *descriptions)
{
    if (descriptions && !cJSON_IsObject(descriptions))
        tell(r->names, "label_descriptions: not an object from names to texts");
    if (!cJSON_IsObject(descriptions) || !descriptions->child)
        return;
    r->texts = malloc((size_t)cJSON_GetArraySize(descriptions) * sizeof(const cJSON *));
    if (!r->texts) {
        r->no_memory = true;
        return;
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, descriptions) r->texts[r->text_count++] = item;
    qsort(r->texts, r->text_count, sizeof *r->texts, by_key);
}

static const char *description_of(const reader *r, const char *name)
{
    const cJSON *const *text =
        r->text_count ? bsearch(name, r->texts, r->text_count, sizeof *r->texts, key_order) : NULL;
    return text && cJSON_IsString(*text) ? (*text)->valuestring : NULL;
}

/* ---- names ---- */

static void keep(reader *r, size_t index, const char *name)
{
    tm_class_names *names = r->names;
    const char *description = description_of(r, name);
    names->names[index] = tm_arena_strdup(r->arena, name);
    names->descriptions[index] = description ? tm_arena_strdup(r->arena, description) : NULL;
    if (!names->names[index] || (description && !names->descriptions[index]))
        r->no_memory = true;
}

static void add(reader *r, size_t index, const cJSON *item)
{
    char number[32];
    if (index >= r->names->count) {
        tell(r->names, "a name for class %zu, the model has %zu classes", index, r->names->count);
        return;
    }
    if (cJSON_IsString(item) && *item->valuestring) {
        keep(r, index, item->valuestring);
    } else if (cJSON_IsNumber(item)) {
        snprintf(number, sizeof number, "%.15g", item->valuedouble);
        keep(r, index, number);
    } else if (!cJSON_IsNull(item) && !cJSON_IsString(item)) {
        tell(r->names, "class %zu: its name is neither text nor a number", index);
    }
}

/* "17"; JSON has no other keys than text. */
static bool parse_index(const char *key, size_t *index)
{
    size_t digits = strspn(key, "0123456789");
    *index = digits && digits <= CLASS_DIGITS ? strtoul(key, NULL, 10) : 0;
    return digits && digits <= CLASS_DIGITS && !key[digits];
}

static void add_members(reader *r, const cJSON *object)
{
    const cJSON *item;
    size_t index;
    cJSON_ArrayForEach(item, object)
    {
        if (!parse_index(item->string, &index)) {
            tell(r->names, "found the key '%.60s', expected the number of a class", item->string);
            continue;
        }
        if (index < r->names->count && r->names->names[index])
            tell(r->names, "class %zu is named twice", index);
        add(r, index, item);
    }
}

static void add_list(reader *r, const cJSON *list)
{
    const cJSON *item;
    size_t index = 0;
    if (r->names->given != r->names->count)
        tell_count(r->names);
    cJSON_ArrayForEach(item, list)
    {
        if (index < r->names->count)
            add(r, index, item);
        index++;
    }
}

static bool start(reader *r, int classes, tm_class_names *names)
{
    *names = (tm_class_names){.count = classes > 0 ? (size_t)classes : 0, .stated = true};
    names->names = tm_arena_alloc(r->arena, 2 * names->count * sizeof *names->names);
    names->descriptions = names->names ? names->names + names->count : NULL;
    r->names = names;
    r->no_memory = !names->names;
    return names->names;
}

static tm_status read_names(const cJSON *item, const cJSON *descriptions, int classes,
                            tm_arena *arena, tm_class_names *names, tm_error *error)
{
    reader r = {.arena = arena};
    if (start(&r, classes, names)) {
        sort_descriptions(&r, descriptions);
        names->given = is_container(item) ? (size_t)cJSON_GetArraySize(item) : 0;
        if (cJSON_IsArray(item))
            add_list(&r, item);
        else if (cJSON_IsObject(item))
            add_members(&r, item);
        else
            tell(names, "the names of classes are neither a list nor an object");
    }
    free(r.texts);
    return r.no_memory ? tm_fail(error, TM_NO_MEMORY, "no memory for %d labels", classes) : TM_OK;
}

/* The names in a config of timm, old or new, or of transformers; NULL: none, or empty ones. */
static const cJSON *find_names(const cJSON *config, const cJSON **descriptions)
{
    static const char *const keys[] = {"label_names", "labels", "id2label"};
    const cJSON *objects[] = {config, get(config, "pretrained_cfg")};
    *descriptions = get(config, "label_descriptions");
    if (!*descriptions)
        *descriptions = get(objects[1], "label_descriptions");
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        for (size_t i = 0; i < 2; i++) {
            const cJSON *item = get(objects[i], keys[k]);
            if (item && (item->child || !is_container(item)))
                return item;
        }
    return NULL;
}

tm_status tm_class_names_of_config(const cJSON *config, int classes, tm_arena *arena,
                                   tm_class_names *names, tm_error *error)
{
    const cJSON *descriptions, *item = find_names(config, &descriptions);
    *names = (tm_class_names){.stated = item};
    if (!item || classes <= 0)
        return TM_OK;
    tm_status status = read_names(item, descriptions, classes, arena, names, error);
    if (!status && names->given < names->count)
        tell_count(names);
    return status;
}

/* ---- files ---- */

/* A last line may lack its newline; an empty one is a class without a name. */
static tm_status read_lines(char *text, int classes, tm_arena *arena, tm_class_names *names,
                            tm_error *error)
{
    reader r = {.arena = arena};
    size_t index = 0;
    if (start(&r, classes, names))
        for (char *line = text, *end; *line; line = end, index++) {
            end = line + strcspn(line, "\n");
            if (end > line && end[-1] == '\r')
                end[-1] = '\0';
            if (*end)
                *end++ = '\0';
            if (index < names->count && *line)
                keep(&r, index, line);
        }
    if (r.no_memory)
        return tm_fail(error, TM_NO_MEMORY, "no memory for %d labels", classes);
    names->given = index;
    if (index != names->count)
        tell_count(names);
    return TM_OK;
}

static tm_status read_text(const char *file, char *text, int classes, tm_arena *arena,
                           tm_class_names *names, tm_error *error)
{
    size_t offset = 0;
    bool no_memory = false;
    cJSON *json = strchr("[{", text[strspn(text, " \t\r\n")])
                      ? tm_json_parse(text, strlen(text), true, &offset, &no_memory)
                      : NULL;
    if (no_memory)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for the labels", file);
    if (!is_container(json)) {
        cJSON_Delete(json);
        if (tm_ends_with(file, ".json"))
            return tm_fail(error, TM_WEIGHTS_INVALID,
                           "%s: labels, offset %zu: found no JSON, expected a list or an object",
                           file, offset);
        return read_lines(text, classes, arena, names, error);
    }
    const cJSON *descriptions = NULL, *inner = find_names(json, &descriptions);
    tm_status status = read_names(inner ? inner : json, descriptions, classes, arena, names, error);
    cJSON_Delete(json);
    return status;
}

tm_status tm_class_names_parse(const char *file, const void *bytes, size_t size, int classes,
                               tm_arena *arena, tm_class_names *names, tm_error *error)
{
    static const char mark[] = "\xEF\xBB\xBF";
    size_t skip = size >= 3 && memcmp(bytes, mark, 3) == 0 ? 3 : 0;
    *names = (tm_class_names){0};
    if (size > TEXT_MAX || (size && memchr(bytes, '\0', size)))
        return tm_fail(error, TM_WEIGHTS_INVALID,
                       "%s: labels: found %s, expected UTF-8 text of at most %d MB", file,
                       size > TEXT_MAX ? "a larger file" : "a NUL byte", TEXT_MAX >> 20);
    char *text = malloc(size - skip + 1);
    if (!text)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for the labels", file);
    if (size > skip)
        memcpy(text, (const char *)bytes + skip, size - skip);
    text[size - skip] = '\0';
    tm_status status = read_text(file, text, classes, arena, names, error);
    free(text);
    if (!status && *names->problem)
        return tm_fail(error, TM_WEIGHTS_MISMATCH, "%s: %s", file, names->problem);
    return status;
}

bool tm_class_name(const tm_class_names *names, int index, const char **name, const char **text)
{
    if (index < 0 || (size_t)index >= names->count || !names->names[index])
        return false;
    *name = names->names[index];
    *text = names->descriptions[index] ? names->descriptions[index] : *name;
    return true;
}

const char *tm_class_names_source(const tm_class_names *names, int classes)
{
    return names->stated ? "own" : tm_label_set_name(classes);
}
