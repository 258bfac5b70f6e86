/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .npy: "\x93NUMPY", version, header length, a Python dict literal {'descr', 'fortran_order',
 * 'shape'}, then the numbers. The literal is read by this grammar alone; nothing is evaluated.
 */
#include "weights/npy.h"

#include <stdio.h>
#include <string.h>

#include "weights/convert.h"
#include "weights/formats.h"

enum { HEADER_MAX = 10000, MAGIC_SIZE = 6 };

static const unsigned char magic[MAGIC_SIZE] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

typedef struct reader {
    const char *file;
    const unsigned char *data;
    size_t size, at;  /* of the header; offsets count from the start of the file */
    bool for_weights; /* any order, and what JAX writes for bfloat16 */
    tm_npy *npy;
    tm_error *error;
    tm_status status;
} reader;

static bool refuse(reader *r, tm_status status, size_t at, const char *found, const char *expected)
{
    r->status = tm_fail(r->error, status, "%s: npy header, offset %zu: found %s, expected %s",
                        r->file, at, found, expected);
    return false;
}

static bool refuse_byte(reader *r, const char *expected)
{
    char found[32] = "the end of the header";
    if (r->at < r->size) {
        unsigned char c = r->data[r->at];
        snprintf(found, sizeof found, c > 0x20 && c < 0x7F ? "'%c'" : "byte 0x%02X", c);
    }
    return refuse(r, TM_CORRUPT, r->at, found, expected);
}

static int peek(const reader *r)
{
    return r->at < r->size ? r->data[r->at] : -1;
}

static void skip_space(reader *r)
{
    while (peek(r) == ' ' || peek(r) == '\n' || peek(r) == '\t' || peek(r) == '\r')
        r->at++;
}

/* Space, then c: consumed and true, or left and false. */
static bool accept(reader *r, int c)
{
    skip_space(r);
    if (peek(r) != c)
        return false;
    r->at++;
    return true;
}

static bool take(reader *r, int c, const char *expected)
{
    return accept(r, c) || refuse_byte(r, expected);
}

/* A quoted word without escapes, cut to the size of text (no word of ours is longer). */
static bool read_word(reader *r, char *text, size_t room, const char *expected)
{
    skip_space(r);
    int quote = peek(r);
    if (quote != '\'' && quote != '"')
        return refuse_byte(r, expected);
    size_t length = 0;
    for (r->at++; peek(r) != quote; r->at++) {
        if (peek(r) < 0x20 || peek(r) == '\\' || peek(r) > 0x7E)
            return refuse_byte(r, "the rest of a quoted word");
        if (length + 1 < room)
            text[length++] = (char)peek(r);
    }
    r->at++;
    text[length] = '\0';
    return true;
}

static bool read_descr(reader *r)
{
    static const struct {
        const char *descr;
        tm_dtype dtype;
    } known[] = {{"<f4", TM_DTYPE_F32}, {"<f2", TM_DTYPE_F16}, {"<f8", TM_DTYPE_F64},
                 {"|u1", TM_DTYPE_U8},  {"|i1", TM_DTYPE_I8},  {"<i2", TM_DTYPE_I16},
                 {"<i4", TM_DTYPE_I32}, {"<i8", TM_DTYPE_I64}, {"|b1", TM_DTYPE_BOOL},
                 {"|V2", TM_DTYPE_BF16}};
    static const char expected[] = "one of <f4 <f2 <f8 |u1 |i1 <i2 <i4 <i8 |b1";
    char descr[24], found[48];
    skip_space(r);
    size_t at = r->at;
    if (peek(r) == '[')
        return refuse(r, TM_UNSUPPORTED, at, "an array of records", expected);
    if (!read_word(r, descr, sizeof descr, "a quoted element type"))
        return false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(descr, known[i].descr) == 0 &&
            (known[i].dtype != TM_DTYPE_BF16 || r->for_weights)) {
            r->npy->dtype = known[i].dtype;
            return true;
        }
    snprintf(found, sizeof found, "elements of type '%s'", descr);
    return refuse(r, TM_UNSUPPORTED, at, found, expected);
}

