/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares the models with timm's own answers for weights made by the formula.
 *
 *   parity [--isa LEVEL] [--gaps FILE] [--names] [--checkpoint FILE] [--threads N]
 *          [--precision P] [--emulate] GOLDEN.jsonl [GLOB...]
 *
 * A golden line holds names and shapes of the state dict (as a hash), and for each output its
 * shape, rms, a projection on a fixed vector and samples. --names stops after names and shapes.
 * --checkpoint writes the weights of the model as it is registered to FILE first, and loads them
 * into the model that the line's arguments ask for. Where the line lists `tensors`, as their names,
 * shapes and groups stand in a checkpoint of the authors' own, it writes those; `filtered` are then
 * the names, shapes and CRC-32s of what timm makes of them before it looks at the model's shapes.
 * --emulate takes the highest level, and tiles in plain C where this CPU has none.
 * FILE lists the models that are known to fail, sorted; one that passes must leave it.
 */
#include <cjson/cJSON.h>
#include <fnmatch.h>
#include <math.h>
#include <sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "api/context.h"
#include "kernels/dispatch.h"
#include "models/model.h"
#include "output/writer.h"
#include "weights/formula.h"
#include "weights/state_dict.h"

enum { LINE_CAPACITY = 4 << 20, REASON = 600, ARGUMENTS_MAX = 16 };

typedef struct settings {
    const char *isa, *gaps, *checkpoint, *precision;
    bool names_only;
    int threads;
} settings;

typedef struct verdict {
    char reason[REASON]; /* "" when the model passes */
    double least;        /* the least bound of an error */
    double worst;        /* largest error over its bound */
} verdict;

/* Of an output's errors over its rms. f32: the oracle's README; the others: docs/performance.md. */
static double least_bound(const char *precision)
{
    if (precision && strcmp(precision, "bf16x3") == 0)
        return 1e-4;
    if (precision && strcmp(precision, "int8") == 0)
        return 0.1;
    return precision && strcmp(precision, "bf16") == 0 ? 0.05 : 5e-5;
}

static double number(const cJSON *object, const char *key, double missing)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : missing;
}

