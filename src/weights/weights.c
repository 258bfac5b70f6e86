/* SPDX-License-Identifier: Apache-2.0 */
#include "weights/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "weights/convert.h"
#include "weights/formats.h"
#include "weights/formula.h"

struct tm_weights {
    char *name;
    tm_map map; /* empty for the formula and for memory that is not ours */
    bool file_backed, formula;
    uint64_t seed;
    double gain;
    tm_tensor_index index;
};

void tm_tensor_index_free(tm_tensor_index *index)
{
    free(index->tensors);
    free(index->metadata);
    free(index->strings);
    *index = (tm_tensor_index){0};
}

static tm_status new_weights(const char *name, tm_weights **out, tm_error *error)
{
    tm_weights *weights = calloc(1, sizeof *weights);
    if (weights)
        weights->name = strdup(name);
    if (!weights || !weights->name) {
        free(weights);
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", name);
    }
    *out = weights;
    return TM_OK;
}

void tm_weights_close(tm_weights *weights)
{
    if (!weights)
        return;
    tm_tensor_index_free(&weights->index);
    tm_unmap(&weights->map);
    free(weights->name);
    free(weights);
}

static tm_status fail_unknown_format(const char *file, const unsigned char *data, size_t size,
                                     tm_error *error)
{
#define TM_WEIGHTS_FORMAT(format, title) " " title
    static const char known[] =
#include "weights/formats.def"
        ;
#undef TM_WEIGHTS_FORMAT
    char start[8 * 3 + 1] = "";
    for (size_t i = 0; i < 8 && i < size; i++)
        snprintf(start + 3 * i, 4, " %02X", data[i]);
    return tm_fail(error, TM_WEIGHTS_INVALID,
                   "%s: weights file, offset 0: found %zu bytes%s%s, expected one of:%s", file,
                   size, size ? " starting" : "", start, known);
}

