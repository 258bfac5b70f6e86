/* SPDX-License-Identifier: Apache-2.0 */
/* What a weights file lacks, and has too much, for a model. */
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "weights/weights.h"

enum { REPORT_NAMES = 20 };

static bool is_counter(const char *name)
{
    static const char suffix[] = "num_batches_tracked";
    size_t length = strlen(name), tail = sizeof suffix - 1;
    return length >= tail && strcmp(name + length - tail, suffix) == 0;
}

/* One kind of difference: its first names and their number. */
typedef struct kind {
    tm_buffer names;
    size_t count, most;
    bool shapes;
} kind;

static void add_difference(kind *k, const char *name, int rank, const int64_t *shape,
                           const tm_tensor_spec *expected)
{
    if (k->count++ >= k->most)
        return;
    char text[TM_SHAPE_TEXT];
    tm_buffer_puts(&k->names, k->count > 1 ? ", " : "");
    tm_text_escaped(&k->names, name);
    if (k->shapes || expected)
        tm_buffer_printf(&k->names, " %s", tm_shape_text(rank, shape, text));
    if (expected)
        tm_buffer_printf(&k->names, " for %s",
                         tm_shape_text(expected->rank, expected->shape, text));
}

static void report_kind(const kind *k, const char *title, const char *end, tm_buffer *report)
{
    if (!report || k->count == 0)
        return;
    tm_buffer_printf(report, "%zu %s: ", k->count, title);
    tm_buffer_append(report, &k->names);
    tm_buffer_puts(report, k->count > k->most ? ", ..." : "");
    tm_buffer_puts(report, end);
}

static void find_differences(const tm_weights *weights, const tm_tensor_spec *expected,
                             size_t count, bool *known, kind *missing, kind *unexpected,
                             kind *mismatched)
{
    const tm_tensor_view *first = tm_weights_count(weights) ? tm_weights_at(weights, 0) : NULL;
    for (size_t i = 0; i < count; i++) {
        const tm_tensor_spec *spec = &expected[i];
        const tm_tensor_view *view = tm_weights_find(weights, spec->name);
        if (view)
            known[view - first] = true;
        if (is_counter(spec->name))
            continue;
        if (!view)
            add_difference(missing, spec->name, spec->rank, spec->shape, NULL);
        else if (!tm_view_has_shape(view, spec->rank, spec->shape))
            add_difference(mismatched, view->name, view->rank, view->shape, spec);
    }
    for (size_t i = 0; i < tm_weights_count(weights); i++) {
        const tm_tensor_view *view = tm_weights_at(weights, i);
        if (!known[i] && !is_counter(view->name))
            add_difference(unexpected, view->name, view->rank, view->shape, NULL);
    }
}

/* names: of each kind */
static tm_status compare(const tm_weights *weights, const tm_tensor_spec *expected, size_t count,
                         size_t names, bool shapes, const char *end, tm_weights_diff *diff,
                         tm_buffer *report, tm_error *error)
{
    *diff = (tm_weights_diff){0};
    if (tm_weights_is_formula(weights))
        return TM_OK;
    bool *known = calloc(tm_weights_count(weights) + 1, sizeof *known);
    if (!known)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", tm_weights_name(weights));
    kind missing = {.most = names, .shapes = shapes}, unexpected = missing, mismatched = missing;
    find_differences(weights, expected, count, known, &missing, &unexpected, &mismatched);
    *diff = (tm_weights_diff){missing.count, unexpected.count, mismatched.count};
    report_kind(&missing, "missing", end, report);
    report_kind(&unexpected, "unexpected", end, report);
    report_kind(&mismatched, "mismatched", end, report);
    bool failed = missing.names.failed || unexpected.names.failed || mismatched.names.failed ||
                  (report && report->failed);
    tm_buffer_free(&missing.names);
    tm_buffer_free(&unexpected.names);
    tm_buffer_free(&mismatched.names);
    free(known);
    return failed ? tm_fail(error, TM_NO_MEMORY, "%s: no memory", tm_weights_name(weights)) : TM_OK;
}

tm_status tm_weights_compare(const tm_weights *weights, const tm_tensor_spec *expected,
                             size_t count, tm_weights_diff *diff, tm_buffer *report,
                             tm_error *error)
{
    return compare(weights, expected, count, REPORT_NAMES, true, "\n", diff, report, error);
}

tm_status tm_weights_compare_line(const tm_weights *weights, const tm_tensor_spec *expected,
                                  size_t count, size_t room, tm_buffer *line, tm_error *error)
{
    static const struct {
        size_t names;
        bool shapes;
    } ways[] = {{3, true}, {3, false}, {2, false}, {1, false}};
    tm_weights_diff diff;
    tm_status status = TM_OK;
    for (size_t i = 0; i < sizeof ways / sizeof *ways && !status; i++) {
        tm_buffer_clear(line);
        status = compare(weights, expected, count, ways[i].names, ways[i].shapes, "; ", &diff, line,
                         error);
        if (line->length < room + 2)
            break;
    }
    if (!status && line->length >= 2) /* the last "; " */
        line->data[line->length -= 2] = '\0';
    return status;
}