static const char *text(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

__attribute__((format(printf, 2, 3))) static bool fails(verdict *v, const char *format, ...)
{
    if (!v->reason[0]) {
        va_list args;
        va_start(args, format);
        vsnprintf(v->reason, sizeof v->reason, format, args);
        va_end(args);
    }
    return false;
}

/* ---- names and shapes ---- */

static bool hash_tensors(const tm_model *model, char hex[65])
{
    tm_arena arena = {0};
    tm_error error = {0};
    tm_tensor_spec *tensors;
    size_t count;
    if (tm_model_tensors(model, &arena, &tensors, &count, &error))
        return false;
    SHA2_CTX context;
    SHA256Init(&context);
    for (size_t i = 0; i < count; i++) {
        tm_buffer line = {0};
        tm_buffer_printf(&line, "%s ", tensors[i].name);
        for (int k = 0; k < tensors[i].rank; k++)
            tm_buffer_printf(&line, "%s%lld", k ? "x" : "", (long long)tensors[i].shape[k]);
        tm_buffer_putc(&line, '\n');
        SHA256Update(&context, (const unsigned char *)line.data, line.length);
        tm_buffer_free(&line);
    }
    SHA256End(&context, hex);
    tm_arena_free(&arena);
    return true;
}

static bool check_names(const tm_model *model, const cJSON *golden, verdict *v)
{
    char hex[65] = "";
    tm_model_facts facts = {0};
    tm_model_count(model, &facts, NULL);
    long long params = (long long)facts.params;
    if (!hash_tensors(model, hex))
        return fails(v, "no memory for the tensor names");
    if (params != (long long)number(golden, "params", -1))
        return fails(v, "%lld parameters, timm has %.0f", params, number(golden, "params", -1));
    if (strcmp(hex, text(golden, "tensors_sha256")) != 0)
        return fails(v, "tensor names or shapes differ");
    return true;
}

/* ---- values ---- */

static size_t element_count(const tm_output *output)
{
    size_t count = 1;
    for (int i = 0; i < output->rank; i++)
        count *= (size_t)output->shape[i];
    return count;
}

static bool same_shape(const tm_output *output, const cJSON *golden, const char *name, verdict *v)
{
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(golden, "shape");
    bool same = cJSON_GetArraySize(shape) == output->rank;
    for (int i = 0; i < output->rank && same; i++)
        same = cJSON_GetArrayItem(shape, i)->valuedouble == (double)output->shape[i];
    if (same)
        return true;
    char *expected = cJSON_PrintUnformatted(shape);
    fails(v, "%s: shape [%lld,%lld,%lld,%lld] of rank %d, timm has %s", name,
          (long long)output->shape[0], (long long)output->shape[1], (long long)output->shape[2],
          (long long)output->shape[3], output->rank, expected);
    cJSON_free(expected);
    return false;
}

static double projection(const float *values, size_t count)
{
    float u[4096];
    double sum = 0;
    for (size_t begin = 0; begin < count; begin += 4096) {
        size_t n = count - begin < 4096 ? count - begin : 4096;
        tm_formula_uniform("dot", 0, 0, 1, begin, n, u);
        for (size_t i = 0; i < n; i++)
            sum += (double)values[begin + i] * u[i];
    }
    return sum;
}

/* the bound of the oracle's README: ten times timm's own float32 error, but not less than least */
static bool check_values(const float *values, size_t count, const cJSON *golden, double f32_err,
                         const char *name, verdict *v)
{
    double rms = number(golden, "rms", 0), scale = rms > 0 ? rms : 1;
    double bound = fmax(v->least, 10 * f32_err), worst = 0;
    const cJSON *sample, *samples = cJSON_GetObjectItemCaseSensitive(golden, "samples");
    cJSON_ArrayForEach(sample, samples)
    {
        size_t at = (size_t)cJSON_GetArrayItem(sample, 0)->valuedouble;
        if (at >= count)
            return fails(v, "%s: %zu values, timm has one at %zu", name, count, at);
        double error = fabs(cJSON_GetArrayItem(sample, 1)->valuedouble - values[at]) / scale;
        worst = error > worst || isnan(error) ? error : worst;
    }
    double dot = fabs(number(golden, "dot", NAN) - projection(values, count)) /
                 (scale * sqrt((double)count / 3));
    worst = dot > worst || isnan(dot) ? dot : worst;
    if (!(worst < bound))
        return fails(v, "%s: error %.3g, bound %.3g", name, worst, bound);
    v->worst = fmax(v->worst, worst / bound);
    return true;
}

/* ---- one model ---- */

/* The goldens of timm 0.4.12 do not number the features: they are all, in order. */
static int feature_index(const cJSON *feature)
{
    int place = 0;
    for (const cJSON *at = feature->prev; at->next; at = at->prev)
        place++;
    return (int)number(feature, "index", place);
}

/* "intermediates.3" -> "image_intermediates.3", "intermediates.last" -> "image_features" */
static void our_name(const char *golden, char name[96])
{
    if (strcmp(golden, "intermediates.last") == 0)
        snprintf(name, 96, "image_features");
    else
        snprintf(name, 96, "%s%s", strncmp(golden, "intermediates.", 14) ? "" : "image_", golden);
}

static bool select_outputs(tm_model *model, const cJSON *golden, verdict *v)
{
    tm_error error = {0};
    char name[96];
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(golden, "outputs"))
    {
        our_name(item->string, name);
        if (tm_model_select(model, name, &error))
            return fails(v, "no output %s", name);
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(golden, "features"))
    {
        snprintf(name, sizeof name, "features.%d", feature_index(item));
        if (tm_model_select(model, name, &error))
            return fails(v, "no output %s", name);
    }
    return true;
}

