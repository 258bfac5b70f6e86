/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/pickle_globals.h"

#include <stdio.h>
#include <string.h>

typedef enum role {
    ROLE_DICT,              /* (), ({key: value}) or ([[key, value], ...]) */
    ROLE_SIZE,              /* (sizes): the sizes */
    ROLE_OPAQUE,            /* anything: plain data */
    ROLE_STORAGE,           /* a class that storage ids mention */
    ROLE_DTYPE,             /* a dtype that arguments mention */
    ROLE_TENSOR_CLASS,      /* a class that _rebuild_from_type_v2 mentions */
    ROLE_REBUILD,           /* (storage, offset, size, stride, ...) */
    ROLE_REBUILD_OF_DTYPE,  /* the same with a dtype as the seventh */
    ROLE_PARAMETER,         /* (tensor, ...): the tensor */
    ROLE_REBUILD_FROM_TYPE, /* (function, class, arguments, state) */
    ROLE_FOREIGN,           /* a tensor that is not read */
} role;

struct tm_pickle_global {
    const char *module, *name;
    role role;
    tm_torch_dtype dtype;
};

/* clang-format off */
#define READABLE(name, kind, size) {name, size, true, TM_DTYPE_##kind}
#define UNREADABLE(name, size) {name, size, false, TM_DTYPE_U8}
#define STORAGE(name, dtype) {"torch", name, ROLE_STORAGE, dtype}, {"torch.cuda", name, ROLE_STORAGE, dtype}
#define DTYPE(name, kind, size) {"torch", name, ROLE_DTYPE, READABLE(name, kind, size)}
#define NO_DTYPE(name, size) {"torch", name, ROLE_DTYPE, UNREADABLE(name, size)}
#define OTHER(module, name, role) {module, name, role, {0}}
#define PLAIN(module, name) OTHER(module, name, ROLE_OPAQUE)
#define FOREIGN(name) OTHER("torch._utils", name, ROLE_FOREIGN)

