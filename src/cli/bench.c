/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "api/context.h"
#include "base/clock.h"
#include "cli/comparison.h"
#include "cli/records.h"
#include "cli/session.h"

typedef struct bench_options {
    int repeats;
    bool profile;
    const char *compare, *format;
} bench_options;

/* clang-format off */
#define BENCH(kind, member) TM_OPTION_VALUE(kind, bench_options, member)
static const tm_option options[] = {
    {0, "repeats", "N", "timed runs (default: as many as fit a second, 5 to 1000)",
        BENCH(INT, repeats), 1, 1000000},
    {0, "profile", NULL, "tell each step's time", BENCH(FLAG, profile), 0, 0},
    {0, "compare", "f32", "tell how far the logits are from those of the same weights in float32, of the "
        "PICTUREs or of the noise", BENCH(CHOICE, compare), 0, 0},
    {'f', "format", "json|text", "default: text on a terminal, else json",
        BENCH(CHOICE, format), 0, 0},
};
/* clang-format on */

static const tm_option_group options_group = TM_OPTION_GROUP("Options", options);
static const tm_command command = {
    .name = "bench",
    .operands = "[MODEL [PICTURE...]]",
    .description = "Times a model on noise: the forward pass alone, from a tensor to the logits. "
                   "The median is over --repeats runs after two that do not count. The error that "
                   "--compare tells is the rms of the logits' differences over the rms of "
                   "float32's.",
    .examples = {"bench --batch 8 --threads 2",
                 "bench resnet50 --no-pretrained --precision int8 --compare f32"},
};

typedef struct timing {
    double *ms; /* sorted */
    int count;
    double load_ms;
    double *steps; /* seconds per step, over all repeats */
    double peak;   /* GFLOP/s of float32 on registers alone */
    double macs;   /* of one picture */
    double activations_mb;
} timing;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double quantile(const timing *t, double q)
{
    int i = (int)(q * (t->count - 1) + 0.5);
    return t->ms[i];
}

static double total_ms(const timing *t)
{
    double sum = 0;
    for (int i = 0; i < t->count; i++)
        sum += t->ms[i];
    return sum;
}

/* Uniform in [-1, 1); returns where what follows goes on. */
static uint64_t fill_from(uint64_t state, float *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        x[i] = (float)(state >> 40) * 0x1p-23f - 1.0f;
    }
    return state;
}

static void fill_first(float *x, int64_t count)
{
    fill_from(1, x, count);
}

/* the same for every run, as pictures are */
static void fill_input(tm_context *context, int batch)
{
    int64_t s[3];
    tm_model_input_shape(context->model, s);
    uint64_t state = 1;
    for (int n = 0; n < batch; n++)
        state = fill_from(state, tm_context_input(context, n), s[0] * s[1] * s[2]);
}

static tm_status one_run(tm_context *context, int batch, double *steps, double *ms, tm_error *error)
{
    fill_input(context, batch);
    double begin = tm_seconds();
    tm_status status = tm_context_run_inputs(context, batch, steps, error);
    *ms = 1e3 * (tm_seconds() - begin);
    return status;
}

static tm_status measure(tm_context *context, const bench_options *chosen, int batch, timing *t,
                         tm_error *error)
{
    const tm_model *model = context->model;
    tm_status status = TM_OK;
    double ms = 0;
    for (int i = 0; i < 2 && !status; i++)
        status = one_run(context, batch, NULL, &ms, error);
    if (status)
        return status;
    t->count = chosen->repeats ? chosen->repeats : ms > 200 ? 5 : ms < 1 ? 1000 : (int)(1000 / ms);
    t->ms = calloc((size_t)t->count, sizeof *t->ms);
    t->steps = calloc((size_t)model->plan.steps.count + 1, sizeof *t->steps);
    if (!t->ms || !t->steps)
        return tm_fail(error, TM_NO_MEMORY, "no memory for %d timings", t->count);
    for (int i = 0; i < t->count && !status; i++)
        status = one_run(context, batch, chosen->profile ? t->steps : NULL, &t->ms[i], error);
    qsort(t->ms, (size_t)t->count, sizeof *t->ms, by_value);
    t->peak = 1e-9 * tm_model_peak_flops(model);
    tm_model_facts facts = {0};
    if (!status)
        status = tm_model_count(model, &facts, error);
    t->macs = facts.macs;
    t->activations_mb = tm_mebibytes(context->runner.bytes);
    return status;
}