static int find_output(const tm_model *model, const char *name, tm_output *output)
{
    for (size_t i = 0; i < tm_model_output_count(model); i++) {
        tm_model_output(model, i, output, NULL);
        if (strcmp(output->name, name) == 0)
            return (int)i;
    }
    return -1;
}

/* A feature map was measured in float32 only: the intermediate of its shape tells how far that is
 * from exact. */
static double feature_error(const cJSON *golden, const cJSON *feature)
{
    double own = number(feature, "f32_err", -1), largest = 0;
    if (own >= 0)
        return own;
    const cJSON *item;
    cJSON_ArrayForEach(
        item,
        cJSON_GetObjectItemCaseSensitive(
            golden,
            "outputs")) if (cJSON_Compare(cJSON_GetObjectItemCaseSensitive(item, "shape"),
                                          cJSON_GetObjectItemCaseSensitive(feature, "shape"), true))
        largest = fmax(largest, number(item, "f32_err", 0));
    return largest;
}

static bool check_output(const tm_context *context, const char *name, const cJSON *golden,
                         double f32_err, verdict *v)
{
    tm_model *model = context->model;
    tm_output output;
    int index = find_output(model, name, &output);
    if (index < 0)
        return fails(v, "no output %s", name);
    size_t count = element_count(&output), batch = (size_t)context->last_count;
    output.shape[0] = (int64_t)batch;
    if (!same_shape(&output, golden, name, v))
        return false;
    float *values = malloc(batch * count * sizeof *values);
    if (!values)
        return fails(v, "no memory for %s", name);
    for (size_t i = 0; i < batch; i++)
        tm_context_read(context, (size_t)index, (int)i, values + i * count, NULL);
    bool good = check_values(values, batch * count, golden, f32_err, name, v);
    free(values);
    return good;
}

static bool check_feature(const tm_context *context, const cJSON *golden, const cJSON *feature,
                          verdict *v)
{
    char name[96];
    tm_output output;
    snprintf(name, sizeof name, "features.%d", feature_index(feature));
    find_output(context->model, name, &output);
    const char *module = text(feature, "module");
    bool shape_only = strcmp(text(golden, "timm"), "0.4.12") == 0; /* no names, no values */
    if (!shape_only && strcmp(output.module ? output.module : "", module) != 0)
        return fails(v, "%s: module %s, timm has %s", name, output.module, module);
    if (output.reduction != (int)number(feature, "reduction", -1))
        return fails(v, "%s: reduction %d, timm has %.0f", name, output.reduction,
                     number(feature, "reduction", -1));
    if (shape_only)
        return same_shape(&output, feature, name, v);
    return check_output(context, name, feature, feature_error(golden, feature), v);
}

static bool check_described(const tm_model *model, const char *name, const cJSON *golden,
                            int channels, verdict *v)
{
    for (size_t i = 0; i < tm_model_available(model); i++) {
        tm_output output;
        tm_model_describe(model, i, &output, NULL);
        if (strcmp(output.name, name) != 0)
            continue;
        output.shape[0] = model->options.max_batch;
        if (output.shape[output.channel_axis] != channels)
            return fails(v, "%s: %lld channels, timm has %d", name,
                         (long long)output.shape[output.channel_axis], channels);
        return same_shape(&output, golden, name, v);
    }
    return fails(v, "no output %s", name);
}

/* timm's forward_intermediates gives [N,C,H,W] whatever the family's own layout is. A line whose
 * feature maps are [N,C,H,W] while its last state is not says so itself: final_nhwc. */
static int channels_in(const cJSON *output, bool nhwc)
{
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(output, "shape");
    int rank = cJSON_GetArraySize(shape), last = rank - 1;
    if (strncmp(output->string, "intermediates.", 14) == 0 &&
        strcmp(output->string, "intermediates.last") != 0)
        nhwc = false;
    return (int)cJSON_GetArrayItem(shape, rank == 4 && !nhwc ? 1 : last)->valuedouble;
}