static tm_status read_index(tm_weights *weights, const unsigned char *data, size_t size,
                            tm_error *error)
{
#define TM_WEIGHTS_FORMAT(format, title)                                                           \
    if (tm_##format##_probe(data, size))                                                           \
        return tm_##format##_read(weights->name, data, size, &weights->index, error);
#include "weights/formats.def"
#undef TM_WEIGHTS_FORMAT
    return fail_unknown_format(weights->name, data, size, error);
}

static tm_status finish_open(tm_weights *weights, tm_status status, tm_weights **out)
{
    if (status == TM_OK)
        *out = weights;
    else
        tm_weights_close(weights);
    return status;
}

tm_status tm_weights_open_file(const char *path, tm_weights **out, tm_error *error)
{
    tm_weights *weights;
    tm_status status = new_weights(path, &weights, error);
    if (status != TM_OK)
        return status;
    weights->file_backed = true;
    status = tm_map_file(path, &weights->map, error);
    if (status == TM_OK)
        status = read_index(weights, weights->map.data, weights->map.size, error);
    return finish_open(weights, status, out);
}

tm_status tm_weights_open_memory(const void *bytes, size_t size, const char *name, bool file_backed,
                                 tm_weights **out, tm_error *error)
{
    tm_weights *weights;
    tm_status status = new_weights(name, &weights, error);
    if (status != TM_OK)
        return status;
    weights->file_backed = file_backed;
    return finish_open(weights, read_index(weights, bytes, size, error), out);
}

tm_status tm_weights_open_formula(uint64_t seed, double gain, tm_weights **out, tm_error *error)
{
    char name[64];
    snprintf(name, sizeof name, gain == 1 ? "formula:%llu" : "formula:%llu:%g",
             (unsigned long long)seed, gain);
    tm_weights *weights;
    tm_status status = new_weights(name, &weights, error);
    if (status != TM_OK)
        return status;
    weights->formula = true;
    weights->seed = seed;
    weights->gain = gain;
    *out = weights;
    return TM_OK;
}

bool tm_weights_is_formula(const tm_weights *weights)
{
    return weights->formula;
}

const char *tm_weights_name(const tm_weights *weights)
{
    return weights->name;
}

size_t tm_weights_count(const tm_weights *weights)
{
    return weights->index.count;
}

const tm_tensor_view *tm_weights_at(const tm_weights *weights, size_t index)
{
    TM_ASSERT(index < weights->index.count);
    return &weights->index.tensors[index];
}

static int compare_name(const void *name, const void *view)
{
    return strcmp(name, ((const tm_tensor_view *)view)->name);
}

const tm_tensor_view *tm_weights_find(const tm_weights *weights, const char *name)
{
    const tm_tensor_index *index = &weights->index;
    if (index->count == 0)
        return NULL;
    return bsearch(name, index->tensors, index->count, sizeof *index->tensors, compare_name);
}

const char *tm_weights_metadata(const tm_weights *weights, const char *key)
{
    for (size_t i = weights->index.metadata_count; i-- > 0;)
        if (strcmp(weights->index.metadata[i].key, key) == 0)
            return weights->index.metadata[i].value;
    return NULL;
}

const char *tm_weights_metadata_key(const tm_weights *weights, size_t index)
{
    return index < weights->index.metadata_count ? weights->index.metadata[index].key : NULL;
}

/* "[64,3,7,7]" */
static const char *shape_text(int rank, const int64_t *shape, char text[192])
{
    int length = snprintf(text, 192, "[");
    for (int i = 0; i < rank; i++)
        length += snprintf(text + length, (size_t)(192 - length), i ? ",%lld" : "%lld",
                           (long long)shape[i]);
    snprintf(text + length, (size_t)(192 - length), "]");
    return text;
}

static bool same_shape(const tm_tensor_view *view, int rank, const int64_t *shape)
{
    return view->rank == rank &&
           (rank == 0 || memcmp(view->shape, shape, (size_t)rank * sizeof *shape) == 0);
}

static tm_status find_of_shape(const tm_weights *weights, const char *name, int rank,
                               const int64_t *shape, const tm_tensor_view **view, tm_error *error)
{
    char found[192], expected[192];
    shape_text(rank, shape, expected);
    *view = tm_weights_find(weights, name);
    if (!*view)
        return tm_fail(error, TM_WEIGHTS_MISMATCH, "%s: tensor %s: not found, expected %s",
                       weights->name, name, expected);
    if (!same_shape(*view, rank, shape))
        return tm_fail(error, TM_WEIGHTS_MISMATCH, "%s: tensor %s: found %s, expected %s",
                       weights->name, name, shape_text((*view)->rank, (*view)->shape, found),
                       expected);
    return TM_OK;
}

static size_t element_count(int rank, const int64_t *shape)
{
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        TM_ASSERT(shape[i] >= 0 && tm_size_mul(count, (size_t)shape[i], &count));
    return count;
}

tm_status tm_weights_read_f32_range(const tm_weights *weights, const char *name, int rank,
                                    const int64_t *shape, size_t begin, size_t count, float *out,
                                    tm_error *error)
{
    TM_ASSERT(rank >= 0 && rank <= TM_TENSOR_RANK_MAX);
    size_t elements = element_count(rank, shape);
    TM_ASSERT(begin <= elements && count <= elements - begin);
    if (weights->formula) {
        tm_formula_fill(name, rank, shape, weights->seed, weights->gain, begin, count, out);
        return TM_OK;
    }
    const tm_tensor_view *view;
    tm_status status = find_of_shape(weights, name, rank, shape, &view, error);
    if (status == TM_OK)
        tm_convert_f32(view->dtype, view->data + begin * tm_dtype_size(view->dtype), out, count);
    return status;
}

tm_status tm_weights_read_f32(const tm_weights *weights, const char *name, int rank,
                              const int64_t *shape, float *out, tm_error *error)
{
    return tm_weights_read_f32_range(weights, name, rank, shape, 0, element_count(rank, shape), out,
                                     error);
}

void tm_weights_release_pages(const tm_weights *weights, const char *name)
{
    const tm_tensor_view *view = tm_weights_find(weights, name);
    if (!view || !weights->file_backed)
        return;
    /* Only pages that hold nothing else: a neighbour may be in use. */
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)view->data + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)view->data + view->bytes) & ~(page - 1);
    if (begin < end)
        madvise((void *)begin, end - begin, MADV_DONTNEED);
}

