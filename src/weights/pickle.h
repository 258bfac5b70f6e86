/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pickle, as far as torch.save writes it. A checkpoint is a program for a stack machine that can
 * call anything by name; this machine has no way to call: a name becomes an entry of a closed table
 * (pickle_globals.c), and what Python would call with it becomes a tensor, a container or a value
 * that nobody looks into. Everything else is refused by name and offset.
 *
 * Texts point into the pickle, objects live in the caller's arena.
 */
#ifndef TM_WEIGHTS_PICKLE_H
#define TM_WEIGHTS_PICKLE_H

#include "weights/formats.h"

enum {
    TM_PICKLE_BYTES_MAX = 64 << 20,
    TM_PICKLE_ITEMS_MAX = 4 << 20, /* of the stack, the memo, all containers; and objects */
    TM_PICKLE_ALIASES_MAX = 64,    /* visits of each item, on average */
    TM_PICKLE_DEPTH_MAX = 64,
};

typedef enum tm_pickle_kind {
    TM_PICKLE_UNUSED, /* a place without a value */
    TM_PICKLE_NONE,
    TM_PICKLE_BOOL,
    TM_PICKLE_INT,
    TM_PICKLE_LONG, /* more than 8 bytes, little-endian, in text and length */
    TM_PICKLE_FLOAT,
    TM_PICKLE_TEXT,
    TM_PICKLE_GLOBAL,
    /* objects */
    TM_PICKLE_TUPLE,
    TM_PICKLE_LIST,
    TM_PICKLE_DICT,   /* items: key, value, key, value, ... */
    TM_PICKLE_OPAQUE, /* plain data that is of no use here */
    TM_PICKLE_STORAGE,
    TM_PICKLE_TENSOR,
    TM_PICKLE_FOREIGN, /* a tensor of a kind that is not read */
} tm_pickle_kind;

/* A number type of torch; those that no tensor_view has are known by name alone. */
typedef struct tm_torch_dtype {
    const char *name; /* "float32" */
    size_t size;      /* bytes of an element */
    bool readable;
    tm_dtype dtype;
} tm_torch_dtype;

typedef struct tm_pickle_value {
    tm_pickle_kind kind;
    uint32_t length; /* of text, in bytes */
    union {
        int64_t integer; /* BOOL: 0 or 1 */
        const unsigned char *text;
        const struct tm_pickle_global *global;
        struct tm_pickle_object *object;
    };
} tm_pickle_value;

typedef struct tm_pickle_storage {
    const unsigned char *key; /* how the file calls its bytes */
    size_t key_length;
    const tm_torch_dtype *dtype;
    size_t bytes;                         /* of all of it */
    size_t view_begin, view_bytes;        /* the part that counts */
    const struct tm_pickle_storage *next; /* made before this one */
} tm_pickle_storage;

typedef struct tm_pickle_tensor {
    const tm_pickle_storage *storage;
    tm_tensor_view view; /* group, name and data unset; bytes checked against the storage */
    size_t begin;        /* of the first element, from the storage's start */
} tm_pickle_tensor;

typedef struct tm_pickle_object {
    size_t at;      /* offset in the file, or in the member, for messages */
    uint32_t depth; /* objects around each other, this one with them */
    union {
        struct {
            tm_pickle_value *items;
            size_t count, capacity;
        };
        tm_pickle_storage storage;
        tm_pickle_tensor *tensor;
        const char *foreign; /* what it is: "of dtype complex64" */
    };
} tm_pickle_object;

/* Where a pickle is. Offsets of messages count from bytes. */
typedef struct tm_pickle_source {
    const char *file, *title; /* "x.pth", "data.pkl" */
    const unsigned char *bytes;
    size_t size;
    tm_arena *arena;
    tm_error *error; /* not NULL */
} tm_pickle_source;

typedef struct tm_pickle {
    tm_pickle_value root;
    const tm_pickle_storage *storages; /* every one that was mentioned, the last first */
    size_t storage_count;
    size_t items; /* in all containers */
} tm_pickle;

/* Reads one pickle from offset *at, which then is behind it. */
tm_status tm_pickle_load(const tm_pickle_source *source, size_t *at, tm_pickle *out);

bool tm_pickle_is_text(const tm_pickle_value *value, const char *text);

/* Lets a view begin where a storage's bytes do, as many as storage->bytes, whether they lie there
 * or are packed; an error with the file's name where they are missing or of another length. */
typedef tm_status tm_storage_fn(void *context, const tm_pickle_storage *storage,
                                tm_tensor_view *view);

/* The tensors in the root and its containers: {"state_dict": {"a.b": T}} has a.b in group
 * state_dict; in lists and tuples the index is the name. Names live in index->buffers. A text
 * "arch" of the root becomes metadata. */
tm_status tm_pickle_tensors(const tm_pickle_source *source, const tm_pickle *pickle,
                            tm_storage_fn *storage, void *context, tm_tensor_index *index);

#endif