/* What an output is said to be, before anything is computed. */
static bool check_descriptions(const tm_model *model, const cJSON *golden, verdict *v)
{
    const cJSON *item;
    char name[96];
    bool nhwc = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(golden, "features_nhwc")) ||
                cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(golden, "final_nhwc"));
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(golden, "outputs"))
    {
        if (!cJSON_HasObjectItem(item, "shape"))
            continue;
        our_name(item->string, name);
        if (!check_described(model, name, item, channels_in(item, nhwc), v))
            return false;
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(golden, "features"))
    {
        snprintf(name, sizeof name, "features.%d", feature_index(item));
        if (!check_described(model, name, item, (int)number(item, "channels", -1), v))
            return false;
    }
    return true;
}

static bool lists_feature(const cJSON *features, int index)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, features)
    {
        if (feature_index(item) == index)
            return true;
    }
    return false;
}

/* features_only's default is exactly the list in the golden */
static bool check_default_features(const tm_model *model, const cJSON *golden, verdict *v)
{
    const cJSON *features = cJSON_GetObjectItemCaseSensitive(golden, "features");
    if (cJSON_GetObjectItemCaseSensitive(golden, "features_error"))
        return model->graph.no_features || fails(v, "feature maps that timm refuses");
    if (!features)
        return true;
    int count = tm_graph_tap_count(&model->graph, TM_TAP_FEATURE);
    bool same = cJSON_GetArraySize(features) <= count;
    for (int i = 0; i < count && same; i++)
        same = tm_graph_is_default_feature(&model->graph, i) == lists_feature(features, i);
    return same || fails(v, "default features other than timm's %d", cJSON_GetArraySize(features));
}

static bool run_input(tm_context *context, const cJSON *golden, verdict *v)
{
    int64_t shape[3];
    tm_model_input_shape(context->model, shape);
    int batch = context->model->options.max_batch;
    size_t count = (size_t)batch * (size_t)(shape[0] * shape[1] * shape[2]);
    float *input = malloc(count * sizeof *input);
    if (!input)
        return fails(v, "no memory for the input");
    tm_formula_uniform("input", (uint64_t)number(golden, "seed", 0), 0, 1, 0, count, input);
    tm_context_run(context, input, batch, NULL);
    free(input);
    return true;
}

static bool check_results(const tm_context *context, const cJSON *golden, verdict *v)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(golden, "outputs"))
    {
        char name[96];
        our_name(item->string, name);
        if (!check_output(context, name, item, number(item, "f32_err", 0), v))
            return false;
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(golden, "features"))
    {
        if (!check_feature(context, golden, item, v))
            return false;
    }
    return true;
}

static bool run_model(tm_model *model, const cJSON *golden, verdict *v)
{
    tm_error error = {0};
    tm_context *context;
    if (!select_outputs(model, golden, v))
        return false;
    if (tm_model_load(model, &error) || tm_context_open(model, &context, &error))
        return fails(v, "%s", error.message);
    bool good = run_input(context, golden, v) && check_results(context, golden, v);
    tm_context_close(context);
    return good;
}

/* ---- checkpoints ---- */

static void write_tensors(tm_tensor_spec *tensors, size_t count, const char *path, tm_error *error)
{
    tm_writer *writer = NULL;
    tm_writer_open(path, true, &writer, error);
    for (size_t i = 0; i < count && !error->status; i++) {
        size_t elements = 1;
        for (int k = 0; k < tensors[i].rank; k++)
            elements *= (size_t)tensors[i].shape[k];
        if (!tensors[i].rank)
            tensors[i].shape[0] = 1;
        float *values = malloc(elements * sizeof *values);
        if (!values) {
            tm_fail(error, TM_NO_MEMORY, "no memory for %s", tensors[i].name);
            break;
        }
        tm_formula_fill(tensors[i].name, tensors[i].rank, tensors[i].shape, 0, 1.0, 0, elements,
                        values);
        tm_writer_add(writer, tensors[i].name, tensors[i].rank, tensors[i].shape, values, error);
        free(values);
    }
    if (writer && !error->status)
        tm_writer_commit(writer, error);
    else
        tm_writer_abandon(writer);
}