static const tm_pickle_global globals[] = {
    OTHER("collections", "OrderedDict", ROLE_DICT),
    OTHER("collections", "Counter", ROLE_DICT),
    OTHER("torch", "Size", ROLE_SIZE),
    OTHER("torch", "Tensor", ROLE_TENSOR_CLASS),
    OTHER("torch._tensor", "Tensor", ROLE_TENSOR_CLASS),
    OTHER("torch.nn.parameter", "Parameter", ROLE_PARAMETER),
    OTHER("torch._utils", "_rebuild_tensor", ROLE_REBUILD),
    OTHER("torch._utils", "_rebuild_tensor_v2", ROLE_REBUILD),
    OTHER("torch._utils", "_rebuild_tensor_v3", ROLE_REBUILD_OF_DTYPE),
    OTHER("torch._utils", "_rebuild_parameter", ROLE_PARAMETER),
    OTHER("torch._utils", "_rebuild_parameter_with_state", ROLE_PARAMETER),
    OTHER("torch._tensor", "_rebuild_from_type_v2", ROLE_REBUILD_FROM_TYPE),
    FOREIGN("_rebuild_qtensor"),
    FOREIGN("_rebuild_sparse_tensor"),
    FOREIGN("_rebuild_sparse_csr_tensor"),
    FOREIGN("_rebuild_nested_tensor"),
    FOREIGN("_rebuild_wrapper_subclass"),
    FOREIGN("_rebuild_meta_tensor_no_storage"),
    FOREIGN("_rebuild_device_tensor_from_numpy"),
    FOREIGN("_rebuild_device_tensor_from_cpu_tensor"),
    FOREIGN("_rebuild_xla_tensor"),

    STORAGE("DoubleStorage", READABLE("float64", F64, 8)),
    STORAGE("FloatStorage", READABLE("float32", F32, 4)),
    STORAGE("HalfStorage", READABLE("float16", F16, 2)),
    STORAGE("BFloat16Storage", READABLE("bfloat16", BF16, 2)),
    STORAGE("LongStorage", READABLE("int64", I64, 8)),
    STORAGE("IntStorage", READABLE("int32", I32, 4)),
    STORAGE("ShortStorage", READABLE("int16", I16, 2)),
    STORAGE("CharStorage", READABLE("int8", I8, 1)),
    STORAGE("ByteStorage", READABLE("uint8", U8, 1)),
    STORAGE("BoolStorage", READABLE("bool", BOOL, 1)),
    STORAGE("ComplexFloatStorage", UNREADABLE("complex64", 8)),
    STORAGE("ComplexDoubleStorage", UNREADABLE("complex128", 16)),
    STORAGE("QInt8Storage", UNREADABLE("qint8", 1)),
    STORAGE("QUInt8Storage", UNREADABLE("quint8", 1)),
    STORAGE("QInt32Storage", UNREADABLE("qint32", 4)),
    STORAGE("QUInt4x2Storage", UNREADABLE("quint4x2", 1)),
    STORAGE("QUInt2x4Storage", UNREADABLE("quint2x4", 1)),
    {"torch.storage", "UntypedStorage", ROLE_STORAGE, UNREADABLE("bytes", 1)},
    {"torch", "UntypedStorage", ROLE_STORAGE, UNREADABLE("bytes", 1)},

    DTYPE("float64", F64, 8), DTYPE("double", F64, 8),
    DTYPE("float32", F32, 4), DTYPE("float", F32, 4),
    DTYPE("float16", F16, 2), DTYPE("half", F16, 2),
    DTYPE("bfloat16", BF16, 2),
    DTYPE("int64", I64, 8), DTYPE("long", I64, 8),
    DTYPE("int32", I32, 4), DTYPE("int", I32, 4),
    DTYPE("int16", I16, 2), DTYPE("short", I16, 2),
    DTYPE("int8", I8, 1), DTYPE("uint8", U8, 1), DTYPE("bool", BOOL, 1),
    NO_DTYPE("uint16", 2), NO_DTYPE("uint32", 4), NO_DTYPE("uint64", 8),
    NO_DTYPE("complex32", 4), NO_DTYPE("complex64", 8), NO_DTYPE("complex128", 16),
    NO_DTYPE("float8_e4m3fn", 1), NO_DTYPE("float8_e4m3fnuz", 1),
    NO_DTYPE("float8_e5m2", 1), NO_DTYPE("float8_e5m2fnuz", 1),
    NO_DTYPE("float8_e8m0fnu", 1), NO_DTYPE("float4_e2m1fn_x2", 1),
    NO_DTYPE("qint8", 1), NO_DTYPE("quint8", 1), NO_DTYPE("qint32", 4),
    NO_DTYPE("quint4x2", 1), NO_DTYPE("quint2x4", 1),
    PLAIN("torch", "per_tensor_affine"), PLAIN("torch", "per_channel_affine"),
    PLAIN("torch", "per_tensor_symmetric"), PLAIN("torch", "per_channel_symmetric"),
    PLAIN("torch", "per_channel_affine_float_qparams"),

    PLAIN("torch", "device"),
    PLAIN("torch.serialization", "_get_layout"),
    PLAIN("_codecs", "encode"),
    PLAIN("argparse", "Namespace"),
    PLAIN("__builtin__", "set"), PLAIN("builtins", "set"),
    PLAIN("__builtin__", "bytearray"), PLAIN("builtins", "bytearray"),
    PLAIN("__builtin__", "complex"), PLAIN("builtins", "complex"),
    PLAIN("numpy", "dtype"), PLAIN("numpy", "ndarray"),
    PLAIN("numpy.core.multiarray", "scalar"), PLAIN("numpy._core.multiarray", "scalar"),
    PLAIN("numpy.core.multiarray", "_reconstruct"),
    PLAIN("numpy._core.multiarray", "_reconstruct"),
};
/* clang-format on */

static bool is_word(const char *word, const unsigned char *text, size_t length)
{
    return strlen(word) == length && memcmp(word, text, length) == 0;
}

