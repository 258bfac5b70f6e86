/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/pickle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/pickle_globals.h"

enum { PROTOCOL_MAX = 5 };

/* ---- bytes ---- */

/* The next `count` bytes, or NULL after a refusal. */
static const unsigned char *take(tm_pickle_machine *m, size_t count)
{
    if (count > m->end - m->at) {
        char found[80];
        bool cut = m->end == m->source->size;
        snprintf(found, sizeof found, "%s where %zu bytes should follow",
                 cut ? "the end" : "more than 64 MB", count);
        tm_pickle_refuse(m, found, cut ? "a whole pickle" : "a shorter pickle");
        return NULL;
    }
    m->at += count;
    return m->source->bytes + m->at - count;
}

static bool take_number(tm_pickle_machine *m, int bytes, uint64_t *value)
{
    const unsigned char *p = take(m, (size_t)bytes);
    *value = 0;
    for (int i = bytes; p && i-- > 0;)
        *value = *value << 8 | p[i];
    return p;
}

/* The text up to the next newline. */
static const unsigned char *take_line(tm_pickle_machine *m, size_t *length)
{
    const unsigned char *line = m->source->bytes + m->at;
    const unsigned char *newline = memchr(line, '\n', m->end - m->at);
    if (!newline) {
        tm_pickle_refuse(m, "a name without an end", "a line");
        return NULL;
    }
    *length = (size_t)(newline - line);
    m->at += *length + 1;
    return line;
}

/* ---- stack and objects ---- */

static bool grow(tm_pickle_machine *m, tm_pickle_value **array, size_t need, size_t *capacity)
{
    if (need > TM_PICKLE_ITEMS_MAX)
        return tm_pickle_refuse(m, "more than 4194304 values", "a smaller pickle");
    if (need <= *capacity)
        return true;
    size_t wanted = 2 * *capacity > need ? 2 * *capacity : need + 64;
    if (!tm_pickle_afford(m, (wanted - *capacity) * sizeof **array))
        return false;
    tm_pickle_value *larger = realloc(*array, wanted * sizeof *larger);
    if (!larger)
        return tm_pickle_no_memory(m);
    memset(larger + *capacity, 0, (wanted - *capacity) * sizeof *larger);
    *array = larger;
    *capacity = wanted;
    return true;
}

static bool push(tm_pickle_machine *m, tm_pickle_value value)
{
    if (!grow(m, &m->stack, m->stack_count + 1, &m->stack_capacity))
        return false;
    m->stack[m->stack_count++] = value;
    return true;
}

/* The topmost `count` values, above the last mark; NULL after a refusal. */
static tm_pickle_value *top(tm_pickle_machine *m, size_t count)
{
    size_t floor = m->mark_count ? m->marks[m->mark_count - 1] : 0;
    if (m->stack_count - floor < count) {
        tm_pickle_refuse(m, "an operation on an empty stack", "values for it");
        return NULL;
    }
    return m->stack + m->stack_count - count;
}

/* Removes the last mark; the values above it begin at the result and stay until popped. */
static bool pop_mark(tm_pickle_machine *m, size_t *first)
{
    if (m->mark_count == 0)
        return tm_pickle_refuse(m, "an operation without a mark", "one before it");
    *first = m->marks[--m->mark_count];
    return true;
}

static bool push_new(tm_pickle_machine *m, tm_pickle_kind kind)
{
    tm_pickle_object *object = tm_pickle_new(m);
    return object && push(m, (tm_pickle_value){.kind = kind, .object = object});
}

/* The values from `first` up become one tuple. */
static bool make_tuple(tm_pickle_machine *m, size_t first)
{
    tm_pickle_object *tuple = tm_pickle_new(m);
    for (size_t i = first; tuple && i < m->stack_count; i++)
        if (!tm_pickle_add(m, tuple, &m->stack[i]))
            return false;
    m->stack_count = first;
    return tuple && push(m, (tm_pickle_value){.kind = TM_PICKLE_TUPLE, .object = tuple});
}

/* ---- operations; argument: of its row in the table ---- */

static bool do_protocol(tm_pickle_machine *m, int argument)
{
    (void)argument;
    uint64_t protocol;
    if (!take_number(m, 1, &protocol))
        return false;
    return protocol <= PROTOCOL_MAX || tm_pickle_refuse(m, "an unknown pickle protocol", "2");
}

static bool do_constant(tm_pickle_machine *m, int argument)
{
    return push(m, (tm_pickle_value){.kind = argument < 0 ? TM_PICKLE_NONE : TM_PICKLE_BOOL,
                                     .integer = argument > 0});
}

/* argument: bytes; 4 are signed */
static bool do_integer(tm_pickle_machine *m, int argument)
{
    uint64_t value;
    if (!take_number(m, argument, &value))
        return false;
    return push(m, (tm_pickle_value){.kind = TM_PICKLE_INT,
                                     .integer = argument == 4 ? (int32_t)value : (int64_t)value});
}