/* [[name, [d0, ...], ...], ...]; the names are the golden's. */
static tm_tensor_spec *listed_tensors(const cJSON *list, tm_arena *arena, size_t *count)
{
    *count = (size_t)cJSON_GetArraySize(list);
    tm_tensor_spec *tensors = tm_arena_alloc(arena, *count * sizeof *tensors);
    size_t i = 0;
    const cJSON *item, *size;
    if (!tensors)
        return NULL;
    cJSON_ArrayForEach(item, list)
    {
        tm_tensor_spec *tensor = &tensors[i++];
        *tensor = (tm_tensor_spec){.name = cJSON_GetArrayItem(item, 0)->valuestring};
        cJSON_ArrayForEach(size, cJSON_GetArrayItem(item, 1)) tensor->shape[tensor->rank++] =
            (int64_t)size->valuedouble;
    }
    return tensors;
}

static bool write_checkpoint(const cJSON *golden, const char *path, verdict *v)
{
    tm_error error = {0};
    tm_model *model = NULL;
    tm_arena arena = {0};
    tm_tensor_spec *tensors = NULL;
    size_t count = 0;
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(golden, "tensors");
    if (list && !(tensors = listed_tensors(list, &arena, &count)))
        tm_fail(&error, TM_NO_MEMORY, "no memory for %zu names", count);
    else if (!list && !tm_model_open(text(golden, "model"), NULL, &model, &error))
        tm_model_tensors(model, &arena, &tensors, &count, &error);
    if (!error.status)
        write_tensors(tensors, count, path, &error);
    tm_arena_free(&arena);
    tm_model_close(model);
    return !error.status || fails(v, "%s", error.message);
}

static uint32_t checksum(const tm_tensor_view *view)
{
    size_t count = tm_view_elements(view);
    float *values = malloc((count ? count : 1) * sizeof *values);
    if (!values)
        return 0;
    tm_view_read_f32(view, 0, count, values);
    uint32_t crc = (uint32_t)crc32_z(0, (const unsigned char *)values, count * sizeof *values);
    free(values);
    return crc;
}

static bool compare_filtered(const tm_weights *weights, const cJSON *filtered, verdict *v)
{
    tm_arena arena = {0};
    size_t count;
    tm_tensor_spec *tensors = listed_tensors(filtered, &arena, &count);
    bool good = tensors || fails(v, "no memory for %zu names", count);
    if (good && count != tm_weights_count(weights))
        good = fails(v, "%zu tensors, timm has %zu", tm_weights_count(weights), count);
    for (size_t i = 0; i < count && good; i++) {
        const tm_tensor_view *view = tm_weights_find(weights, tensors[i].name);
        const cJSON *golden = cJSON_GetArrayItem(filtered, (int)i);
        if (!view)
            good = fails(v, "no tensor %s", tensors[i].name);
        else if (!tm_view_has_shape(view, tensors[i].rank, tensors[i].shape))
            good = fails(v, "%s: another shape than timm's", tensors[i].name);
        else if (checksum(view) != (uint32_t)cJSON_GetArrayItem(golden, 2)->valuedouble)
            good = fails(v, "%s: other values than timm's", tensors[i].name);
    }
    tm_arena_free(&arena);
    return good;
}

/* The file format has no groups, so they are put where a reader of torch's would. */
static void set_groups(tm_state_dict *dict, const cJSON *tensors)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, tensors)
    {
        tm_tensor_view *view = tm_state_find(dict, cJSON_GetArrayItem(item, 0)->valuestring);
        if (view && cJSON_GetArraySize(item) > 2)
            view->group = cJSON_GetArrayItem(item, 2)->valuestring;
    }
}

