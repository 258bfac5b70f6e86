/* SPDX-License-Identifier: Apache-2.0 */
/*
 * safetensors: 8 bytes of header length, a JSON object {"name": {"dtype", "shape",
 * "data_offsets"}, ..., "__metadata__": {text: text}}, then the data without holes.
 *
 * The header comes from strangers, and a tensor that two readers see differently is an attack, so
 * this tokenizer takes exactly RFC 8259: no number becomes a double, no name is cut or folded, no
 * name may come twice. Every offset in a message counts from the start of the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/little_endian.h"
#include "base/magic.h"
#include "weights/formats.h"

enum {
    LENGTH_BYTES = 8,
    HEADER_MAX = 100000000,
    NESTING_MAX = 127, /* objects and arrays around a value */
};

typedef struct entry {
    tm_tensor_view view;
    size_t begin, end; /* data_offsets */
    size_t at;         /* of its name, in the header */
} entry;

typedef struct reader {
    const char *file;
    const unsigned char *text; /* the header */
    size_t size, at;
    int nesting;
    char *strings; /* as long as the header: a decoded string with its NUL is never longer */
    size_t strings_used;
    entry *entries;
    size_t count, capacity;
    tm_metadata *metadata;
    size_t metadata_count, metadata_capacity;
    bool metadata_seen;
    tm_error *error;
} reader;

/* A name for a message: short, and no control byte may break the line. */
static const char *quoted(const char *name, char text[84])
{
    int length = snprintf(text, 84, "%.80s", name);
    for (int i = 0; i < length; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            text[i] = '?';
    return text;
}

static bool refuse(reader *r, size_t at, const char *found, const char *expected)
{
    tm_fail(r->error, TM_WEIGHTS_INVALID,
            "%s: safetensors header, offset %zu: found %s, expected %s", r->file, LENGTH_BYTES + at,
            found, expected);
    return false;
}

static bool refuse_byte(reader *r, size_t at, const char *expected)
{
    char found[32];
    if (at >= r->size)
        return refuse(r, at, "the end of the header", expected);
    unsigned char c = r->text[at];
    snprintf(found, sizeof found, c > 0x20 && c < 0x7F ? "'%c'" : "byte 0x%02X", c);
    return refuse(r, at, found, expected);
}

static bool refuse_name(reader *r, size_t at, const char *name, const char *what,
                        const char *expected)
{
    char found[160], text[84];
    snprintf(found, sizeof found, "tensor %s %s", quoted(name, text), what);
    return refuse(r, at, found, expected);
}

static bool no_memory(reader *r)
{
    tm_fail(r->error, TM_NO_MEMORY, "%s: no memory for its header", r->file);
    return false;
}

/* Makes room for one more element of *array. */
static bool grow(reader *r, void **array, size_t count, size_t *capacity, size_t element)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity ? 2 * *capacity : 64, bytes;
    void *larger = tm_size_mul(wanted, element, &bytes) ? realloc(*array, bytes) : NULL;
    if (!larger)
        return no_memory(r);
    *array = larger;
    *capacity = wanted;
    return true;
}

/* ---- tokens ---- */

static int peek(const reader *r)
{
    return r->at < r->size ? r->text[r->at] : -1;
}

static void skip_space(reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\n' || peek(r) == '\r')
        r->at++;
}

/* Space, then the byte c. */
static bool take(reader *r, int c, const char *expected)
{
    skip_space(r);
    if (peek(r) != c)
        return refuse_byte(r, r->at, expected);
    r->at++;
    return true;
}

static bool read_hex4(reader *r, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        int c = peek(r), letter = c | 0x20;
        if (c >= '0' && c <= '9')
            *value = *value << 4 | (uint32_t)(c - '0');
        else if (letter >= 'a' && letter <= 'f')
            *value = *value << 4 | (uint32_t)(letter - 'a' + 10);
        else
            return refuse_byte(r, r->at, "four hexadecimal digits");
    }
    return true;
}

static void put_utf8(reader *r, uint32_t code)
{
    char *out = r->strings + r->strings_used;
    int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
    *out++ = (char)(lead[more] | code >> (6 * more));
    for (int i = more - 1; i >= 0; i--)
        *out++ = (char)(0x80 | (code >> (6 * i) & 0x3F));
    r->strings_used += (size_t)more + 1;
}

