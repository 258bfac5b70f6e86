/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/arguments.h"
#include "api/model.h"
#include "api/options.h"
#include "base/text.h"
#include "kernels/split.h"
#include "models/model.h"

/* ---- options ---- */

static const char *copied(tm_model *model, const char *text)
{
    return text ? tm_arena_strdup(&model->strings, text) : NULL;
}

static const char *const *copied_list(tm_model *model, const char *const *texts)
{
    size_t count = 0;
    while (texts && texts[count])
        count++;
    if (!count)
        return NULL;
    const char **copy = tm_arena_alloc(&model->strings, (count + 1) * sizeof *copy);
    for (size_t i = 0; copy && i < count; i++)
        copy[i] = copied(model, texts[i]);
    return copy;
}

/* Of the pictures that the model is made for; others where an option says so. */
static void own_size(const tm_model *model, int *height, int *width)
{
    const tm_model_config *made = &model->source.config;
    const int *size = model->resolved.config.input_size;
    *height = made->img_height ? made->img_height : size[1];
    *width = made->img_width ? made->img_width : size[2];
}

static void resolve_options(tm_model *model, const tm_open_options *options)
{
    int height, width;
    const tm_pretrained *config = &model->resolved.config;
    const tm_model_config *made = &model->source.config;
    tm_open_options *o = &model->options;
    *o = *options;
    /* what is not copied fails the open: a NULL would be another choice */
    o->weights = copied(model, options->weights);
    o->weights_key = copied(model, options->weights_key);
    o->weights_prefix = copied(model, options->weights_prefix);
    o->cache_dir = copied(model, options->cache_dir);
    o->global_pool = copied(model, options->global_pool);
    o->isa = copied(model, options->isa);
    o->precision = copied(model, options->precision ? options->precision : "f32");
    o->model_args = copied_list(model, options->model_args);
    if (o->num_classes < 0)
        o->num_classes = made->num_classes >= 0 ? made->num_classes : config->num_classes;
    if (!o->in_chans)
        o->in_chans = made->in_chans ? made->in_chans : config->input_size[0];
    own_size(model, &height, &width);
    if (o->test_size && !o->img_height && !o->img_width) {
        o->img_height = config->test_input_size[1];
        o->img_width = config->test_input_size[2];
    }
    o->img_height = o->img_height ? o->img_height : height;
    o->img_width = o->img_width ? o->img_width : width;
    if (!o->output_stride)
        o->output_stride = made->output_stride ? made->output_stride : 32;
    if (!o->global_pool)
        o->global_pool = made->global_pool;
    if (!o->max_batch)
        o->max_batch = 1;
    if (!o->threads)
        o->threads = tm_cpu_threads();
}

/* Of the options as the caller gave them, where zero stands for a default. */
static tm_status check_counts(const tm_open_options *o, tm_error *error)
{
    const struct {
        const char *what;
        int value, least, most;
    } counts[] = {
        {"num_classes", o->num_classes, -1, 1000000},  {"in_chans", o->in_chans, 0, 4096},
        {"img_height", o->img_height, 0, TM_SIDE_MAX}, {"img_width", o->img_width, 0, TM_SIDE_MAX},
        {"max_batch", o->max_batch, 0, 65536},         {"threads", o->threads, 0, 4096},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i].value < counts[i].least || counts[i].value > counts[i].most)
            return tm_fail(error, TM_USAGE, "%s is %d, expected %d to %d", counts[i].what,
                           counts[i].value, counts[i].least, counts[i].most);
    return TM_OK;
}

/* also by emulated tiles, which tests ask for */
static bool multiplies_bf16(tm_isa isa)
{
    return tm_bf16_kernels_for(isa) || tm_split_kernels_for(isa);
}

static tm_status check_precision(const tm_open_options *o, tm_error *error)
{
    tm_precision precision;
    if (!tm_precision_parse(o->precision, &precision))
        return tm_fail(error, TM_USAGE, "precision '%s': expected f32, bf16x3, bf16 or int8",
                       o->precision);
    if (tm_precision_takes_bf16(precision) && !multiplies_bf16(tm_isa_or_best(o->isa)))
        return tm_fail(error, TM_UNSUPPORTED,
                       "precision '%s': needs a CPU with AVX512-BF16, and its use (--isa)",
                       o->precision);
    return TM_OK;
}

static bool is_stride(int stride)
{
    return stride >= 2 && stride <= 32 && (stride & (stride - 1)) == 0;
}