const tm_pickle_global *tm_pickle_find_global(const unsigned char *module, size_t module_length,
                                              const unsigned char *name, size_t name_length)
{
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (is_word(globals[i].name, name, name_length) &&
            is_word(globals[i].module, module, module_length))
            return &globals[i];
    return NULL;
}

static bool refuse_call(const tm_pickle_machine *m, const tm_pickle_global *global,
                        const char *expected)
{
    char found[120];
    snprintf(found, sizeof found, "%s.%s with other arguments", global->module, global->name);
    return tm_pickle_refuse(m, found, expected);
}

/* ---- storages ---- */

static bool make_storage(tm_pickle_machine *m, const tm_pickle_object *id, tm_pickle_storage *s)
{
    const tm_pickle_value *items = id->items;
    int64_t count = items[4].integer;
    size_t size = s->dtype->size;
    s->key = items[2].text;
    s->key_length = items[2].length;
    if (count < 0 || !tm_size_mul((size_t)count, size, &s->bytes))
        return tm_pickle_refuse(m, "a storage of impossible length", "one that fits the file");
    s->view_bytes = s->bytes;
    if (id->count == 5 || items[5].kind == TM_PICKLE_NONE)
        return true;
    /* the older format: (key, offset, count), a part of it */
    const tm_pickle_object *view = items[5].kind == TM_PICKLE_TUPLE ? items[5].object : NULL;
    if (!view || view->count != 3 || view->items[1].kind != TM_PICKLE_INT ||
        view->items[2].kind != TM_PICKLE_INT || view->items[1].integer < 0 ||
        view->items[2].integer < 0 ||
        !tm_size_mul((size_t)view->items[1].integer, size, &s->view_begin) ||
        !tm_size_mul((size_t)view->items[2].integer, size, &s->view_bytes) ||
        s->view_begin > s->bytes || s->view_bytes > s->bytes - s->view_begin)
        return tm_pickle_refuse(m, "a view that is no part of its storage", "one inside");
    return true;
}

bool tm_pickle_make_storage(tm_pickle_machine *m, const tm_pickle_object *id,
                            tm_pickle_value *result)
{
    const tm_pickle_value *items = id->items;
    if (id->count < 5 || id->count > 6 || !tm_pickle_is_text(&items[0], "storage") ||
        items[1].kind != TM_PICKLE_GLOBAL || items[1].global->role != ROLE_STORAGE ||
        items[2].kind != TM_PICKLE_TEXT || items[4].kind != TM_PICKLE_INT)
        return tm_pickle_refuse(m, "another persistent id",
                                "('storage', type, key, location, count)");
    tm_pickle_object *object = tm_pickle_new(m);
    if (!object)
        return false;
    object->storage =
        (tm_pickle_storage){.dtype = &items[1].global->dtype, .next = m->out->storages};
    if (!make_storage(m, id, &object->storage))
        return false;
    m->out->storages = &object->storage;
    m->out->storage_count++;
    *result = (tm_pickle_value){.kind = TM_PICKLE_STORAGE, .object = object};
    return true;
}

/* ---- tensors ---- */

static bool make_foreign(tm_pickle_machine *m, const char *kind, const char *name,
                         tm_pickle_value *result)
{
    tm_pickle_object *object = tm_pickle_new(m);
    if (!object)
        return false;
    object->foreign = tm_arena_printf(m->source->arena, "of %s %s", kind, name);
    if (!object->foreign)
        return tm_pickle_no_memory(m);
    *result = (tm_pickle_value){.kind = TM_PICKLE_FOREIGN, .object = object};
    return true;
}

/* A tuple or list of numbers, none negative. */
static bool read_numbers(const tm_pickle_value *value, int64_t *numbers, int *count)
{
    if (value->kind != TM_PICKLE_TUPLE && value->kind != TM_PICKLE_LIST)
        return false;
    const tm_pickle_object *list = value->object;
    if (list->count > TM_TENSOR_RANK_MAX)
        return false;
    *count = (int)list->count;
    for (int i = 0; i < *count; i++) {
        if (list->items[i].kind != TM_PICKLE_INT || list->items[i].integer < 0)
            return false;
        numbers[i] = list->items[i].integer;
    }
    return true;
}