enum { DIFF_NAMES = 20 };

static bool is_counter(const char *name)
{
    static const char suffix[] = "num_batches_tracked";
    size_t length = strlen(name), tail = sizeof suffix - 1;
    return length >= tail && strcmp(name + length - tail, suffix) == 0;
}

/* One kind of difference: its first names and their number. */
typedef struct kind {
    tm_buffer names;
    size_t count;
} kind;

static void add_difference(kind *k, const char *name, int rank, const int64_t *shape,
                           const tm_tensor_spec *expected)
{
    if (k->count++ >= DIFF_NAMES)
        return;
    char text[192];
    tm_buffer_printf(&k->names, "%s%s %s", k->count > 1 ? ", " : "", name,
                     shape_text(rank, shape, text));
    if (expected)
        tm_buffer_printf(&k->names, " for %s", shape_text(expected->rank, expected->shape, text));
}

static void report_kind(const kind *k, const char *title, tm_buffer *report)
{
    if (!report || k->count == 0)
        return;
    tm_buffer_printf(report, "%zu %s: ", k->count, title);
    tm_buffer_add(report, k->names.data, k->names.length);
    tm_buffer_puts(report, k->count > DIFF_NAMES ? ", ...\n" : "\n");
}

static void find_differences(const tm_weights *weights, const tm_tensor_spec *expected,
                             size_t count, bool *known, kind *missing, kind *unexpected,
                             kind *mismatched)
{
    for (size_t i = 0; i < count; i++) {
        const tm_tensor_spec *spec = &expected[i];
        const tm_tensor_view *view = tm_weights_find(weights, spec->name);
        if (view)
            known[view - weights->index.tensors] = true;
        if (is_counter(spec->name))
            continue;
        if (!view)
            add_difference(missing, spec->name, spec->rank, spec->shape, NULL);
        else if (!same_shape(view, spec->rank, spec->shape))
            add_difference(mismatched, view->name, view->rank, view->shape, spec);
    }
    for (size_t i = 0; i < weights->index.count; i++) {
        const tm_tensor_view *view = &weights->index.tensors[i];
        if (!known[i] && !is_counter(view->name))
            add_difference(unexpected, view->name, view->rank, view->shape, NULL);
    }
}

tm_status tm_weights_compare(const tm_weights *weights, const tm_tensor_spec *expected,
                             size_t count, tm_weights_diff *diff, tm_buffer *report,
                             tm_error *error)
{
    *diff = (tm_weights_diff){0};
    if (weights->formula)
        return TM_OK;
    bool *known = calloc(weights->index.count + 1, sizeof *known);
    if (!known)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", weights->name);
    kind missing = {0}, unexpected = {0}, mismatched = {0};
    find_differences(weights, expected, count, known, &missing, &unexpected, &mismatched);
    *diff = (tm_weights_diff){missing.count, unexpected.count, mismatched.count};
    report_kind(&missing, "missing", report);
    report_kind(&unexpected, "unexpected", report);
    report_kind(&mismatched, "mismatched", report);
    bool failed = missing.names.failed || unexpected.names.failed || mismatched.names.failed ||
                  (report && report->failed);
    tm_buffer_free(&missing.names);
    tm_buffer_free(&unexpected.names);
    tm_buffer_free(&mismatched.names);
    free(known);
    return failed ? tm_fail(error, TM_NO_MEMORY, "%s: no memory", weights->name) : TM_OK;
}