static tm_status check_options(const tm_model *model, tm_error *error)
{
    const tm_open_options *o = &model->options;
    tm_isa isa;
    if (!is_stride(o->output_stride))
        return tm_fail(error, TM_USAGE, "output stride %d: expected 2, 4, 8, 16 or 32",
                       o->output_stride);
    if (o->isa && !tm_isa_parse(o->isa, &isa))
        return tm_fail(error, TM_USAGE, "isa '%s': expected %s", o->isa, TM_ISA_NAMES);
    if (o->isa && !tm_isa_within(isa, tm_cpu_flags_here()) && !tm_split_kernels_for(isa))
        return tm_fail(error, TM_USAGE, "isa '%s': this machine has %s at most", o->isa,
                       tm_isa_name(tm_cpu_isa()));
    return check_precision(o, error);
}

tm_status tm_model_own_preprocess(tm_model *model, tm_error *error)
{
    const tm_pretrained *config = &model->resolved.config;
    bool tests = model->options.test_size;
    tm_preprocess *p = &model->preprocess;
    *p = (tm_preprocess){.channels = model->options.in_chans,
                         .height = model->options.img_height,
                         .width = model->options.img_width,
                         .crop_pct = tests ? config->test_crop_pct : config->crop_pct};
    p->mean = config->mean;
    p->std = config->std;
    if (!tm_filter_parse(config->interpolation, &p->filter))
        return tm_fail(error, TM_UNSUPPORTED, "%s: its config has interpolation %.60s, not known",
                       model->display, config->interpolation);
    if (!tm_crop_mode_parse(config->crop_mode, &p->crop_mode))
        return tm_fail(error, TM_UNSUPPORTED, "%s: its config has crop_mode %.60s, not known",
                       model->display, config->crop_mode);
    return TM_OK;
}

/* Names of other classes than the config's are nobody's. */
bool tm_model_label(const tm_model *model, int index, const char **name, const char **text)
{
    if (!model || !name || !text)
        return false;
    const tm_class_names *own = &model->source.config.labels;
    if (!own->stated)
        return tm_label(model->options.num_classes, index, name, text);
    return (size_t)model->options.num_classes == own->count &&
           tm_class_name(own, index, name, text);
}

/* The file does not say how its pictures were prepared, and the name leaves it open. */
static bool is_input_guessed(const tm_model *model, const char *name)
{
    return model->options.weights && strncmp(model->options.weights, "formula:", 8) != 0 &&
           !strpbrk(name, ".:") && tm_arch_inputs_differ(&model->resolved.arch);
}

/* Behind what there is, on the same line, and once; tm_model_check_texts tells of a lost one. */
static void add_warning(tm_model *model, const char *text)
{
    char line[4096];
    tm_text_line(line, sizeof line, text); /* it may quote a stranger's file */
    if (tm_lists_text(model->warning, "; ", line))
        return;
    const char *both = tm_arena_printf(&model->strings, "%s%s%s", model->warning,
                                       *model->warning ? "; " : "", line);
    if (both)
        model->warning = both;
}

void tm_model_warn(tm_model *model, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add_warning(model, text);
}

static void set_warning(tm_model *model, const char *name)
{
    const char *labels = model->source.config.labels.problem;
    model->warning = model->resolved.warning;
    if (!*model->warning && is_input_guessed(model, name))
        tm_model_warn(model,
                      "the weights do not say how pictures are prepared; they are as for %s: name "
                      "the tag if it is another",
                      model->display);
    if (*labels)
        tm_model_warn(model, "labels of %s: %s", model->display, labels);
}

const char *tm_model_warning(const tm_model *model)
{
    return model ? model->warning : "";
}

tm_status tm_model_check_texts(const tm_model *model, tm_error *error)
{
    return model->strings.failed
               ? tm_fail(error, TM_NO_MEMORY, "%s: no memory for its texts", model->display)
               : TM_OK;
}

/* ---- building ---- */

static bool is_formula(const char *weights)
{
    return weights && strncmp(weights, "formula:", 8) == 0;
}

static tm_status build(tm_model *model, tm_error *error)
{
    model->variant = tm_find_variant(model->resolved.arch.name, &model->family);
    if (!model->variant && !model->options.pictures_only)
        return tm_arch_require(&model->resolved.arch, error);
    tm_build_options options = {.num_classes = model->options.num_classes,
                                .in_chans = model->options.in_chans,
                                .img_h = model->options.img_height,
                                .img_w = model->options.img_width,
                                .output_stride = model->options.output_stride,
                                .global_pool = model->options.global_pool,
                                .tag = model->resolved.config.tag,
                                .pretrained = !is_formula(model->options.weights),
                                .norm_intermediates = model->options.norm_intermediates};
    own_size(model, &options.own_h, &options.own_w);
    tm_builder_init(&model->builder, &model->graph, &options);
    tm_status status = model->variant ? tm_model_take_arguments(model, error) : TM_OK;
    if (status || model->options.pictures_only)
        return status;
    model->family->build(&model->builder, model->variant);
    tm_refuse_unasked(&model->builder);
    TM_ASSERT(model->builder.scope_depth == 0 || model->graph.error.status);
    return tm_model_check_graph(model, error);
}