/* What lies between the tensor's first and last element must lie in the storage, and what it
 * unfolds to (a stride may be 0) in reasonable memory. */
static bool check_extent(tm_pickle_machine *m, tm_pickle_tensor *t, int64_t offset)
{
    static const char expected[] = "one that fits its storage";
    tm_tensor_view *view = &t->view;
    size_t size = tm_dtype_size(view->dtype), last = 0, reach;
    bool fits = true;
    if (offset < 0 || !tm_shape_is_possible(view->rank, view->shape) ||
        tm_view_elements(view) * size > (size_t)16 << 30)
        return tm_pickle_refuse(m, "a tensor of impossible size", "at most 16 GiB");
    if (tm_view_elements(view) == 0) {
        tm_view_set_contiguous(view);
        return true;
    }
    for (int i = 0; i < view->rank && fits; i++)
        fits = tm_size_mul((size_t)view->shape[i] - 1, (size_t)view->stride[i], &reach) &&
               tm_size_add(last, reach, &last);
    if (!fits || !tm_size_mul((size_t)offset, size, &t->begin) || !tm_size_add(last, 1, &last) ||
        !tm_size_mul(last, size, &view->bytes) || t->begin > t->storage->view_bytes ||
        view->bytes > t->storage->view_bytes - t->begin)
        return tm_pickle_refuse(m, "a tensor that reaches beyond its storage", expected);
    t->begin += t->storage->view_begin;
    return true;
}

static bool make_tensor(tm_pickle_machine *m, const tm_pickle_global *global,
                        const tm_pickle_object *arguments, const tm_torch_dtype *dtype,
                        tm_pickle_value *result)
{
    static const char expected[] = "(storage, offset, sizes, strides), at most 8 of them";
    const tm_pickle_value *items = arguments->items;
    tm_pickle_object *object = tm_pickle_new(m);
    tm_pickle_tensor *t = object ? tm_pickle_alloc(m, sizeof *t) : NULL;
    if (!t)
        return false;
    int strides;
    *t = (tm_pickle_tensor){.storage = &items[0].object->storage, .view.dtype = dtype->dtype};
    if (items[1].kind != TM_PICKLE_INT || !read_numbers(&items[2], t->view.shape, &t->view.rank) ||
        !read_numbers(&items[3], t->view.stride, &strides) || strides != t->view.rank)
        return refuse_call(m, global, expected);
    if (!check_extent(m, t, items[1].integer))
        return false;
    object->tensor = t;
    *result = (tm_pickle_value){.kind = TM_PICKLE_TENSOR, .object = object};
    return true;
}

static bool rebuild(tm_pickle_machine *m, const tm_pickle_global *global,
                    const tm_pickle_object *arguments, tm_pickle_value *result)
{
    const tm_pickle_value *items = arguments->items;
    size_t least = global->role == ROLE_REBUILD ? 4 : 7, most = least == 4 ? 7 : 8;
    if (arguments->count < least || arguments->count > most || items[0].kind != TM_PICKLE_STORAGE)
        return refuse_call(m, global, "a storage and the tensor's place in it");
    /* says that the numbers are conjugated or negated */
    const tm_pickle_value *metadata = arguments->count == most ? &items[most - 1] : NULL;
    if (metadata && metadata->kind == TM_PICKLE_DICT && metadata->object->count)
        return make_foreign(m, "a kind with", "metadata", result);
    const tm_torch_dtype *dtype = items[0].object->storage.dtype;
    if (global->role == ROLE_REBUILD_OF_DTYPE) {
        if (items[6].kind != TM_PICKLE_GLOBAL || items[6].global->role != ROLE_DTYPE)
            return refuse_call(m, global, "a dtype as the seventh");
        dtype = &items[6].global->dtype;
    }
    if (!dtype->readable)
        return make_foreign(m, "dtype", dtype->name, result);
    return make_tensor(m, global, arguments, dtype, result);
}