static void check_filter(const tm_model *model, const cJSON *golden, const char *path, verdict *v)
{
    tm_error error = {0};
    tm_weights *weights = NULL;
    if (tm_weights_open_file(path, true, &weights, &error)) {
        fails(v, "%s", error.message);
        return;
    }
    set_groups(tm_weights_state(weights), cJSON_GetObjectItemCaseSensitive(golden, "tensors"));
    if (model->family->filter)
        model->family->filter(tm_weights_state(weights), &model->graph, model->variant);
    if (tm_weights_settle(weights, &error))
        fails(v, "%s", error.message);
    else
        compare_filtered(weights, cJSON_GetObjectItemCaseSensitive(golden, "filtered"), v);
    TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
}

/* ---- one line ---- */

static void set_input(tm_open_options *options, const cJSON *input)
{
    options->max_batch = cJSON_GetArrayItem(input, 0)->valueint;
    options->in_chans = cJSON_GetArrayItem(input, 1)->valueint;
    options->img_height = cJSON_GetArrayItem(input, 2)->valueint;
    options->img_width = cJSON_GetArrayItem(input, 3)->valueint;
}

/* The line's arguments of create_model; in_chans are its input's. */
static void set_arguments(tm_open_options *options, const cJSON *kwargs,
                          char *arguments[ARGUMENTS_MAX + 1])
{
    const cJSON *item;
    int count = 0;
    options->num_classes = (int)number(kwargs, "num_classes", -1);
    options->output_stride = (int)number(kwargs, "output_stride", 0);
    cJSON_ArrayForEach(item, kwargs)
    {
        const char *key = item->string;
        if (strcmp(key, "num_classes") == 0 || strcmp(key, "output_stride") == 0 ||
            strcmp(key, "in_chans") == 0)
            continue;
        if (strcmp(key, "global_pool") == 0) {
            options->global_pool = item->valuestring;
            continue;
        }
        char *value = cJSON_PrintUnformatted(item);
        size_t size = strlen(key) + strlen(value) + 2;
        TM_ASSERT(count < ARGUMENTS_MAX);
        arguments[count] = malloc(size);
        snprintf(arguments[count++], size, "%s=%s", key, value);
        cJSON_free(value);
    }
    options->model_args = (const char *const *)arguments;
}

static void check_model(const cJSON *golden, const settings *set, verdict *v)
{
    char weights[64];
    const cJSON *input = cJSON_GetObjectItemCaseSensitive(golden, "input");
    bool filter = cJSON_HasObjectItem(golden, "filtered");
    if (cJSON_GetArraySize(input) != 4 && !filter) {
        fails(v, "the golden line has no input");
        return;
    }
    snprintf(weights, sizeof weights, "formula:%.0f:%.17g", number(golden, "seed", 0),
             number(golden, "gain", 1));
    tm_open_options options = TM_OPEN_OPTIONS_DEFAULT;
    options.weights = weights;
    options.isa = set->isa;
    options.precision = set->precision;
    options.threads = set->threads;
    if (!filter)
        set_input(&options, input);
    char *arguments[ARGUMENTS_MAX + 1] = {0};
    set_arguments(&options, cJSON_GetObjectItemCaseSensitive(golden, "kwargs"), arguments);
    if (set->checkpoint && !write_checkpoint(golden, set->checkpoint, v))
        return;
    if (set->checkpoint)
        options.weights = set->checkpoint;
    tm_error error = {0};
    tm_model *model;
    tm_status status = tm_model_open(text(golden, "model"), &options, &model, &error);
    for (int i = 0; arguments[i]; i++)
        free(arguments[i]);
    if (status) {
        fails(v, "%s", error.message);
        return;
    }
    if (filter)
        check_filter(model, golden, set->checkpoint, v);
    bool good = set->checkpoint ||
                (check_names(model, golden, v) && check_default_features(model, golden, v) &&
                 check_descriptions(model, golden, v));
    if (good && !set->names_only &&
        cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(golden, "outputs")) +
                cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(golden, "features")) >
            0)
        run_model(model, golden, v);
    tm_model_close(model);
}