static bool do_long(tm_pickle_machine *m, int argument)
{
    (void)argument;
    uint64_t length;
    const unsigned char *p = take_number(m, 1, &length) ? take(m, (size_t)length) : NULL;
    if (!p)
        return false;
    if (length > 8)
        return push(
            m, (tm_pickle_value){.kind = TM_PICKLE_LONG, .length = (uint32_t)length, .text = p});
    uint64_t value = length && p[length - 1] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = (size_t)length; i-- > 0;)
        value = value << 8 | p[i];
    return push(m, (tm_pickle_value){.kind = TM_PICKLE_INT, .integer = (int64_t)value});
}

static bool do_float(tm_pickle_machine *m, int argument)
{
    (void)argument;
    return take(m, 8) && push(m, (tm_pickle_value){.kind = TM_PICKLE_FLOAT});
}

/* argument: bytes of the length before it */
static bool do_text(tm_pickle_machine *m, int argument)
{
    uint64_t length;
    const unsigned char *p = take_number(m, argument, &length) ? take(m, (size_t)length) : NULL;
    return p && push(m, (tm_pickle_value){
                            .kind = TM_PICKLE_TEXT, .length = (uint32_t)length, .text = p});
}

static bool do_container(tm_pickle_machine *m, int argument)
{
    return push_new(m, (tm_pickle_kind)argument);
}

static bool do_mark(tm_pickle_machine *m, int argument)
{
    (void)argument;
    if (m->mark_count == TM_PICKLE_DEPTH_MAX)
        return tm_pickle_refuse(m, "nesting deeper than 64", "a flat checkpoint");
    m->marks[m->mark_count++] = m->stack_count;
    return true;
}

/* argument: how many values, 0 those above the mark */
static bool do_tuple(tm_pickle_machine *m, int argument)
{
    size_t first = 0;
    if (argument == 0)
        return pop_mark(m, &first) && make_tuple(m, first);
    return top(m, (size_t)argument) && make_tuple(m, m->stack_count - (size_t)argument);
}

/* argument: how many values go into the list or dict below them, 0 those above the mark */
static bool add_items(tm_pickle_machine *m, int argument, tm_pickle_kind kind)
{
    size_t first = 0;
    if (argument == 0 ? !pop_mark(m, &first) : !top(m, (size_t)argument))
        return false;
    if (argument)
        first = m->stack_count - (size_t)argument;
    size_t count = m->stack_count - first;
    const tm_pickle_value *target = top(m, count + 1);
    if (!target)
        return false;
    if (target->kind != kind)
        return tm_pickle_refuse(m, "items put into another kind of value",
                                kind == TM_PICKLE_LIST ? "a list" : "a dict");
    if (kind == TM_PICKLE_DICT && count % 2)
        return tm_pickle_refuse(m, "a key without a value", "pairs");
    for (size_t i = first; i < m->stack_count; i++)
        if (!tm_pickle_add(m, target->object, &m->stack[i]))
            return false;
    m->stack_count = first;
    return true;
}

static bool do_append(tm_pickle_machine *m, int argument)
{
    return add_items(m, argument, TM_PICKLE_LIST);
}

static bool do_set_item(tm_pickle_machine *m, int argument)
{
    return add_items(m, argument, TM_PICKLE_DICT);
}

/* argument: bytes of the memo's index. Picklers count, so no index is beyond the pickle's bytes. */
static bool take_memo_index(tm_pickle_machine *m, int bytes, size_t *index)
{
    uint64_t value;
    size_t most = m->end - m->begin < TM_PICKLE_ITEMS_MAX ? m->end - m->begin : TM_PICKLE_ITEMS_MAX;
    if (!take_number(m, bytes, &value))
        return false;
    *index = (size_t)value;
    return *index < most || tm_pickle_refuse(m, "a memo index beyond the pickle", "a small one");
}

static bool do_put(tm_pickle_machine *m, int argument)
{
    size_t index;
    const tm_pickle_value *value = top(m, 1);
    if (!value || !take_memo_index(m, argument, &index) ||
        !grow(m, &m->memo, index + 1, &m->memo_capacity))
        return false;
    m->memo[index] = *value;
    return true;
}

static bool do_get(tm_pickle_machine *m, int argument)
{
    size_t index;
    if (!take_memo_index(m, argument, &index))
        return false;
    if (index >= m->memo_capacity || m->memo[index].kind == TM_PICKLE_UNUSED)
        return tm_pickle_refuse(m, "a memo entry that was never put", "an earlier value");
    return push(m, m->memo[index]);
}

static bool refuse_global(tm_pickle_machine *m, const unsigned char *module, size_t module_length,
                          const unsigned char *name, size_t name_length)
{
    char found[200];
    snprintf(found, sizeof found, "the global %.*s.%.*s",
             (int)(module_length < 80 ? module_length : 80), (const char *)module,
             (int)(name_length < 80 ? name_length : 80), (const char *)name);
    return tm_pickle_refuse(m, found,
                            "tensors and plain data; timmc never runs code from a checkpoint");
}