/* The model begins behind forward_features: what computed them has no user any more. */
static tm_status start_from_features(tm_model *model, tm_error *error)
{
    const tm_tap *features = tm_graph_tap(&model->graph, TM_TAP_FORWARD_FEATURES, 0);
    if (!features)
        return tm_fail(error, TM_USAGE, "%s has no forward_features to begin from", model->display);
    if (tm_graph_tap_count(&model->graph, TM_TAP_FORWARD_FEATURES) > 1)
        return tm_fail(error, TM_USAGE, "%s has %d forward_features, a model begins from one",
                       model->display, tm_graph_tap_count(&model->graph, TM_TAP_FORWARD_FEATURES));
    features->node->op = NULL;
    features->node->input_count = 0;
    model->graph.input = features->node;
    model->input_layout = features->layout;
    return TM_OK;
}

/* The graph of resolved options, and what it offers. */
static tm_status make_graph(tm_model *model, tm_error *error)
{
    tm_status status = build(model, error);
    if (!status && model->options.from_features)
        status = start_from_features(model, error);
    return status ? status : tm_model_list_outputs(model, error);
}

static tm_status new_model(tm_model **out, tm_error *error)
{
    tm_model *model = calloc(1, sizeof *model);
    *out = model;
    if (!model)
        return tm_fail(error, TM_NO_MEMORY, "no memory for a model");
    atomic_init(&model->references, 1);
    model->warning = "";
    return TM_OK;
}

tm_status tm_model_repeat(const tm_model *model, tm_model **out, tm_error *error)
{
    tm_status status = new_model(out, error);
    if (status)
        return status;
    tm_model *again = *out;
    again->options = model->options;
    again->source = model->source;
    again->made_for_size = model->made_for_size;
    again->resolved = model->resolved;
    again->asked_name = model->asked_name;
    again->display = model->display;
    status = make_graph(again, error);
    if (!status)
        status = tm_model_select_like(again, model, error);
    if (status) {
        tm_model_close(again);
        *out = NULL;
    }
    return status;
}

static tm_status open_model(const char *name, const tm_open_options *options, tm_model **out,
                            tm_error *error)
{
    tm_model *model;
    tm_status status = new_model(&model, error);
    if (status)
        return status;
    model->asked_name = copied(model, name ? name : TM_BUILTIN_MODEL);
    status = model->asked_name ? tm_source_find(model->asked_name, options, &model->strings,
                                                &model->source, error)
                               : tm_fail(error, TM_NO_MEMORY, "no memory for a model");
    if (!status) {
        model->resolved = model->source.config.resolved;
        model->display = model->resolved.config.name;
        status = tm_model_take_made_size(model, options, error);
        resolve_options(model, options);
        set_warning(model, model->asked_name);
        status = status ? status : tm_model_check_texts(model, error);
    }
    if (!status)
        status = check_options(model, error);
    if (!status)
        status = make_graph(model, error);
    if (!status)
        status = tm_model_own_preprocess(model, error);
    if (status) {
        tm_model_close(model);
        return status;
    }
    *out = model;
    return TM_OK;
}

tm_status tm_model_open(const char *name, const tm_open_options *options, tm_model **out,
                        tm_error *error)
{
    tm_open_options own = TM_OPEN_OPTIONS_DEFAULT;
    tm_error_clear(error);
    if (!out)
        return tm_fail(error, TM_USAGE, "a model was opened into NULL");
    *out = NULL;
    tm_status status =
        options ? tm_take_struct("tm_open_options", options, &own, sizeof own, error) : TM_OK;
    if (!status)
        status = check_counts(&own, error);
    return status ? status : open_model(name, &own, out, error);
}

tm_model *tm_model_share(tm_model *model)
{
    atomic_fetch_add(&model->references, 1);
    return model;
}

void tm_model_close(tm_model *model)
{
    if (!model || atomic_fetch_sub(&model->references, 1) > 1)
        return;
    tm_plan_free(&model->plan);
    tm_builder_done(&model->builder);
    tm_graph_free(&model->graph);
    tm_arena_free(&model->strings);
    free(model->available);
    free(model->names);
    free(model->chosen);
    free(model);
}
