/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/pickle_machine.h"

#include <string.h>

/* What torch.save writes makes some 16 bytes of values from each of its own. */
enum { MEMORY_TIMES = 32, MEMORY_LEAST = 32 << 20 };

bool tm_pickle_is_text(const tm_pickle_value *value, const char *text)
{
    return value->kind == TM_PICKLE_TEXT && value->length == strlen(text) &&
           memcmp(value->text, text, value->length) == 0;
}

bool tm_pickle_refuse(const tm_pickle_machine *m, const char *found, const char *expected)
{
    tm_fail(m->source->error, TM_WEIGHTS_INVALID, "%s: %s, offset %zu: found %s, expected %s",
            m->source->file, m->source->title, m->op, found, expected);
    return false;
}

bool tm_pickle_no_memory(const tm_pickle_machine *m)
{
    tm_fail(m->source->error, TM_NO_MEMORY, "%s: no memory for its %s", m->source->file,
            m->source->title);
    return false;
}

bool tm_pickle_afford(tm_pickle_machine *m, size_t bytes)
{
    m->memory += bytes;
    return m->memory <= MEMORY_LEAST + MEMORY_TIMES * (m->at - m->begin) ||
           tm_pickle_refuse(m, "values of more than 32 times its bytes", "those of a state dict");
}

void *tm_pickle_alloc(tm_pickle_machine *m, size_t bytes)
{
    void *memory = tm_pickle_afford(m, bytes) ? tm_arena_alloc(m->source->arena, bytes) : NULL;
    if (!memory)
        tm_pickle_no_memory(m);
    return memory;
}

tm_pickle_object *tm_pickle_new(tm_pickle_machine *m)
{
    if (++m->objects > TM_PICKLE_ITEMS_MAX) {
        tm_pickle_refuse(m, "more than 4194304 objects", "a smaller pickle");
        return NULL;
    }
    tm_pickle_object *object = tm_pickle_alloc(m, sizeof *object);
    if (object)
        *object = (tm_pickle_object){.at = m->op, .depth = 1};
    return object;
}

bool tm_pickle_add(tm_pickle_machine *m, tm_pickle_object *object, const tm_pickle_value *item)
{
    if (++m->items > TM_PICKLE_ITEMS_MAX)
        return tm_pickle_refuse(m, "more than 4194304 items", "a smaller pickle");
    if (tm_pickle_is_object(item) && item->object->depth >= object->depth)
        object->depth = item->object->depth + 1;
    if (object->depth > TM_PICKLE_DEPTH_MAX)
        return tm_pickle_refuse(m, "nesting deeper than 64", "a flat checkpoint");
    if (object->count == object->capacity) {
        size_t wanted = object->capacity ? 2 * object->capacity : 4;
        tm_pickle_value *larger = tm_pickle_alloc(m, wanted * sizeof *larger);
        if (!larger)
            return false;
        if (object->count)
            memcpy(larger, object->items, object->count * sizeof *larger);
        object->items = larger;
        object->capacity = wanted;
    }
    object->items[object->count++] = *item;
    return true;
}