/* ---- the list of known gaps ---- */

static bool is_gap(const char *path, const char *model)
{
    char line[512];
    bool found = false;
    FILE *f = path ? fopen(path, "r") : NULL;
    while (f && !found && fgets(line, sizeof line, f)) {
        size_t n = strcspn(line, " \t\n");
        found = n == strlen(model) && strncmp(line, model, n) == 0;
    }
    if (f)
        fclose(f);
    return found;
}

static bool wanted(const char *model, int count, char **globs)
{
    bool any = count == 0;
    for (int i = 0; i < count; i++)
        any = any || fnmatch(globs[i], model, 0) == 0;
    return any;
}

static bool check_line(const char *line, const settings *set, int glob_count, char **globs,
                       int *passed, int *failed)
{
    cJSON *golden = cJSON_Parse(line);
    if (!golden) {
        fprintf(stderr, "parity: a line of the golden file is no JSON\n");
        return false;
    }
    const char *model = text(golden, "model");
    if (wanted(model, glob_count, globs)) {
        verdict v = {.least = least_bound(set->precision)};
        check_model(golden, set, &v);
        bool gap = is_gap(set->gaps, model), good = v.reason[0] == '\0';
        if (good != gap)
            ++*passed;
        else
            ++*failed;
        const char *test = text(golden, "case");
        if (good && gap)
            printf("FAIL %s passes, so it must leave %s\n", model, set->gaps);
        else if (good)
            printf("ok %s%s%s (%.2f of the bound)\n", model, *test ? ", " : "", test, v.worst);
        else
            printf("%s %s%s%s: %s\n", gap ? "gap" : "FAIL", model, *test ? ", " : "", test,
                   v.reason);
        fflush(stdout);
    }
    cJSON_Delete(golden);
    return true;
}

/* The highest level, its tiles emulated where this CPU has none. */
static void emulate(settings *set)
{
    tm_kernels_emulate();
    set->isa = tm_isa_name((tm_isa)(TM_ISA_COUNT - 1));
}

int main(int argc, char **argv)
{
    settings set = {0};
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--names") == 0)
            set.names_only = true;
        else if (strcmp(argv[i], "--isa") == 0 && i + 1 < argc)
            set.isa = argv[++i];
        else if (strcmp(argv[i], "--gaps") == 0 && i + 1 < argc)
            set.gaps = argv[++i];
        else if (strcmp(argv[i], "--emulate") == 0)
            emulate(&set);
        else if (strcmp(argv[i], "--precision") == 0 && i + 1 < argc)
            set.precision = argv[++i];
        else if (strcmp(argv[i], "--checkpoint") == 0 && i + 1 < argc)
            set.checkpoint = argv[++i];
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            set.threads = atoi(argv[++i]);
        else
            break;
    }
    FILE *f = i < argc ? fopen(argv[i], "r") : NULL;
    char *line = malloc(LINE_CAPACITY);
    if (!f || !line) {
        fprintf(stderr, "usage: parity [--isa LEVEL] [--gaps FILE] [--names] [--checkpoint FILE] "
                        "[--threads N] [--precision P] [--emulate] GOLDEN.jsonl [GLOB...]\n");
        return 2;
    }
    int passed = 0, failed = 0;
    while (fgets(line, LINE_CAPACITY, f))
        if (!check_line(line, &set, argc - i - 1, argv + i + 1, &passed, &failed))
            failed++;
    fclose(f);
    free(line);
    printf("parity: %d passed, %d failed\n", passed, failed);
    return failed || !passed;
}