static bool do_global(tm_pickle_machine *m, int argument)
{
    (void)argument;
    size_t module_length, name_length;
    const unsigned char *module = take_line(m, &module_length);
    const unsigned char *name = module ? take_line(m, &name_length) : NULL;
    if (!name)
        return false;
    const tm_pickle_global *global =
        tm_pickle_find_global(module, module_length, name, name_length);
    if (!global)
        return refuse_global(m, module, module_length, name, name_length);
    return push(m, (tm_pickle_value){.kind = TM_PICKLE_GLOBAL, .global = global});
}

/* argument: 1 to create an object of the class, 0 to call */
static bool do_call(tm_pickle_machine *m, int argument)
{
    tm_pickle_value *values = top(m, 2), result;
    if (!values)
        return false;
    if (values[0].kind != TM_PICKLE_GLOBAL || values[1].kind != TM_PICKLE_TUPLE)
        return tm_pickle_refuse(m, "a call of something else", "a known name and its arguments");
    if (!tm_pickle_call(m, values[0].global, values[1].object, argument, &result))
        return false;
    values[0] = result;
    m->stack_count--;
    return true;
}

/* A state for an object: OrderedDict's _metadata, a namespace's values. Nothing needs it. */
static bool do_build(tm_pickle_machine *m, int argument)
{
    (void)argument;
    const tm_pickle_value *values = top(m, 2);
    if (!values)
        return false;
    if (values[0].kind != TM_PICKLE_DICT && values[0].kind != TM_PICKLE_OPAQUE)
        return tm_pickle_refuse(m, "a state set on a value that has none", "a dict or plain data");
    m->stack_count--;
    return true;
}

static bool do_persistent(tm_pickle_machine *m, int argument)
{
    (void)argument;
    tm_pickle_value *id = top(m, 1);
    if (!id)
        return false;
    if (id->kind != TM_PICKLE_TUPLE)
        return tm_pickle_refuse(m, "a persistent id that is no tuple", "a storage's");
    return tm_pickle_make_storage(m, id->object, id);
}

/* torch's list of operations. */
static const struct {
    bool (*run)(tm_pickle_machine *m, int argument);
    int argument;
} operations[256] = {
    /* clang-format off */
    [0x80] = {do_protocol, 0},
    ['N'] = {do_constant, -1},
    [0x88] = {do_constant, 1},                  /* NEWTRUE */
    [0x89] = {do_constant, 0},                  /* NEWFALSE */
    ['K'] = {do_integer, 1},
    ['M'] = {do_integer, 2},
    ['J'] = {do_integer, 4},
    [0x8A] = {do_long, 0},
    ['G'] = {do_float, 0},
    ['X'] = {do_text, 4},
    ['U'] = {do_text, 1},
    [')'] = {do_container, TM_PICKLE_TUPLE},
    [']'] = {do_container, TM_PICKLE_LIST},
    ['}'] = {do_container, TM_PICKLE_DICT},
    [0x8F] = {do_container, TM_PICKLE_OPAQUE},  /* EMPTY_SET */
    ['('] = {do_mark, 0},
    ['t'] = {do_tuple, 0},
    [0x85] = {do_tuple, 1},
    [0x86] = {do_tuple, 2},
    [0x87] = {do_tuple, 3},
    ['a'] = {do_append, 1},
    ['e'] = {do_append, 0},
    ['s'] = {do_set_item, 2},
    ['u'] = {do_set_item, 0},
    ['q'] = {do_put, 1},
    ['r'] = {do_put, 4},
    ['h'] = {do_get, 1},
    ['j'] = {do_get, 4},
    ['c'] = {do_global, 0},
    ['R'] = {do_call, 0},
    [0x81] = {do_call, 1},                      /* NEWOBJ */
    ['b'] = {do_build, 0},
    ['Q'] = {do_persistent, 0},
    /* clang-format on */
};

static bool run(tm_pickle_machine *m)
{
    for (;;) {
        m->op = m->at;
        const unsigned char *code = take(m, 1);
        if (!code)
            return false;
        if (*code == '.')
            break;
        if (!operations[*code].run) {
            char found[32];
            snprintf(found, sizeof found, "pickle operation 0x%02X", *code);
            return tm_pickle_refuse(m, found, "one that torch.save writes");
        }
        if (!operations[*code].run(m, operations[*code].argument))
            return false;
    }
    const tm_pickle_value *value = top(m, 1);
    if (value)
        m->out->root = *value;
    return value;
}

tm_status tm_pickle_load(const tm_pickle_source *source, size_t *at, tm_pickle *out)
{
    *out = (tm_pickle){0};
    TM_ASSERT(*at <= source->size && source->error);
    tm_pickle_machine m = {
        .source = source, .begin = *at, .at = *at, .end = source->size, .out = out};
    if (m.end - m.begin > TM_PICKLE_BYTES_MAX)
        m.end = m.begin + TM_PICKLE_BYTES_MAX;
    bool good = run(&m);
    out->items = m.items;
    free(m.stack);
    free(m.memo);
    *at = m.at;
    return good ? TM_OK : source->error->status;
}