/* The four digits after \u, and a second \uXXXX where the first is half of a pair. */
static bool read_unicode_escape(reader *r, size_t start)
{
    uint32_t code, low;
    if (!read_hex4(r, &code))
        return false;
    if (code >= 0xD800 && code < 0xDC00) {
        if (r->size - r->at < 2 || r->text[r->at] != '\\' || r->text[r->at + 1] != 'u')
            return refuse(r, start, "a lone surrogate", "a surrogate pair");
        r->at += 2;
        if (!read_hex4(r, &low))
            return false;
        if (low < 0xDC00 || low >= 0xE000)
            return refuse(r, start, "a lone surrogate", "a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code < 0xE000) {
        return refuse(r, start, "a lone surrogate", "a surrogate pair");
    } else if (code == 0) {
        return refuse(r, start, "a NUL in a string", "text without NUL");
    }
    put_utf8(r, code);
    return true;
}

static bool read_escape(reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    size_t start = r->at++;
    int c = peek(r);
    if (c == 'u') {
        r->at++;
        return read_unicode_escape(r, start);
    }
    const char *known = c > 0 ? strchr(from, c) : NULL;
    if (!known)
        return refuse_byte(r, r->at, "an escape of JSON");
    r->strings[r->strings_used++] = to[known - from];
    r->at++;
    return true;
}

/* One UTF-8 sequence, well-formed by table 3-7 of the Unicode standard. */
static bool read_utf8(reader *r)
{
    const unsigned char *p = r->text + r->at;
    size_t length = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    uint32_t code = length == 1 ? p[0] : p[0] & (0x7FU >> length);
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    bool good = length <= r->size - r->at && (p[0] < 0x80 || p[0] >= 0xC2) && p[0] < 0xF8;
    for (size_t i = 1; good && i < length; i++) {
        good = (p[i] & 0xC0) == 0x80;
        code = code << 6 | (p[i] & 0x3F);
    }
    if (!good || code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        return refuse_byte(r, r->at, "UTF-8");
    memcpy(r->strings + r->strings_used, p, length);
    r->strings_used += length;
    r->at += length;
    return true;
}

static bool read_string(reader *r, const char **text, const char *expected)
{
    if (!take(r, '"', expected))
        return false;
    *text = r->strings + r->strings_used;
    while (peek(r) != '"') {
        if (peek(r) < 0x20)
            return refuse_byte(r, r->at, "the rest of a string");
        if (peek(r) == '\\' ? !read_escape(r) : !read_utf8(r))
            return false;
    }
    r->at++;
    r->strings[r->strings_used++] = '\0';
    return true;
}

static bool skip_digits(reader *r)
{
    size_t start = r->at;
    while (peek(r) >= '0' && peek(r) <= '9')
        r->at++;
    return r->at > start || refuse_byte(r, r->at, "a digit");
}

static bool skip_number(reader *r)
{
    if (peek(r) == '-')
        r->at++;
    if (peek(r) == '0')
        r->at++;
    else if (!skip_digits(r))
        return false;
    if (peek(r) == '.') {
        r->at++;
        if (!skip_digits(r))
            return false;
    }
    if (peek(r) == 'e' || peek(r) == 'E') {
        r->at++;
        if (peek(r) == '+' || peek(r) == '-')
            r->at++;
        return skip_digits(r);
    }
    return true;
}

/* A non-negative integer that an int64_t holds, written as one. */
static bool read_integer(reader *r, uint64_t *value)
{
    static const char expected[] = "an integer from 0 to 9223372036854775807";
    skip_space(r);
    size_t start = r->at;
    if (peek(r) < '0' || peek(r) > '9')
        return refuse_byte(r, r->at, expected);
    if (!skip_number(r))
        return false;
    *value = 0;
    for (size_t i = start; i < r->at; i++) {
        unsigned digit = (unsigned)r->text[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, digit, value) || *value > INT64_MAX) {
            char found[64];
            snprintf(found, sizeof found, "%.*s", (int)(r->at - start < 40 ? r->at - start : 40),
                     (const char *)r->text + start);
            return refuse(r, start, found, expected);
        }
    }
    return true;
}

/* ---- objects and arrays: what to do with each member or element is a function ---- */

typedef bool member_fn(reader *r, const char *key, size_t key_at, void *context);
typedef bool element_fn(reader *r, void *context);

static bool enter(reader *r, int open, const char *expected)
{
    if (!take(r, open, expected))
        return false;
    if (++r->nesting > NESTING_MAX)
        return refuse(r, r->at - 1, "nesting deeper than 127", "a flat header");
    return true;
}

/* After a member or element: true when another follows; *good false when neither that nor the
 * end does. */
static bool another(reader *r, int close, bool *good)
{
    skip_space(r);
    if (peek(r) == ',') {
        r->at++;
        return true;
    }
    *good = take(r, close, close == '}' ? "',' or '}'" : "',' or ']'");
    r->nesting--;
    return false;
}

/* Right after the opening bracket: true when the closing one follows. */
static bool ends_empty(reader *r, int close)
{
    skip_space(r);
    if (peek(r) != close)
        return false;
    r->at++;
    r->nesting--;
    return true;
}

static bool read_object(reader *r, member_fn *member, void *context, const char *expected)
{
    bool good = true;
    if (!enter(r, '{', expected))
        return false;
    if (ends_empty(r, '}'))
        return true;
    do {
        const char *key;
        skip_space(r);
        size_t key_at = r->at;
        if (!read_string(r, &key, "a quoted name") || !take(r, ':', "':'") ||
            !member(r, key, key_at, context))
            return false;
    } while (another(r, '}', &good));
    return good;
}

static bool read_array(reader *r, element_fn *element, void *context, const char *expected)
{
    bool good = true;
    if (!enter(r, '[', expected))
        return false;
    if (ends_empty(r, ']'))
        return true;
    do {
        if (!element(r, context))
            return false;
    } while (another(r, ']', &good));
    return good;
}

static bool skip_value(reader *r);

static bool skip_member(reader *r, const char *key, size_t key_at, void *context)
{
    (void)key, (void)key_at, (void)context;
    return skip_value(r);
}

static bool skip_element(reader *r, void *context)
{
    (void)context;
    return skip_value(r);
}

static bool skip_word(reader *r)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if (r->size - r->at >= length && memcmp(r->text + r->at, words[i], length) == 0) {
            r->at += length;
            return true;
        }
    }
    return refuse_byte(r, r->at, "a value");
}

