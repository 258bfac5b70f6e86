/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "api/context.h"
#include "base/clock.h"
#include "cli/session.h"
#include "output/json.h"

typedef struct bench_options {
    int repeats;
    bool profile;
    const char *format;
} bench_options;

/* clang-format off */
#define BENCH(kind, member) TM_OPTION_VALUE(kind, bench_options, member)
static const tm_option options[] = {
    {0, "repeats", "N", "timed runs (default: as many as fit a second, 5 to 1000)",
        BENCH(INT, repeats), 1, 1000000},
    {0, "profile", NULL, "tell each step's time", BENCH(FLAG, profile), 0, 0},
    {'f', "format", "json|text", "default: text on a terminal, else json",
        BENCH(CHOICE, format), 0, 0},
};
/* clang-format on */

static const tm_option_group options_group = TM_OPTION_GROUP("Options", options);
static const tm_command command = {
    .name = "bench",
    .operands = "[MODEL]",
    .description = "Times a model on noise: the forward pass alone, from a tensor to the logits. "
                   "The median is over --repeats runs after two that do not count.",
    .examples = {"bench --batch 8 --threads 2", "bench resnet50 --no-pretrained --profile"},
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

/* uniform in [-1, 1); the same for every run, as pictures are */
static void fill_input(tm_context *context, int batch)
{
    int64_t s[3];
    tm_model_input_shape(context->model, s);
    uint64_t state = 1;
    for (int n = 0; n < batch; n++) {
        float *x = tm_context_input(context, n);
        for (int64_t i = 0; i < s[0] * s[1] * s[2]; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            x[i] = (float)(state >> 40) * 0x1p-23f - 1.0f;
        }
    }
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
    t->activations_mb = (double)context->runner.bytes / 1048576;
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

static void member(tm_buffer *out, const char *name, double value)
{
    tm_buffer_printf(out, ",\"%s\":", name);
    tm_json_f64(out, value);
}

static double gflops(const timing *t, int batch, double ms)
{
    return 2e-6 * t->macs * batch / ms;
}

static void write_json(tm_buffer *out, const tm_model *model, int batch, const timing *t,
                       bool profile)
{
    double median = quantile(t, 0.5);
    tm_buffer_puts(out, "{\"model\":");
    tm_json_string(out, model->display);
    tm_buffer_printf(out, ",\"batch\":%d,\"threads\":%d,\"precision\":\"%s\",\"isa\":\"%s\"", batch,
                     model->options.threads, model->options.precision,
                     tm_isa_name(tm_isa_or_best(model->options.isa)));
    member(out, "median_ms", median);
    member(out, "p10_ms", quantile(t, 0.1));
    member(out, "p90_ms", quantile(t, 0.9));
    member(out, "images_per_s", 1e3 * batch / median);
    member(out, "gflops", gflops(t, batch, median));
    member(out, "peak_gflops", t->peak);
    member(out, "share_of_peak", gflops(t, batch, median) / t->peak);
    member(out, "load_ms", t->load_ms);
    member(out, "weights_mb", (double)model->plan.steps.weight_bytes / 1048576);
    member(out, "activations_mb", t->activations_mb);
    member(out, "largest_pair_mb", (double)model->plan.pair_bytes / 1048576);
    member(out, "peak_memory_mb", peak_mb());
    tm_buffer_printf(out, ",\"repeats\":%d", t->count);
    for (int i = 0; profile && i < model->plan.steps.count; i++) {
        const tm_step *step = &model->plan.steps.rows[i];
        tm_buffer_printf(out, "%s{\"step\":", i ? "," : ",\"steps\":[");
        tm_json_string(out, step->name);
        tm_buffer_printf(out, ",\"op\":\"%s\"", step->op);
        member(out, "ms", 1e3 * t->steps[i] / t->count);
        member(out, "macs", step->macs);
        tm_buffer_putc(out, '}');
    }
    tm_buffer_puts(out, profile ? "]}\n" : "}\n");
}

static void write_text(tm_buffer *out, const tm_model *model, int batch, const timing *t,
                       bool profile)
{
    double median = quantile(t, 0.5), rate = gflops(t, batch, median);
    tm_buffer_printf(out,
                     "%s, batch %d, %d threads: median %.3f ms (p10 %.3f, p90 %.3f, %d runs)\n"
                     "%.1f images/s, %.1f GFLOP/s, %.0f %% of the float32 peak, load %.1f ms\n"
                     "weights %.1f MB, activations %.1f MB, peak memory %.1f MB\n",
                     model->display, batch, model->options.threads, median, quantile(t, 0.1),
                     quantile(t, 0.9), t->count, 1e3 * batch / median, rate, 100 * rate / t->peak,
                     t->load_ms, (double)model->plan.steps.weight_bytes / 1048576,
                     t->activations_mb, peak_mb());
    for (int i = 0; profile && i < model->plan.steps.count; i++) {
        const tm_step *step = &model->plan.steps.rows[i];
        double ms = 1e3 * t->steps[i] / t->count;
        tm_buffer_printf(out, "%9.4f ms %7.1f GFLOP/s  %-20s %s\n", ms,
                         ms > 0 ? 2e-6 * step->macs * batch / ms : 0, step->op, step->name);
    }
}

static tm_status open_model(const tm_model_options *m, const tm_run_options *run, const char *name,
                            int batch, tm_model **model, tm_error *error)
{
    tm_open_options open = tm_open_options_of(m, run);
    open.max_batch = batch;
    tm_status status = tm_model_open(name, &open, model, error);
    return status ? status : tm_model_select(*model, "logits", error);
}

static int bench(const bench_options *chosen, const tm_model_options *m, const tm_run_options *run,
                 tm_arguments *arguments)
{
    tm_model *model = NULL;
    tm_error error = {0};
    timing t = {0};
    const char *name = tm_take_only_model(m, arguments);
    int batch = run->batch ? run->batch : 1, exit_code;
    if (arguments->operand_count)
        return tm_usage_error(command.name, "one MODEL expected, but \"%s\" follows",
                              arguments->operands[0]);
    tm_status status = open_model(m, run, name, batch, &model, &error);
    if (!status)
        status = load_and_measure(model, chosen, batch, &t, &error);
    if (status) {
        exit_code = tm_report(&error);
    } else {
        tm_buffer out = {0};
        tm_print_run(model, run);
        if (run->timings)
            tm_print_note("load %.2f ms, run %.2f ms, %d runs", t.load_ms, total_ms(&t), t.count);
        bool text = chosen->format ? strcmp(chosen->format, "text") == 0 : tm_stdout_is_terminal();
        (text ? write_text : write_json)(&out, model, batch, &t, chosen->profile);
        exit_code = tm_write_stdout(&out);
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
