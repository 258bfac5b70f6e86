/* SPDX-License-Identifier: Apache-2.0 */
/* For what weights are packed, and a model that is loaded from such a file. */
#include "api/packfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/little_endian.h"
#include "base/text.h"
#include "models/model.h"

/* ---- the key ---- */

/* A new option is looked at here: what changes the constants of a graph stands in the key, and what
 * is about the file of weights is in check_options. */
_Static_assert(sizeof(tm_open_options) == 152, "tm_packfile_key knows every option");

static void add_text(tm_buffer *key, const char *name, const char *value)
{
    tm_buffer_printf(key, "%s ", name);
    tm_text_escaped(key, value);
    tm_buffer_putc(key, '\n');
}

static void add_numbers(tm_buffer *key, const char *name, const int *values, size_t count)
{
    tm_buffer_puts(key, name);
    for (size_t i = 0; i < count; i++)
        tm_buffer_printf(key, " %d", values[i]);
    tm_buffer_putc(key, '\n');
}

static void add_program(tm_buffer *key)
{
    add_text(key, "timmc", TIMMC_VERSION);
    tm_buffer_printf(key, "build %.16s %s\n", tm_sources_sha256, __VERSION__);
    add_text(key, "byte_order", TM_BIG_ENDIAN ? "big" : "little");
}

/* Kernels are chosen by flags, of which machines of one level have some or others. */
static void add_processor(const tm_open_options *o, tm_buffer *key)
{
    tm_isa isa = tm_isa_or_best(o->isa);
    char flags[TM_CPU_FLAGS_BYTES];
    tm_cpu_flags_text(tm_cpu_flags_here() & tm_isa_flags(isa), flags);
    add_text(key, "isa", tm_isa_name(isa));
    add_text(key, "cpu", flags);
    add_text(key, "precision", o->precision);
}

static void add_arguments(const tm_model *model, tm_buffer *key)
{
    const tm_model_config *made = &model->source.config;
    const char *const *given = model->options.model_args;
    for (size_t i = 0; i < made->argument_count; i++) {
        add_text(key, "argument", made->arguments[i].name);
        add_text(key, "value", made->arguments[i].value);
    }
    for (; given && *given; given++)
        add_text(key, "model_arg", *given);
}

static void add_model(const tm_model *model, tm_buffer *key)
{
    const tm_open_options *o = &model->options;
    const tm_model_config *made = &model->source.config;
    const tm_pretrained *config = &model->resolved.config;
    const int size[] = {o->in_chans, o->img_height, o->img_width},
              made_size[] = {made->img_height, made->img_width, config->input_size[1],
                             config->input_size[2]},
              other[] = {o->output_stride, o->from_features, o->norm_intermediates,
                         made->label_offset};
    add_text(key, "model", model->display);
    add_text(key, "architecture", model->resolved.arch.name);
    add_text(key, "tag", config->tag);
    add_numbers(key, "num_classes", &o->num_classes, 1);
    add_numbers(key, "input_size", size, 3);
    add_numbers(key, "made_for", made_size, 4);
    add_text(key, "global_pool", tm_or_empty(o->global_pool));
    add_numbers(key, "options", other, 4);
    add_arguments(model, key);
    tm_buffer_puts(key, "outputs ");
    for (size_t i = 0; i < model->chosen_count; i++)
        tm_buffer_printf(key, "%s%s", i ? "," : "", model->names[model->chosen[i]]);
    tm_buffer_putc(key, '\n');
}

void tm_packfile_key(const tm_model *model, tm_buffer *key)
{
    add_program(key);
    add_processor(&model->options, key);
    add_model(model, key);
}

static int line_length(const char *line)
{
    enum { SHOWN = 120 };
    size_t length = strcspn(line, "\n");
    return length < SHOWN ? (int)length : SHOWN;
}

/* The first line that differs. */
static tm_status compare(const char *path, const char *found, const char *expected, tm_error *error)
{
    while (*found || *expected) {
        size_t length = strcspn(expected, "\n");
        if (length != strcspn(found, "\n") || strncmp(found, expected, length) != 0)
            return tm_fail(error, TM_WEIGHTS_MISMATCH,
                           "%s: was packed with %.*s, expected %.*s; 'timmc pack' makes another",
                           path, line_length(found), found, line_length(expected), expected);
        found += length + (found[length] == '\n');
        expected += length + (expected[length] == '\n');
    }
    return TM_OK;
}