static bool skip_value(reader *r)
{
    const char *text;
    skip_space(r);
    int c = peek(r);
    if (c == '{')
        return read_object(r, skip_member, NULL, "'{'");
    if (c == '[')
        return read_array(r, skip_element, NULL, "'['");
    if (c == '"')
        return read_string(r, &text, "a string");
    return c == '-' || (c >= '0' && c <= '9') ? skip_number(r) : skip_word(r);
}

/* ---- the header ---- */

static bool read_dtype(reader *r, tm_dtype *dtype)
{
    const char *name;
    skip_space(r);
    size_t at = r->at;
    if (!read_string(r, &name, "a dtype name"))
        return false;
    for (int i = 0; i < TM_DTYPE_COUNT; i++)
        if (strcmp(name, tm_dtype_name((tm_dtype)i)) == 0) {
            *dtype = (tm_dtype)i;
            return true;
        }
    char found[128], text[84];
    snprintf(found, sizeof found, "dtype %s", quoted(name, text));
    char expected[64];
    snprintf(expected, sizeof expected, "one of %s", tm_dtype_names());
    return refuse(r, at, found, expected);
}

static bool read_dimension(reader *r, void *context)
{
    tm_tensor_view *view = context;
    uint64_t value;
    skip_space(r);
    if (view->rank == TM_TENSOR_RANK_MAX)
        return refuse(r, r->at, "a ninth dimension", "at most 8");
    if (!read_integer(r, &value))
        return false;
    view->shape[view->rank++] = (int64_t)value;
    return true;
}

static bool read_offsets(reader *r, entry *e)
{
    uint64_t begin, end;
    if (!take(r, '[', "'[' of two offsets") || !read_integer(r, &begin) ||
        !take(r, ',', "',' and a second offset") || !read_integer(r, &end) ||
        !take(r, ']', "']' after two offsets"))
        return false;
    e->begin = begin;
    e->end = end;
    return true;
}

enum { FIELD_DTYPE = 1, FIELD_SHAPE = 2, FIELD_OFFSETS = 4, FIELDS = 7 };

typedef struct tensor_fields {
    entry *e;
    unsigned seen;
} tensor_fields;

