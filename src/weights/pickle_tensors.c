/* SPDX-License-Identifier: Apache-2.0 */
/* From the values of a pickle to the table of contents of a weights file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/pickle.h"

enum {
    NAME_MAX_BYTES = 4096,
    NAMES_MAX_BYTES = 64 << 20,
};

typedef struct walker {
    const tm_pickle_source *source;
    tm_storage_fn *storage;
    void *context;
    tm_tensor_index *index;
    size_t capacity, visits, most_visits, name_bytes;
    tm_buffer path; /* of the container at work: keys joined by '/' */
} walker;

/* The container at work, and what its tensors share. */
typedef struct place {
    const char *group; /* NULL until there is a tensor */
    int depth;
} place;

static bool refuse(walker *w, size_t at, const char *found, const char *expected)
{
    tm_fail(w->source->error, TM_WEIGHTS_INVALID, "%s: %s, offset %zu: found %s, expected %s",
            w->source->file, w->source->title, at, found, expected);
    return false;
}

static bool no_memory(walker *w)
{
    tm_fail(w->source->error, TM_NO_MEMORY, "%s: no memory for its tensors", w->source->file);
    return false;
}

/* UTF-8 by table 3-7 of the Unicode standard, and no NUL. */
static bool is_good_text(const unsigned char *p, size_t length)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    for (size_t i = 0; i < length;) {
        int more = p[i] < 0x80 ? 0 : p[i] < 0xE0 ? 1 : p[i] < 0xF0 ? 2 : 3;
        if (p[i] == 0 || (p[i] >= 0x80 && p[i] < 0xC2) || p[i] >= 0xF8 ||
            (size_t)more >= length - i)
            return false;
        uint32_t code = more ? p[i] & (0x3FU >> more) : p[i];
        for (int k = 1; k <= more; k++) {
            if ((p[i + (size_t)k] & 0xC0) != 0x80)
                return false;
            code = code << 6 | (p[i + (size_t)k] & 0x3F);
        }
        if (code < least[more] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
            return false;
        i += (size_t)more + 1;
    }
    return true;
}

/* The key's text in the index's memory; NULL after a refusal. */
static const char *keep_key(walker *w, size_t at, const tm_pickle_value *key)
{
    char *text = NULL;
    size_t length = key->kind == TM_PICKLE_TEXT ? key->length : 24;
    if (key->kind != TM_PICKLE_TEXT && key->kind != TM_PICKLE_INT) {
        refuse(w, at, "a tensor whose key is neither text nor a number", "a name");
        return NULL;
    }
    if (length > NAME_MAX_BYTES || w->name_bytes + length > NAMES_MAX_BYTES) {
        refuse(w, at, "names that are too long", "at most 4096 bytes, and 64 MB of all");
        return NULL;
    }
    w->name_bytes += length;
    if (key->kind == TM_PICKLE_INT) {
        text = tm_arena_printf(&w->index->buffers, "%lld", (long long)key->integer);
    } else if (!is_good_text(key->text, length)) {
        refuse(w, at, "a name that is not UTF-8", "text without NUL");
        return NULL;
    } else {
        text = tm_arena_alloc(&w->index->buffers, length + 1);
        if (text)
            memcpy(text, key->text, length);
    }
    if (!text)
        no_memory(w);
    return text;
}

static bool name_group(walker *w, size_t at, place *p)
{
    if (p->group)
        return true;
    if (w->path.failed)
        return no_memory(w);
    w->name_bytes += w->path.length;
    if (w->path.length > NAME_MAX_BYTES || w->name_bytes > NAMES_MAX_BYTES)
        return refuse(w, at, "names that are too long", "at most 4096 bytes, and 64 MB of all");
    if (w->path.length && !is_good_text((unsigned char *)w->path.data, w->path.length))
        return refuse(w, at, "a tensor under a key that is not UTF-8", "text without NUL");
    p->group = w->path.length ? tm_arena_strdup(&w->index->buffers, w->path.data) : "";
    return p->group || no_memory(w);
}

static bool refuse_foreign(walker *w, const tm_pickle_object *object, const tm_tensor_view *view)
{
    char found[300];
    snprintf(found, sizeof found, "tensor %.80s%s%.80s %.100s", view->group,
             *view->group ? "/" : "", view->name, object->foreign);
    char expected[64];
    snprintf(expected, sizeof expected, "one of %s", tm_dtype_names());
    return refuse(w, object->at, found, expected);
}

static bool add_tensor(walker *w, place *p, const tm_pickle_value *key,
                       const tm_pickle_value *value)
{
    tm_tensor_index *index = w->index;
    const tm_pickle_object *object = value->object;
    if (index->count == TM_TENSORS_MAX)
        return refuse(w, object->at, TM_TENSORS_REFUSED, TM_TENSORS_EXPECTED);
    if (index->count == w->capacity) {
        size_t wanted = w->capacity ? 2 * w->capacity : 64;
        tm_tensor_view *larger = realloc(index->tensors, wanted * sizeof *larger);
        if (!larger)
            return no_memory(w);
        index->tensors = larger;
        w->capacity = wanted;
    }
    const char *name = name_group(w, object->at, p) ? keep_key(w, object->at, key) : NULL;
    if (!name)
        return false;
    tm_tensor_view *view = &index->tensors[index->count];
    *view = value->kind == TM_PICKLE_TENSOR ? object->tensor->view : (tm_tensor_view){0};
    view->group = p->group;
    view->name = name;
    if (value->kind == TM_PICKLE_FOREIGN)
        return refuse_foreign(w, object, view);
    if (w->storage(w->context, object->tensor->storage, view) != TM_OK)
        return false;
    tm_view_skip(view, object->tensor->begin);
    index->count++;
    return true;
}

