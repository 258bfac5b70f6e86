/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/places.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 4, SHOWN = 6 };

/* ---- what lies where, for messages ---- */

typedef struct shown {
    tm_buffer text;
    size_t count;
} shown;

/* Each once; equal ones follow one another. */
static void show(shown *s, const char *name, size_t length, const char *last, size_t last_length)
{
    if (last && last_length == length && strncmp(last, name, length) == 0)
        return;
    if (s->count++ < SHOWN)
        tm_buffer_printf(&s->text, "%s%.*s", s->count > 1 ? ", " : "",
                         (int)(length < 60 ? length : 60), name);
}

static tm_status fail_empty(const char *file, const char *option, const char *value, shown *s,
                            tm_error *error)
{
    const char *names = tm_buffer_text(&s->text, error);
    tm_status status =
        names ? tm_fail(error, TM_WEIGHTS_MISMATCH, "%s: nothing lies under %s '%.80s'; found %s%s",
                        file, option, value, s->count ? names : "no such thing",
                        s->count > SHOWN ? ", ..." : "")
              : TM_NO_MEMORY;
    tm_buffer_free(&s->text);
    return status;
}

static tm_status no_such_key(const tm_state_dict *dict, const char *key, tm_error *error)
{
    shown s = {0};
    const char *last = NULL;
    for (size_t i = 0; i < dict->count; i++) {
        const char *group = dict->tensors[i].group;
        if (*group)
            show(&s, group, strlen(group), last, last ? strlen(last) : 0);
        last = *group ? group : last;
    }
    return fail_empty(dict->file, "the key", key, &s, error);
}

static tm_status no_such_prefix(const tm_state_dict *dict, const char *prefix, tm_error *error)
{
    shown s = {0};
    const char *last = NULL;
    for (size_t i = 0; i < dict->count; i++) {
        const char *name = dict->tensors[i].name;
        size_t length = strcspn(name, ".");
        show(&s, name, length + (name[length] == '.'), last,
             last ? strcspn(last, ".") + (last[strcspn(last, ".")] == '.') : 0);
        last = name;
    }
    return fail_empty(dict->file, "the prefix", prefix, &s, error);
}

/* ---- taking ---- */

/* "model" is "model." where that is what names begin with; the wrappers are gone from all names,
 * so they go from the prefix. */
static bool take_prefix(tm_state_dict *dict, const char *prefix)
{
    char dotted[256];
    prefix = tm_state_has_prefix(dict, prefix) ? prefix : tm_state_plain_name(prefix);
    int length = snprintf(dotted, sizeof dotted, "%s.", prefix);
    if (length > 1 && (size_t)length < sizeof dotted && tm_state_has_prefix(dict, dotted))
        prefix = dotted;
    if (!tm_state_has_prefix(dict, prefix))
        return false;
    tm_state_keep_prefix(dict, prefix);
    tm_state_settle_top(dict);
    return true;
}

tm_status tm_state_take(tm_state_dict *dict, const char *key, const char *prefix, bool ema,
                        tm_error *error)
{
    if (key && *key && !tm_state_open(dict, key))
        return no_such_key(dict, key, error);
    if (key)
        tm_state_settle_top(dict);
    else
        tm_state_unwrap(dict, ema);
    if (prefix && *prefix && !take_prefix(dict, prefix))
        return no_such_prefix(dict, prefix, error);
    return TM_OK;
}

/* ---- finding ---- */

typedef struct finder {
    const tm_tensor_index *index;
    size_t least;
    tm_arena *arena;
    tm_weights_place *places;
    size_t count;
    bool failed;
} finder;

static bool lies_in(const char *group, const char *key)
{
    size_t length = key ? strlen(key) : 0;
    return length == 0 ||
           (strncmp(group, key, length) == 0 && (group[length] == '\0' || group[length] == '/'));
}

/* Whether tensor i has a name that begins like that of tensor `as`, in the same group. */
static bool is_alike(const finder *f, size_t i, size_t as, size_t length)
{
    const tm_tensor_view *a = &f->index->tensors[i], *b = &f->index->tensors[as];
    return strcmp(a->group, b->group) == 0 &&
           strncmp(tm_state_plain_name(a->name), tm_state_plain_name(b->name), length) == 0;
}

static void add_place(finder *f, const char *group, const char *name, size_t length)
{
    char *prefix = tm_arena_printf(f->arena, "%.*s", (int)length, name);
    f->failed = f->failed || !prefix;
    if (!f->failed && f->count < TM_PLACES_MAX)
        f->places[f->count++] = (tm_weights_place){group, prefix};
}

/* The wrappers' names are left out wherever they stand, so none of them ends a prefix. */
static bool ends_wrapped(const char *name, size_t length)
{
    static const char *const wrappers[] = {".module.", "._orig_mod."};
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(wrappers[i]);
        if (length >= n && strncmp(name + length - n, wrappers[i], n) == 0)
            return true;
    }
    return false;
}

/* The prefixes that tensor i is the first to have: names are sorted, so those that share one
 * follow one another. */
static void find_from(finder *f, size_t i)
{
    const tm_tensor_view *view = &f->index->tensors[i];
    const char *name = tm_state_plain_name(view->name);
    size_t length = 0;
    for (int depth = 0; depth <= DEPTH_MAX; depth++) {
        size_t end = i;
        if (i == 0 || !is_alike(f, i - 1, i, length)) {
            while (end < f->index->count && is_alike(f, end, i, length))
                end++;
            if (end - i >= f->least && !ends_wrapped(name, length))
                add_place(f, view->group, name, length);
        }
        size_t part = strcspn(name + length, ".");
        if (!name[length + part])
            break;
        length += part + 1;
    }
}

tm_status tm_index_places(const char *file, const tm_tensor_index *index, const char *key,
                          size_t least, tm_arena *arena, tm_weights_place **places, size_t *count,
                          tm_error *error)
{
    finder f = {.index = index, .least = least, .arena = arena};
    f.places = tm_arena_alloc(arena, TM_PLACES_MAX * sizeof *f.places);
    f.failed = !f.places;
    for (size_t i = 0; i < index->count && !f.failed; i++)
        if (lies_in(index->tensors[i].group, key))
            find_from(&f, i);
    *places = f.places;
    *count = f.count;
    return f.failed ? tm_fail(error, TM_NO_MEMORY, "%s: no memory", file) : TM_OK;
}