static bool read_order(reader *r)
{
    skip_space(r);
    size_t left = r->size - r->at;
    if (left >= 5 && memcmp(r->data + r->at, "False", 5) == 0) {
        r->at += 5;
        r->npy->fortran_order = false;
    } else if (left >= 4 && memcmp(r->data + r->at, "True", 4) == 0) {
        r->at += 4;
        r->npy->fortran_order = true;
    } else {
        return refuse_byte(r, "False or True");
    }
    return true;
}

static bool read_dimension(reader *r)
{
    tm_npy *npy = r->npy;
    size_t at = r->at;
    if (peek(r) < '0' || peek(r) > '9')
        return refuse_byte(r, "a dimension or ')'");
    if (npy->rank == TM_TENSOR_RANK_MAX)
        return refuse(r, TM_UNSUPPORTED, at, "a ninth dimension", "at most 8");
    int64_t value = 0;
    for (; peek(r) >= '0' && peek(r) <= '9'; r->at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, peek(r) - '0', &value))
            return refuse(r, TM_CORRUPT, at, "a dimension beyond 2^63", "one that fits the file");
    npy->shape[npy->rank++] = value;
    return true;
}

/* () or (3,) or (2, 3) or (2, 3,) */
static bool read_shape(reader *r)
{
    if (!take(r, '(', "'(' of a shape"))
        return false;
    bool comma = true;
    while (!accept(r, ')')) {
        if (!comma)
            return refuse_byte(r, "',' or ')'");
        if (!read_dimension(r))
            return false;
        comma = accept(r, ',');
    }
    if (r->npy->rank == 1 && !comma)
        return refuse(r, TM_CORRUPT, r->at - 1, "a number in parentheses", "a tuple");
    return true;
}

static bool read_literal(reader *r)
{
    static const struct {
        const char *key;
        bool (*read)(reader *r);
    } fields[] = {{"descr", read_descr}, {"fortran_order", read_order}, {"shape", read_shape}};
    enum { FIELDS = sizeof fields / sizeof *fields };
    bool seen[FIELDS] = {false}, comma = true;
    if (!take(r, '{', "'{'"))
        return false;
    while (!accept(r, '}')) {
        char key[24];
        int field = 0;
        size_t at = r->at;
        if (!comma)
            return refuse_byte(r, "',' or '}'");
        if (!read_word(r, key, sizeof key, "a quoted key"))
            return false;
        while (field < FIELDS && strcmp(key, fields[field].key) != 0)
            field++;
        if (field == FIELDS || seen[field])
            return refuse(r, TM_CORRUPT, at, field == FIELDS ? "an unknown key" : "a key twice",
                          "descr, fortran_order, shape, each once");
        seen[field] = true;
        if (!take(r, ':', "':'") || !fields[field].read(r))
            return false;
        comma = accept(r, ',');
    }
    if (!seen[0] || !seen[1] || !seen[2])
        return refuse(r, TM_CORRUPT, r->at, "a key missing", "descr, fortran_order, shape");
    skip_space(r);
    return r->at == r->size || refuse_byte(r, "only spaces after the header");
}

/* Version and length: leaves at and size around the literal. */
static bool read_frame(reader *r, size_t known_size)
{
    size_t fixed = MAGIC_SIZE + 2;
    if (known_size < fixed + 2 || !tm_npy_probe(r->data, known_size))
        return refuse(r, TM_CORRUPT, 0, "other bytes", "\\x93NUMPY and a version");
    int major = r->data[6], minor = r->data[7];
    if (major < 1 || major > 3 || minor != 0) {
        char found[32];
        snprintf(found, sizeof found, "version %d.%d", major, minor);
        return refuse(r, TM_UNSUPPORTED, 6, found, "1.0, 2.0 or 3.0");
    }
    size_t width = major == 1 ? 2 : 4, length = 0;
    for (size_t i = width; i-- > 0;)
        length = length << 8 | (fixed + i < known_size ? r->data[fixed + i] : 0);
    r->at = fixed + width;
    if (r->at > known_size || length > known_size - r->at)
        return refuse(r, TM_TRUNCATED, fixed, "a header longer than the file", "one inside it");
    if (length > HEADER_MAX)
        return refuse(r, TM_CORRUPT, fixed, "a header of more than 10000 bytes", "a shorter one");
    r->size = r->at + length;
    return true;
}