static bool walk(walker *w, const tm_pickle_value *value, int depth);

static void push_key(walker *w, const tm_pickle_value *key)
{
    if (w->path.length)
        tm_buffer_putc(&w->path, '/');
    if (key->kind == TM_PICKLE_TEXT)
        /* what is too long is refused when a tensor turns up, and need not be copied */
        tm_buffer_add(&w->path, key->text,
                      key->length > NAME_MAX_BYTES ? NAME_MAX_BYTES + 1 : key->length);
    else if (key->kind == TM_PICKLE_INT)
        tm_buffer_printf(&w->path, "%lld", (long long)key->integer);
    else
        tm_buffer_putc(&w->path, '?');
}

static bool walk_item(walker *w, place *p, const tm_pickle_value *key, const tm_pickle_value *value)
{
    if (++w->visits > w->most_visits)
        return refuse(w, 0, "containers that lie in many others", "a plain tree");
    if (value->kind == TM_PICKLE_TENSOR || value->kind == TM_PICKLE_FOREIGN)
        return add_tensor(w, p, key, value);
    if (value->kind != TM_PICKLE_DICT && value->kind != TM_PICKLE_LIST &&
        value->kind != TM_PICKLE_TUPLE)
        return true;
    size_t length = w->path.length;
    push_key(w, key);
    bool good = walk(w, value, p->depth + 1);
    w->path.length = length;
    if (w->path.data)
        w->path.data[length] = '\0';
    return good;
}

static bool walk(walker *w, const tm_pickle_value *value, int depth)
{
    const tm_pickle_object *object = value->object;
    place p = {.depth = depth};
    bool is_dict = value->kind == TM_PICKLE_DICT;
    if (depth > TM_PICKLE_DEPTH_MAX)
        return refuse(w, object->at, "nesting deeper than 64", "a flat checkpoint");
    for (size_t i = 0; i < object->count; i += is_dict ? 2 : 1) {
        tm_pickle_value number = {.kind = TM_PICKLE_INT, .integer = (int64_t)i};
        if (!walk_item(w, &p, is_dict ? &object->items[i] : &number,
                       &object->items[is_dict ? i + 1 : i]))
            return false;
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    const tm_tensor_view *x = a, *y = b;
    int order = strcmp(x->group, y->group);
    return order ? order : strcmp(x->name, y->name);
}

static bool check_names(walker *w)
{
    tm_tensor_view *tensors = w->index->tensors;
    if (w->index->count == 0)
        return refuse(w, 0, "no tensor", "a state dict");
    qsort(tensors, w->index->count, sizeof *tensors, by_name);
    for (size_t i = 1; i < w->index->count; i++)
        if (by_name(&tensors[i - 1], &tensors[i]) == 0) {
            char found[240];
            snprintf(found, sizeof found, "tensor %.80s%s%.80s twice", tensors[i].group,
                     *tensors[i].group ? "/" : "", tensors[i].name);
            return refuse(w, 0, found, "each once");
        }
    return true;
}

/* What timm's training script writes of the model's name, as metadata. */
static bool keep_arch(walker *w, const tm_pickle_value *root)
{
    const tm_pickle_object *dict = root->object;
    for (size_t i = 0; root->kind == TM_PICKLE_DICT && i + 1 < dict->count; i += 2) {
        const tm_pickle_value *value = &dict->items[i + 1];
        if (!tm_pickle_is_text(&dict->items[i], "arch") || value->kind != TM_PICKLE_TEXT ||
            value->length > NAME_MAX_BYTES || !is_good_text(value->text, value->length))
            continue;
        tm_metadata *metadata = malloc(sizeof *metadata);
        const char *text = keep_key(w, dict->at, value);
        if (!metadata || !text) {
            free(metadata);
            return text ? no_memory(w) : false;
        }
        free(w->index->metadata);
        *metadata = (tm_metadata){"arch", text};
        w->index->metadata = metadata;
        w->index->metadata_count = 1;
    }
    return true;
}

tm_status tm_pickle_tensors(const tm_pickle_source *source, const tm_pickle *pickle,
                            tm_storage_fn *storage, void *context, tm_tensor_index *index)
{
    const tm_pickle_value *root = &pickle->root;
    walker w = {.source = source, .storage = storage, .context = context, .index = index};
    w.most_visits = pickle->items * TM_PICKLE_ALIASES_MAX;
    if (w.most_visits > TM_PICKLE_ITEMS_MAX)
        w.most_visits = TM_PICKLE_ITEMS_MAX;
    bool good = root->kind == TM_PICKLE_DICT || root->kind == TM_PICKLE_LIST ||
                        root->kind == TM_PICKLE_TUPLE
                    ? walk(&w, root, 1) && check_names(&w) && keep_arch(&w, root)
                    : refuse(&w, 0, "a value that holds no named tensors", "a state dict");
    tm_buffer_free(&w.path);
    return good ? TM_OK : source->error->status;
}