static tm_status load_and_measure(tm_model *model, const bench_options *chosen, int batch,
                                  timing *t, tm_error *error)
{
    tm_context *context = NULL;
    double begin = tm_seconds();
    tm_status status = tm_model_load(model, error);
    t->load_ms = 1e3 * (tm_seconds() - begin);
    if (!status)
        status = tm_context_open(model, &context, error);
    if (!status)
        status = measure(context, chosen, batch, t, error);
    tm_context_close(context);
    return status;
}

static double peak_mb(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static tm_value megabytes(size_t bytes)
{
    return tm_value_double(tm_mebibytes(bytes));
}

/* ---- the record ---- */

static const tm_record_type bench_type = {
    .text =
        "{model}, batch {batch}, {threads} threads: median {median_ms:.3f} ms "
        "(p10 {p10_ms:.3f}, p90 {p90_ms:.3f}, {repeats} runs)\n"
        "{images_per_s:.1f} images/s, {gflops:.1f} GFLOP/s, {share_of_peak:.0f} % of the "
        "float32 peak, load {load_ms:.1f} ms\n"
        "weights {weights_mb:.1f} MB, activations {activations_mb:.1f} MB, peak memory "
        "{peak_memory_mb:.1f} MB\n"
        "<beside float32: first class of {same_first_class} of {compared} the same, logits' error "
        "{logits_error:.4f} in the mean, {worst_logits_error:.4f} at most\n>"};
static const tm_record_type step_type = {
    .text = "{ms:9.4f} ms {gflops:7.1f} GFLOP/s  {op:-20} {step}\n"};

typedef struct bench_run {
    const tm_model *model;
    const timing *t;
    int batch;
    const tm_comparison *comparison; /* NULL: none was asked for */
} bench_run;

static void tell_step(const void *context, size_t i, tm_record *record)
{
    const bench_run *run = context;
    const tm_step *step = &run->model->plan.steps.rows[i];
    double ms = 1e3 * run->t->steps[i] / run->t->count;
    TM_TELL(record, "step", tm_value_text(step->name));
    TM_TELL(record, "op", tm_value_text(step->op));
    TM_TELL(record, "ms", tm_value_double(ms));
    TM_TELL(record, "macs", tm_value_double(step->macs));
    TM_TELL(record, "gflops", tm_value_double(ms > 0 ? 2e-6 * step->macs * run->batch / ms : 0),
            .only = TM_IN_TEXT);
}

static void tell_run(tm_record *record, const bench_run *run)
{
    const tm_model *model = run->model;
    const timing *t = run->t;
    double median = quantile(t, 0.5), rate = 2e-6 * t->macs * run->batch / median;
    const char *isa = tm_isa_name(tm_isa_or_best(model->options.isa));
    TM_TELL(record, "model", tm_value_text(model->display));
    TM_TELL(record, "batch", tm_value_integer(run->batch));
    TM_TELL(record, "threads", tm_value_integer(model->options.threads));
    TM_TELL(record, "precision", tm_value_text(model->options.precision));
    TM_TELL(record, "isa", tm_value_text(isa));
    TM_TELL(record, "median_ms", tm_value_double(median));
    TM_TELL(record, "p10_ms", tm_value_double(quantile(t, 0.1)));
    TM_TELL(record, "p90_ms", tm_value_double(quantile(t, 0.9)));
    TM_TELL(record, "images_per_s", tm_value_double(1e3 * run->batch / median));
    TM_TELL(record, "gflops", tm_value_double(rate));
    TM_TELL(record, "peak_gflops", tm_value_double(t->peak));
    TM_TELL(record, "share_of_peak", tm_value_double(rate / t->peak), .unit = TM_UNIT_PERCENT);
    TM_TELL(record, "load_ms", tm_value_double(t->load_ms));
    TM_TELL(record, "weights_mb", megabytes(model->plan.steps.weight_bytes));
    TM_TELL(record, "activations_mb", tm_value_double(t->activations_mb));
    TM_TELL(record, "largest_pair_mb", megabytes(model->plan.pair_bytes));
    TM_TELL(record, "peak_memory_mb", tm_value_double(peak_mb()));
    TM_TELL(record, "repeats", tm_value_integer(t->count));
}

static void tell_comparison(tm_record *record, const tm_comparison *c)
{
    TM_TELL(record, "compared", tm_value_integer(c->pictures));
    TM_TELL(record, "same_first_class", tm_value_integer(c->same_first));
    TM_TELL(record, "logits_error", tm_value_double(c->mean_error));
    TM_TELL(record, "worst_logits_error", tm_value_double(c->worst_error));
}

static int write_record(const bench_run *run, const bench_options *chosen)
{
    tm_records records;
    tm_error error = {0};
    tm_record record = {.type = &bench_type};
    size_t steps = (size_t)run->model->plan.steps.count;
    bool json = chosen->format && strcmp(chosen->format, "json") == 0; /* one record */
    tell_run(&record, run);
    if (run->comparison)
        tell_comparison(&record, run->comparison);
    if (chosen->profile)
        TM_TELL(&record, "steps", tm_value_list(&step_type, tell_step, run, steps));
    tm_records_open(&records, json ? "jsonl" : chosen->format, &bench_type);
    tm_records_add(&records, &record);
    return tm_records_close(&records, &error) ? tm_report(&error) : TM_EXIT_OK;
}

static tm_status open_model(const tm_model_options *m, const tm_run_options *run, const char *name,
                            int batch, tm_model **model, tm_error *error)
{
    tm_open_options open = tm_open_options_of(m, run);
    open.max_batch = batch;
    tm_status status = tm_model_open(name, &open, model, error);
    return status ? status : tm_model_select(*model, "logits", error);
}

/* Beside the model that was measured, its weights once more in float32. */
static tm_status compare(tm_model *model, const tm_model_options *m, const tm_run_options *run,
                         const char *name, const tm_arguments *pictures, tm_comparison *result,
                         tm_error *error)
{
    tm_model *exact = NULL;
    tm_run_options exactly = *run;
    exactly.precision = "f32";
    tm_status status = open_model(m, &exactly, name, 1, &exact, error);
    if (!status)
        status = tm_model_load(exact, error);
    if (!status)
        status = tm_compare(model, exact, pictures->operands, (int)pictures->operand_count,
                            fill_first, result, error);
    tm_model_close(exact);
    return status;
}

static int bench(const bench_options *chosen, const tm_model_options *m, const tm_run_options *run,
                 tm_arguments *arguments)
{
    tm_model *model = NULL;
    tm_error error = {0};
    timing t = {0};
    tm_comparison comparison;
    const char *name = tm_take_only_model(m, arguments);
    int batch = run->batch ? run->batch : 1, exit_code;
    if (arguments->operand_count && !chosen->compare)
        return tm_usage_error(command.name, "one MODEL expected, but \"%s\" follows",
                              arguments->operands[0]);
    tm_status status = open_model(m, run, name, batch, &model, &error);
    if (!status)
        status = load_and_measure(model, chosen, batch, &t, &error);
    if (!status && chosen->compare)
        status = compare(model, m, run, name, arguments, &comparison, &error);
    if (status) {
        exit_code = tm_report(&error);
    } else {
        tm_print_run(model, run);
        if (run->timings)
            tm_print_note("load %.2f ms, run %.2f ms, %d runs", t.load_ms, total_ms(&t), t.count);
        exit_code = write_record(
            &(bench_run){model, &t, batch, chosen->compare ? &comparison : NULL}, chosen);
    }
    free(t.ms);
    free(t.steps);
    tm_model_close(model);
    return exit_code;
}

int tm_cmd_bench(int argc, char **argv)
{
    bench_options chosen = {0};
    tm_model_options model = TM_MODEL_OPTIONS_DEFAULT;
    tm_run_options run = TM_RUN_OPTIONS_DEFAULT;
    const tm_option_target targets[] = {TM_OPTION_TARGET(options_group, bench_options, &chosen),
                                        TM_MODEL_TARGET(&model),
                                        TM_RUN_TARGET(&run),
                                        {0}};
    tm_arguments arguments;
    int exit_code;
    if (!tm_parse_arguments(&command, targets, argc, argv, &arguments, &exit_code))
        return exit_code;
    exit_code = bench(&chosen, &model, &run, &arguments);
    tm_arguments_free(&arguments);
    return exit_code;
}