static bool read_field(reader *r, const char *key, size_t key_at, void *context)
{
    tensor_fields *fields = context;
    unsigned field = strcmp(key, "dtype") == 0          ? FIELD_DTYPE
                     : strcmp(key, "shape") == 0        ? FIELD_SHAPE
                     : strcmp(key, "data_offsets") == 0 ? FIELD_OFFSETS
                                                        : 0;
    if (field & fields->seen)
        return refuse_name(r, key_at, fields->e->view.name, "with a field twice",
                           "each of dtype, shape, data_offsets once");
    fields->seen |= field;
    switch (field) {
    case FIELD_DTYPE:
        return read_dtype(r, &fields->e->view.dtype);
    case FIELD_SHAPE:
        return read_array(r, read_dimension, &fields->e->view, "'[' of a shape");
    case FIELD_OFFSETS:
        return read_offsets(r, fields->e);
    default:
        return skip_value(r);
    }
}

/* Does the shape need just the bytes between the offsets? */
static bool check_size(reader *r, const entry *e)
{
    if (!tm_shape_is_possible(e->view.rank, e->view.shape))
        return refuse_name(r, e->at, e->view.name, TM_SHAPE_REFUSED, "a shape that fits the file");
    size_t bytes = tm_view_elements(&e->view) * tm_dtype_size(e->view.dtype);
    if (e->end < e->begin || e->end - e->begin != bytes) {
        char found[80], expected[40];
        snprintf(found, sizeof found, "with data from %zu to %zu", e->begin, e->end);
        snprintf(expected, sizeof expected, "%zu bytes", bytes);
        return refuse_name(r, e->at, e->view.name, found, expected);
    }
    return true;
}

static bool read_tensor(reader *r, const char *name, size_t at)
{
    if (r->count == TM_TENSORS_MAX)
        return refuse(r, at, TM_TENSORS_REFUSED, TM_TENSORS_EXPECTED);
    if (!grow(r, (void **)&r->entries, r->count, &r->capacity, sizeof *r->entries))
        return false;
    entry *e = &r->entries[r->count];
    *e = (entry){.view.group = "", .view.name = name, .at = at};
    tensor_fields fields = {.e = e};
    if (!read_object(r, read_field, &fields, "'{' of a tensor"))
        return false;
    if (fields.seen != FIELDS)
        return refuse_name(r, at, name, "with a field missing", "dtype, shape, data_offsets");
    if (!check_size(r, e))
        return false;
    e->view.bytes = e->end - e->begin;
    tm_view_set_contiguous(&e->view);
    r->count++;
    return true;
}

static bool read_metadata_member(reader *r, const char *key, size_t key_at, void *context)
{
    (void)context;
    const char *value;
    if (r->metadata_count == TM_TENSORS_MAX)
        return refuse(r, key_at, "more than 200000 entries of metadata", TM_TENSORS_EXPECTED);
    if (!grow(r, (void **)&r->metadata, r->metadata_count, &r->metadata_capacity,
              sizeof *r->metadata) ||
        !read_string(r, &value, "a string, as all metadata"))
        return false;
    r->metadata[r->metadata_count++] = (tm_metadata){key, value};
    return true;
}

static bool read_metadata(reader *r, size_t at)
{
    if (r->metadata_seen)
        return refuse(r, at, "__metadata__ twice", "it once");
    r->metadata_seen = true;
    skip_space(r);
    if (peek(r) == 'n')
        return skip_word(r);
    return read_object(r, read_metadata_member, NULL, "'{' of the metadata");
}

static bool read_member(reader *r, const char *key, size_t key_at, void *context)
{
    (void)context;
    return strcmp(key, "__metadata__") == 0 ? read_metadata(r, key_at)
                                            : read_tensor(r, key, key_at);
}