static tm_status require_key(const tm_model *model, const char *path, const tm_packfile *file,
                             tm_error *error)
{
    tm_buffer key = {0};
    tm_packfile_key(model, &key);
    const char *expected = tm_buffer_text(&key, error);
    tm_status status = expected ? compare(path, file->key, expected, error) : TM_NO_MEMORY;
    tm_buffer_free(&key);
    return status;
}

/* ---- loading ---- */

static bool is_formula(const tm_model *model)
{
    const char *weights = model->options.weights;
    return weights && strncmp(weights, "formula:", 8) == 0;
}

tm_status tm_packfile_probe(const tm_model *model, bool *packed, tm_error *error)
{
    const char *path = model->options.weights;
    char start[sizeof TM_PACKFILE_MAGIC - 1];
    size_t count = 0;
    ssize_t got = 0;
    *packed = false;
    if (!path || is_formula(model))
        return TM_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (fd >= 0 && count < sizeof start &&
           (got = read(fd, start + count, sizeof start - count)) > 0)
        count += (size_t)got;
    int cause = fd < 0 || got < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    if (cause && cause != ENOENT && cause != ENOTDIR && cause != EISDIR)
        return tm_fail(error, cause == ENOMEM ? TM_NO_MEMORY : TM_WEIGHTS_MISSING, "%s: %s", path,
                       strerror(cause));
    *packed = count == sizeof start && memcmp(start, TM_PACKFILE_MAGIC, sizeof start) == 0;
    return TM_OK;
}

/* They say how a file of tensors is read: a packed one holds what came of it. */
static tm_status check_options(const tm_open_options *o, tm_error *error)
{
    const char *option = o->weights_key      ? "weights_key"
                         : o->weights_prefix ? "weights_prefix"
                         : o->no_ema         ? "no_ema"
                         : o->allow_missing  ? "allow_missing"
                         : o->drop_head      ? "drop_head"
                                             : NULL;
    return option ? tm_fail(error, TM_USAGE,
                            "%s: its weights are packed; %s is for the file that they come from",
                            o->weights, option)
                  : TM_OK;
}

tm_status tm_packfile_load(tm_model *model, tm_error *error)
{
    const char *path = model->options.weights;
    tm_packfile file;
    tm_status status = check_options(&model->options, error);
    if (!status)
        status = tm_packfile_open(path, &file, error);
    if (status)
        return status;
    model->weights_name = path;
    status = require_key(model, path, &file, error);
    if (!status)
        status = tm_model_plan(model, NULL, &file.memory, model->options.max_batch, error);
    if (!status)
        file.memory.map = (tm_map){0}; /* the plan's now */
    return tm_packfile_close(&file, status, error);
}

tm_status tm_packfile_digest(const tm_model *model, char digits[static TM_DIGEST_TEXT_MAX],
                             tm_error *error)
{
    tm_packfile file;
    tm_status status = tm_packfile_open(model->options.weights, &file, error);
    if (status)
        return status;
    tm_packfile_line(file.facts, "weights_sha256", digits, TM_DIGEST_TEXT_MAX);
    return tm_packfile_close(&file, TM_OK, error);
}

/* ---- packing ---- */

tm_status tm_packfile_require(const tm_model *model, tm_error *error)
{
    size_t i = 0;
    while (i < tm_family_count && tm_families[i] != model->family)
        i++;
    if (i == tm_family_count)
        return tm_fail(error, TM_USAGE,
                       "%s: is of a plugin, of whose code no key tells: it cannot be packed",
                       model->display);
    if (is_formula(model))
        return tm_fail(error, TM_USAGE, "%s: made-up values are not packed, only those of a file",
                       model->options.weights);
    bool packed;
    tm_status status = tm_packfile_probe(model, &packed, error);
    if (!status && packed)
        status = tm_fail(error, TM_USAGE, "%s: is packed already", model->options.weights);
    return status;
}

tm_status tm_packfile_save(const tm_model *model, const char *weights_sha256, FILE *stream,
                           const char *path, tm_error *error)
{
    tm_buffer key = {0}, facts = {0};
    tm_packfile_key(model, &key);
    tm_buffer_printf(&facts, "weights_sha256 %s\n", weights_sha256);
    const char *key_text = tm_buffer_text(&key, error), *facts_text = tm_buffer_text(&facts, error);
    tm_status status = key_text && facts_text ? tm_packfile_write(&model->plan, key_text,
                                                                  facts_text, stream, path, error)
                                              : TM_NO_MEMORY;
    tm_buffer_free(&key);
    tm_buffer_free(&facts);
    return status;
}