static bool check_data(reader *r, size_t file_size)
{
    tm_npy *npy = r->npy;
    char found[40], expected[40];
    size_t bytes = 1;
    if (npy->fortran_order && npy->rank > 1 && !r->for_weights)
        return refuse(r, TM_UNSUPPORTED, r->size, "an array in Fortran order", "C order");
    if (!tm_shape_is_possible(npy->rank, npy->shape))
        return refuse(r, TM_CORRUPT, r->size, "an array " TM_SHAPE_REFUSED, "a smaller one");
    for (int i = 0; i < npy->rank; i++)
        bytes *= (size_t)npy->shape[i];
    npy->elements = bytes;
    bytes *= tm_dtype_size(npy->dtype);
    if (bytes != file_size - r->size) {
        snprintf(found, sizeof found, "%zu bytes of data", file_size - r->size);
        snprintf(expected, sizeof expected, "%zu", bytes);
        return refuse(r, file_size - r->size < bytes ? TM_TRUNCATED : TM_CORRUPT, r->size, found,
                      expected);
    }
    npy->begin = r->size;
    npy->data = r->data + r->size;
    return true;
}

bool tm_npy_probe(const unsigned char *data, size_t size)
{
    return size >= MAGIC_SIZE && memcmp(data, magic, MAGIC_SIZE) == 0;
}

static tm_status parse(reader *r, size_t known_size, size_t file_size)
{
    *r->npy = (tm_npy){0};
    return read_frame(r, known_size) && read_literal(r) && check_data(r, file_size) ? TM_OK
                                                                                    : r->status;
}

tm_status tm_npy_parse(const char *file, const unsigned char *data, size_t size, tm_npy *out,
                       tm_error *error)
{
    reader r = {.file = file, .data = data, .npy = out, .error = error};
    return parse(&r, size, size);
}

tm_status tm_npy_parse_header(const char *file, const unsigned char *head, size_t head_size,
                              size_t size, tm_npy *out, tm_error *error)
{
    reader r = {.file = file, .data = head, .for_weights = true, .npy = out, .error = error};
    tm_status status = parse(&r, head_size, size);
    out->data = NULL;
    return status;
}

tm_status tm_npy_open(const char *path, tm_npy *out, tm_error *error)
{
    tm_map map;
    *out = (tm_npy){0};
    tm_status status = tm_map_file(path, &map, error);
    if (status != TM_OK)
        return status;
    status = tm_npy_parse(path, map.data, map.size, out, error);
    if (status != TM_OK)
        return tm_unmap(&map, status, error);
    out->map = map;
    return TM_OK;
}

void tm_npy_close(tm_npy *npy)
{
    if (tm_unmap(&npy->map, TM_OK, NULL)) {
        /* after the last read, which has asked for itself */
    }
    *npy = (tm_npy){0};
}

tm_status tm_npy_read_f32(const tm_npy *npy, size_t begin, size_t count, float *out,
                          tm_error *error)
{
    TM_ASSERT(begin <= npy->elements && count <= npy->elements - begin);
    tm_convert_f32(npy->dtype, npy->data + begin * tm_dtype_size(npy->dtype), out, count);
    return tm_map_check(&npy->map, error);
}

tm_status tm_npy_read(const char *file, const unsigned char *data, size_t size,
                      tm_tensor_index *index, tm_error *error)
{
    (void)data, (void)size, (void)index;
    return tm_fail(error, TM_WEIGHTS_INVALID,
                   "%s: npy header, offset 0: found one array without a name, expected an .npz of "
                   "several",
                   file);
}
