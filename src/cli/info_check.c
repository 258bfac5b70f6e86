/* SPDX-License-Identifier: Apache-2.0 */
/* `timmc info --check`: a weights file beside the model it is for. */
#include "api/adapt.h"
#include "base/escape.h"
#include "base/text.h"
#include "cli/info.h"
#include "cli/info_graph.h"
#include "hub/digest.h"
#include "output/json.h"

typedef struct checked {
    const tm_weights *weights;
    tm_weights_diff diff;
    const char *report;
    char sha256[TM_DIGEST_TEXT_MAX]; /* "" for the formula */
    size_t size, dtypes[TM_DTYPE_COUNT];
} checked;

static void hash(const unsigned char *bytes, size_t size, char text[TM_DIGEST_TEXT_MAX])
{
    tm_digest digest;
    tm_digest_start(&digest);
    tm_digest_add(&digest, bytes, size);
    tm_digest_text(&digest, text);
}

static void look_at(const tm_weights *weights, checked *c)
{
    const unsigned char *bytes = tm_weights_bytes(weights, &c->size);
    c->weights = weights;
    c->sha256[0] = '\0';
    if (!tm_weights_is_formula(weights))
        hash(bytes, c->size, c->sha256);
    for (size_t i = 0; i < tm_weights_count(weights); i++)
        c->dtypes[tm_weights_at(weights, i)->dtype]++;
}

/* Of an index the files that it names, which hold the tensors. */
static void add_shards(tm_buffer *out, const tm_weights *weights, bool json)
{
    const unsigned char *bytes;
    const char *path;
    size_t size, i = 0;
    char sha256[TM_DIGEST_TEXT_MAX];
    for (; (bytes = tm_weights_shard(weights, i, &path, &size)); i++) {
        hash(bytes, size, sha256);
        if (!json) {
            tm_buffer_printf(out, "%-15s %s, %zu bytes, %s\n", "shard", path, size, sha256);
            continue;
        }
        tm_buffer_puts(out, i ? ",{\"file\":" : ",\"shards\":[{\"file\":");
        tm_json_string(out, path);
        tm_info_member(out, "sha256", sha256);
        tm_buffer_printf(out, ",\"bytes\":%zu}", size);
    }
    if (json && i)
        tm_buffer_putc(out, ']');
}

static void check_json(tm_buffer *out, const checked *c)
{
    const char *separator = "";
    const char *format = tm_weights_format(c->weights);
    tm_info_key(out, "check");
    tm_buffer_puts(out, "{\"file\":");
    tm_json_string(out, tm_weights_name(c->weights));
    tm_info_member(out, "format", tm_or_empty(format)); /* none: the formula */
    tm_info_member(out, "sha256", c->sha256);
    tm_buffer_printf(out, ",\"bytes\":%zu", c->size);
    add_shards(out, c->weights, true);
    tm_buffer_puts(out, ",\"dtypes\":{");
    for (int i = 0; i < TM_DTYPE_COUNT; i++)
        if (c->dtypes[i]) {
            tm_buffer_printf(out, "%s\"%s\":%zu", separator, tm_dtype_name((tm_dtype)i),
                             c->dtypes[i]);
            separator = ",";
        }
    tm_buffer_printf(out,
                     "},\"tensors\":%zu,\"missing\":%zu,\"unexpected\":%zu,\"mismatched\":%zu,"
                     "\"report\":",
                     tm_weights_count(c->weights), c->diff.missing, c->diff.unexpected,
                     c->diff.mismatched);
    tm_json_string(out, c->report);
    tm_buffer_putc(out, '}');
}

static void check_text(tm_buffer *out, const checked *c)
{
    const char *format = tm_weights_format(c->weights);
    size_t differences = c->diff.missing + c->diff.unexpected + c->diff.mismatched;
    tm_buffer_printf(out, "%-15s ", "check");
    tm_text_escaped(out, tm_weights_name(c->weights));
    tm_buffer_puts(out, differences ? ": does not fit\n" : ": every tensor fits\n");
    if (format) {
        tm_buffer_printf(out, "%-15s %s, %zu bytes\n", "format", format, c->size);
        tm_buffer_printf(out, "%-15s %s\n%-15s", "sha256", c->sha256, "dtypes");
        for (int i = 0; i < TM_DTYPE_COUNT; i++)
            if (c->dtypes[i])
                tm_buffer_printf(out, " %s %zu", tm_dtype_name((tm_dtype)i), c->dtypes[i]);
        tm_buffer_putc(out, '\n');
        add_shards(out, c->weights, false);
    }
    tm_buffer_puts(out, c->report);
}

tm_status tm_info_check(tm_buffer *out, tm_model *model, bool json, tm_error *error)
{
    tm_buffer report = {0};
    checked c = {.report = ""};
    tm_weights *weights = NULL;
    model->warning = ""; /* of opening it, told already */
    tm_status status = tm_model_open_weights(model, &weights, error);
    if (*model->warning)
        tm_print_warning("%s", model->warning);
    if (!status)
        status = tm_adapt(model, weights, error);
    if (!status)
        status = tm_model_compare(model, weights, &c.diff, &report, error);
    if (!status)
        status = tm_model_unpack(model, weights, error);
    if (!status) {
        look_at(weights, &c);
        c.report = tm_buffer_text(&report, error);
        status = c.report ? TM_OK : TM_NO_MEMORY;
    }
    if (!status)
        status = tm_model_check_texts(model, error);
    if (!status)
        (json ? check_json : check_text)(out, &c);
    size_t differences = c.diff.missing + c.diff.unexpected + c.diff.mismatched;
    tm_error misfit = {0};
    if (!status && differences)
        tm_fail(&misfit, TM_WEIGHTS_MISMATCH, "%s does not fit %s: %zu differences",
                tm_weights_name(weights), model->display, differences);
    status = tm_weights_close(weights, status, error);
    tm_buffer_free(&report);
    return status          ? status
           : misfit.status ? tm_fail(error, misfit.status, "%s", misfit.message)
                           : TM_OK;
}
