/* SPDX-License-Identifier: Apache-2.0 */
#include "api/save.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/floats.h"
#include "base/little_endian.h"
#include "output/json.h"

typedef struct item {
    const tm_tensor_view *view;
    size_t size; /* of an element, as it is stored */
} item;

typedef struct saver {
    const tm_weights *weights;
    tm_save_dtype as;
    FILE *stream;
    const char *path;
    item *items;
    size_t count;
    tm_error *error;
} saver;

static tm_dtype stored_dtype(const tm_tensor_view *view, tm_save_dtype as)
{
    static const tm_dtype dtypes[] = {
        [TM_SAVE_F32] = TM_DTYPE_F32, [TM_SAVE_F16] = TM_DTYPE_F16, [TM_SAVE_BF16] = TM_DTYPE_BF16};
    return as == TM_SAVE_KEEP || !tm_dtype_is_float(view->dtype) ? view->dtype : dtypes[as];
}

/* ---- header ---- */

static int by_size_then_name(const void *a, const void *b)
{
    const item *x = a, *y = b;
    return x->size != y->size ? (x->size < y->size) - (x->size > y->size)
                              : strcmp(x->view->name, y->view->name);
}

static void add_metadata(const tm_weights *weights, tm_buffer *out)
{
    const char *key;
    tm_buffer_puts(out, "\"__metadata__\":{\"format\":\"pt\"");
    for (size_t i = 0; (key = tm_weights_metadata_key(weights, i)); i++) {
        if (strcmp(key, "format") == 0)
            continue;
        tm_buffer_putc(out, ',');
        tm_json_string(out, key);
        tm_buffer_putc(out, ':');
        tm_json_string(out, tm_weights_metadata_value(weights, i));
    }
    tm_buffer_putc(out, '}');
}

static void add_tensor(const saver *s, const tm_tensor_view *view, size_t *at, tm_buffer *out)
{
    tm_dtype dtype = stored_dtype(view, s->as);
    size_t end = *at + tm_view_elements(view) * tm_dtype_size(dtype);
    tm_buffer_putc(out, ',');
    tm_json_string(out, view->name);
    tm_buffer_printf(out, ":{\"dtype\":\"%s\",\"shape\":[", tm_dtype_name(dtype));
    for (int i = 0; i < view->rank; i++)
        tm_buffer_printf(out, i ? ",%lld" : "%lld", (long long)view->shape[i]);
    tm_buffer_printf(out, "],\"data_offsets\":[%zu,%zu]}", *at, end);
    *at = end;
}

static bool write_header(saver *s)
{
    tm_buffer header = {0};
    size_t at = 0;
    tm_buffer_putc(&header, '{');
    add_metadata(s->weights, &header);
    for (size_t i = 0; i < s->count; i++)
        add_tensor(s, s->items[i].view, &at, &header);
    tm_buffer_putc(&header, '}');
    while (!header.failed && header.length % 8)
        tm_buffer_putc(&header, ' ');
    bool written = !header.failed && tm_write_le64(s->stream, header.length) &&
                   fwrite(header.data, 1, header.length, s->stream) == header.length;
    if (header.failed)
        tm_fail(s->error, TM_NO_MEMORY, "%s: no memory for its header", s->path);
    tm_buffer_free(&header);
    return written;
}

/* ---- data ---- */

enum { CHUNK = 1 << 14 };

/* f32 in values to the stored type in out. */
static bool narrow(const saver *s, const tm_tensor_view *view, const float *values, size_t count,
                   unsigned char *out)
{
    if (s->as == TM_SAVE_F32) {
        tm_f32_to_le(values, out, count);
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        bool f16 = s->as == TM_SAVE_F16;
        uint16_t half = f16 ? tm_f16_of_f32(values[i]) : tm_bf16_of_f32(values[i]);
        if ((half & 0x7FFF) == (f16 ? 0x7C00 : 0x7F80) && isfinite(values[i])) {
            tm_fail(s->error, TM_UNSUPPORTED, "%s: tensor %.200s: found %g, beyond what %s holds",
                    tm_weights_name(s->weights), view->name, (double)values[i],
                    f16 ? "f16" : "bf16");
            return false;
        }
        half = tm_le16(half);
        memcpy(out + 2 * i, &half, sizeof half);
    }
    return true;
}

static bool write_tensor(const saver *s, const tm_tensor_view *view)
{
    static const size_t widest = sizeof(double);
    size_t elements = tm_view_elements(view), size = tm_dtype_size(stored_dtype(view, s->as));
    bool same = stored_dtype(view, s->as) == view->dtype, good = true;
    if (tm_view_require(view, s->error))
        return false;
    float *values = malloc(CHUNK * sizeof *values);
    unsigned char *out = malloc(CHUNK * widest);
    if (!values || !out) {
        tm_fail(s->error, TM_NO_MEMORY, "%s: no memory", s->path);
        good = false;
    }
    for (size_t at = 0, count; at < elements && good; at += count) {
        count = elements - at < CHUNK ? elements - at : CHUNK;
        if (same)
            tm_view_read_raw(view, at, count, out);
        else {
            tm_view_read_f32(view, at, count, values);
            good = narrow(s, view, values, count, out);
        }
        good = good && fwrite(out, size, count, s->stream) == count;
    }
    free(values);
    free(out);
    return good;
}

/* One number may stand for a tensor of any size, and one tensor for many. */
static bool check_total(const saver *s)
{
    size_t total = 0, most = tm_weights_reasonable_bytes(s->weights);
    for (size_t i = 0; i < s->count && total <= most; i++)
        total += tm_view_elements(s->items[i].view) * s->items[i].size;
    if (total > most)
        tm_fail(s->error, TM_WEIGHTS_INVALID,
                "%s: its tensors would become more than %zu bytes, expected at most 16 times the "
                "file, or 256 MiB",
                tm_weights_name(s->weights), most);
    return total <= most;
}

tm_status tm_weights_save(const tm_weights *weights, tm_save_dtype dtype, FILE *stream,
                          const char *path, tm_error *error)
{
    tm_error own = {0};
    saver s = {.weights = weights, .as = dtype, .stream = stream, .path = path, .error = &own};
    s.count = tm_weights_count(weights);
    s.items = malloc((s.count + 1) * sizeof *s.items);
    if (!s.items)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", path);
    for (size_t i = 0; i < s.count; i++) {
        const tm_tensor_view *view = tm_weights_at(weights, i);
        s.items[i] = (item){view, tm_dtype_size(stored_dtype(view, dtype))};
    }
    qsort(s.items, s.count, sizeof *s.items, by_size_then_name);
    bool good = check_total(&s) && write_header(&s);
    for (size_t i = 0; i < s.count && good; i++)
        good = write_tensor(&s, s.items[i].view);
    good = good && fflush(stream) == 0;
    int cause = errno;
    free(s.items);
    if (own.status)
        return tm_fail(error, own.status, "%s", own.message);
    return good ? TM_OK : tm_fail(error, TM_WRITE, "%s: cannot write: %s", path, strerror(cause));
}