static bool rebuild_from_type(tm_pickle_machine *m, const tm_pickle_global *global,
                              const tm_pickle_object *arguments, tm_pickle_value *result)
{
    const tm_pickle_value *items = arguments->items;
    if (arguments->count != 4 || items[0].kind != TM_PICKLE_GLOBAL ||
        items[1].kind != TM_PICKLE_GLOBAL || items[2].kind != TM_PICKLE_TUPLE)
        return refuse_call(m, global, "(function, class, arguments, state)");
    role made_by = items[0].global->role, made = items[1].global->role;
    if (made_by == ROLE_REBUILD_FROM_TYPE || (made != ROLE_TENSOR_CLASS && made != ROLE_PARAMETER))
        return refuse_call(m, global, "a function and class of plain tensors");
    return tm_pickle_call(m, items[0].global, items[2].object, false, result);
}

/* ---- plain data ---- */

static bool make_opaque(tm_pickle_machine *m, tm_pickle_value *result)
{
    tm_pickle_object *object = tm_pickle_new(m);
    *result = (tm_pickle_value){.kind = TM_PICKLE_OPAQUE, .object = object};
    return object;
}

static bool make_dict(tm_pickle_machine *m, const tm_pickle_global *global,
                      const tm_pickle_object *arguments, tm_pickle_value *result)
{
    tm_pickle_object *dict = tm_pickle_new(m);
    *result = (tm_pickle_value){.kind = TM_PICKLE_DICT, .object = dict};
    if (!dict || arguments->count == 0)
        return dict;
    const tm_pickle_value *from = &arguments->items[0];
    if (arguments->count != 1 || (from->kind != TM_PICKLE_LIST && from->kind != TM_PICKLE_DICT))
        return refuse_call(m, global, "none, a dict or a list of pairs");
    for (size_t i = 0; i < from->object->count; i++) {
        const tm_pickle_value *item = &from->object->items[i];
        if (from->kind == TM_PICKLE_DICT) {
            if (!tm_pickle_add(m, dict, item))
                return false;
            continue;
        }
        if ((item->kind != TM_PICKLE_LIST && item->kind != TM_PICKLE_TUPLE) ||
            item->object->count != 2)
            return refuse_call(m, global, "none, a dict or a list of pairs");
        if (!tm_pickle_add(m, dict, &item->object->items[0]) ||
            !tm_pickle_add(m, dict, &item->object->items[1]))
            return false;
    }
    return true;
}

bool tm_pickle_call(tm_pickle_machine *m, const tm_pickle_global *global,
                    const tm_pickle_object *arguments, bool is_new, tm_pickle_value *result)
{
    const tm_pickle_value *first = arguments->count ? &arguments->items[0] : NULL;
    bool is_class = global->role == ROLE_DICT || global->role == ROLE_OPAQUE ||
                    (global->role == ROLE_PARAMETER && global->name[0] == 'P');
    if (is_new && !is_class)
        return refuse_call(m, global, "a class");
    switch (global->role) {
    case ROLE_DICT:
        return make_dict(m, global, arguments, result);
    case ROLE_OPAQUE:
        return make_opaque(m, result);
    case ROLE_SIZE:
        if (arguments->count != 1 || first->kind != TM_PICKLE_TUPLE)
            return refuse_call(m, global, "a tuple of sizes");
        *result = *first;
        return true;
    case ROLE_PARAMETER:
        if (!first || (first->kind != TM_PICKLE_TENSOR && first->kind != TM_PICKLE_FOREIGN))
            return refuse_call(m, global, "a tensor");
        *result = *first;
        return true;
    case ROLE_REBUILD:
    case ROLE_REBUILD_OF_DTYPE:
        return rebuild(m, global, arguments, result);
    case ROLE_REBUILD_FROM_TYPE:
        return rebuild_from_type(m, global, arguments, result);
    case ROLE_FOREIGN:
        return make_foreign(m, "kind", global->name, result);
    case ROLE_STORAGE:
    case ROLE_DTYPE:
    case ROLE_TENSOR_CLASS:
        break;
    }
    return refuse_call(m, global, "no call of it");
}
