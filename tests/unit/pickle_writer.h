/* SPDX-License-Identifier: Apache-2.0 */
/* Pickles for tests, written operation by operation as torch.save does. */
#ifndef TESTS_UNIT_PICKLE_WRITER_H
#define TESTS_UNIT_PICKLE_WRITER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define PICKLE_HELPER __attribute__((unused)) static

PICKLE_HELPER void put_bytes(tm_buffer *p, const char *bytes, size_t count)
{
    tm_buffer_add(p, bytes, count);
}
/* operations that a C string can hold */
#define PUT(p, operations) put_bytes(p, operations, sizeof(operations) - 1)

PICKLE_HELPER void put_text_of(tm_buffer *p, const char *text, size_t length)
{
    tm_buffer_putc(p, 'X');
    for (int i = 0; i < 4; i++)
        tm_buffer_putc(p, (char)(length >> (8 * i)));
    tm_buffer_add(p, text, length);
}

PICKLE_HELPER void put_text(tm_buffer *p, const char *text)
{
    put_text_of(p, text, strlen(text));
}

PICKLE_HELPER void put_global(tm_buffer *p, const char *module, const char *name)
{
    tm_buffer_printf(p, "c%s\n%s\n", module, name);
}

PICKLE_HELPER void put_integer(tm_buffer *p, int64_t value)
{
    PUT(p, "\x8A\x08");
    for (int i = 0; i < 8; i++)
        tm_buffer_putc(p, (char)((uint64_t)value >> (8 * i)));
}

PICKLE_HELPER void put_integers(tm_buffer *p, const int64_t *values, int count)
{
    PUT(p, "(");
    for (int i = 0; i < count; i++)
        put_integer(p, values[i]);
    PUT(p, "t");
}

/* The storage `key` of `count` elements of class torch.TYPE; older: as before 1.6. */
PICKLE_HELPER void put_storage(tm_buffer *p, const char *key, const char *type, int64_t count,
                               bool older)
{
    PUT(p, "(");
    put_text(p, "storage");
    put_global(p, "torch", type);
    put_text(p, key);
    put_text(p, "cpu");
    put_integer(p, count);
    if (older)
        PUT(p, "N");
    PUT(p, "tQ");
}

typedef struct pickled_tensor {
    const char *key, *type; /* NULL: "0", "FloatStorage" */
    int64_t count;          /* elements of the storage */
    int64_t offset;
    int rank;
    int64_t shape[10], stride[10];
    bool older;
} pickled_tensor;

/* torch._utils._rebuild_tensor_v2(storage, offset, shape, stride, False, OrderedDict()) */
PICKLE_HELPER void put_tensor(tm_buffer *p, const pickled_tensor *t)
{
    put_global(p, "torch._utils", "_rebuild_tensor_v2");
    PUT(p, "(");
    put_storage(p, t->key ? t->key : "0", t->type ? t->type : "FloatStorage", t->count, t->older);
    put_integer(p, t->offset);
    put_integers(p, t->shape, t->rank);
    put_integers(p, t->stride, t->rank);
    PUT(p, "\x89");
    put_global(p, "collections", "OrderedDict");
    PUT(p, ")RtR");
}

/* Two floats in storage "0". */
PICKLE_HELPER void put_pair(tm_buffer *p)
{
    put_tensor(p, &(pickled_tensor){.count = 2, .rank = 1, .shape = {2}, .stride = {1}});
}

#endif