static int by_offset(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static int by_name(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = strcmp(x->view.name, y->view.name);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

static int view_by_name(const void *a, const void *b)
{
    return strcmp(((const tm_tensor_view *)a)->name, ((const tm_tensor_view *)b)->name);
}

/* The tensors' bytes must follow one another from 0 to data_size: no hole, no overlap. */
static bool check_layout(reader *r, const unsigned char *data, size_t data_size)
{
    char expected[64];
    size_t end = 0;
    if (r->count)
        qsort(r->entries, r->count, sizeof *r->entries, by_offset);
    for (size_t i = 0; i < r->count; i++) {
        entry *e = &r->entries[i];
        char found[80];
        if (e->begin != end || e->end > data_size) {
            snprintf(found, sizeof found, "with data from %zu to %zu", e->begin, e->end);
            snprintf(expected, sizeof expected, "data from %zu to at most %zu", end, data_size);
            return refuse_name(r, e->at, e->view.name, found, expected);
        }
        e->view.data = data + e->begin;
        end = e->end;
    }
    if (end == data_size)
        return true;
    snprintf(expected, sizeof expected, "%zu", end);
    char found[64];
    snprintf(found, sizeof found, "%zu bytes of data after it", data_size);
    return refuse(r, r->size, found, expected);
}

static bool check_names(reader *r)
{
    if (r->count)
        qsort(r->entries, r->count, sizeof *r->entries, by_name);
    for (size_t i = 1; i < r->count; i++) {
        const entry *e = &r->entries[i];
        if (strcmp(e->view.name, e[-1].view.name) == 0)
            return refuse_name(r, e->at, e->view.name, "a second time", "each name once");
    }
    return true;
}

static bool read_header(reader *r)
{
    if (!read_object(r, read_member, NULL, "'{' of the header"))
        return false;
    skip_space(r);
    return r->at == r->size || refuse_byte(r, r->at, "only spaces after the header");
}

/* Strings follow one another as they were read. */
static int by_key(const void *a, const void *b)
{
    const tm_metadata *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order ? order : (x->key > y->key) - (x->key < y->key);
}

static int by_place(const void *a, const void *b)
{
    const tm_metadata *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* Of a key that comes twice the last value counts. */
static void settle_metadata(reader *r)
{
    tm_metadata *m = r->metadata;
    size_t kept = 0;
    if (r->metadata_count)
        qsort(m, r->metadata_count, sizeof *m, by_key);
    for (size_t i = 0; i < r->metadata_count; i++)
        if (kept && strcmp(m[kept - 1].key, m[i].key) == 0)
            m[kept - 1].value = m[i].value;
        else
            m[kept++] = m[i];
    if (kept)
        qsort(m, kept, sizeof *m, by_place);
    r->metadata_count = kept;
}

static bool hand_over(reader *r, tm_tensor_index *index)
{
    index->tensors = malloc((r->count ? r->count : 1) * sizeof *index->tensors);
    if (!index->tensors)
        return no_memory(r);
    for (size_t i = 0; i < r->count; i++)
        index->tensors[i] = r->entries[i].view;
    qsort(index->tensors, r->count, sizeof *index->tensors, view_by_name);
    index->count = r->count;
    settle_metadata(r);
    index->metadata = r->metadata;
    index->metadata_count = r->metadata_count;
    index->strings = r->strings;
    r->metadata = NULL;
    r->strings = NULL;
    return true;
}

static uint64_t header_length(const unsigned char *data)
{
    return tm_load_le64(data);
}

/* No magic number: a header that starts as JSON, or a length that fits a file which is not known
 * to be another's. */
bool tm_safetensors_probe(const unsigned char *data, size_t size)
{
    tm_magic magic;
    if (size < LENGTH_BYTES)
        return false;
    if (size > LENGTH_BYTES && data[LENGTH_BYTES] == '{')
        return true;
    return header_length(data) <= size - LENGTH_BYTES &&
           !tm_magic_find(data, size, TM_MAGIC_WEIGHTS, &magic);
}

tm_status tm_safetensors_read(const char *file, const unsigned char *data, size_t size,
                              tm_tensor_index *index, tm_error *error)
{
    if (size < LENGTH_BYTES)
        return tm_fail(error, TM_WEIGHTS_INVALID,
                       "%s: safetensors header, offset 0: found %zu bytes, expected at least 8",
                       file, size);
    uint64_t length = header_length(data);
    uint64_t most = size - LENGTH_BYTES < HEADER_MAX ? size - LENGTH_BYTES : HEADER_MAX;
    if (length == 0 || length > most)
        return tm_fail(error, TM_WEIGHTS_INVALID,
                       "%s: safetensors header, offset 0: found length %llu, expected 1 to %llu",
                       file, (unsigned long long)length, (unsigned long long)most);
    reader r = {.file = file,
                .text = data + LENGTH_BYTES,
                .size = (size_t)length,
                .strings = malloc((size_t)length),
                .error = error};
    tm_error none = {0};
    if (!error)
        r.error = &none;
    bool good = r.strings ? read_header(&r) : no_memory(&r);
    good = good && check_names(&r) &&
           check_layout(&r, r.text + r.size, size - LENGTH_BYTES - r.size) && hand_over(&r, index);
    free(r.strings);
    free(r.metadata);
    free(r.entries);
    return good ? TM_OK : r.error->status;
}
