/* SPDX-License-Identifier: Apache-2.0 */
/* timm's validate.py: how often the right class is the first of a model's answer, or among five. */
#include <math.h>
#include <stdlib.h>

#include "cli/labels.h"
#include "cli/session.h"
#include "cli/truth.h"

enum { TOP = 5 };

typedef struct validate_options {
    const char *truth, *labels, *format;
    bool classes;
} validate_options;

/* clang-format off */
#define VALIDATE(kind, member) TM_OPTION_VALUE(kind, validate_options, member)
static const tm_option options[] = {
    {0, "truth", "FILE", "lines \"FILE,CLASS\" (or with a tab or a space); without it a picture's "
        "class is the name of the folder that it lies in",
        VALIDATE(TEXT, truth), 0, 0},
    {0, "classes", NULL, "tell the counts of each class too", VALIDATE(FLAG, classes), 0, 0},
    {0, "labels", "auto|none|FILE", TM_LABELS_HELP, VALIDATE(TEXT, labels), 0, 0},
    {'f', "format", TM_RECORD_FORMATS, "default: text on a terminal, else jsonl",
        VALIDATE(CHOICE, format), 0, 0},
};
/* clang-format on */

static const tm_option_group options_group = TM_OPTION_GROUP("Options", options);
static const tm_command command = {
    .name = "validate",
    .operands = "[MODEL] INPUT...",
    .description =
        "Tells how often the right class is the first of a model's answer (top1) and among its "
        "first five (top5), in percent of the pictures that were answered. CLASS is a number, a "
        "name such as n02124075, or a label. A picture without a class of the model, or that "
        "cannot be read, is told on stderr, is counted as failed, and the exit code is 1. The "
        "inputs are those of classify.",
    .examples = {"validate resnet50 val/", "validate --truth val.csv --classes -f csv val/"},
};

typedef struct class_count {
    int64_t count, top1, top5;
} class_count;

typedef struct validation {
    const validate_options *options;
    const tm_session *session;
    tm_truth truth;
    tm_labels labels;
    int classes;
    float *logits;
    class_count *counts; /* of each class */
    int *listed;         /* classes that pictures are of */
    size_t listed_count;
    class_count all;
    int64_t failed;
} validation;

/* ---- counting ---- */

/* How many classes come before it; of equal logits the first class does. */
static int rank_of(const validation *v, int target)
{
    int before = 0;
    for (int i = 0; i < v->classes; i++)
        before +=
            v->logits[i] > v->logits[target] || (v->logits[i] == v->logits[target] && i < target);
    return before;
}

static void count(class_count *c, int rank)
{
    c->count++;
    c->top1 += rank == 0;
    c->top5 += rank < TOP;
}

static tm_status find_target(validation *v, const char *file, int *target, tm_error *error)
{
    const char *text;
    tm_status status = tm_truth_find(&v->truth, file, &text, error);
    if (!status && tm_labels_find(&v->labels, text, target, error)) {
        tm_error_context(error, "%s", file);
        status = error->status;
    }
    return status;
}

static tm_status answer_one(tm_session *session, tm_answer *answer, void *context, tm_error *error)
{
    validation *v = context;
    tm_error own = {0};
    int target = 0;
    if (answer->error && answer->error->status == TM_NO_MEMORY) { /* nobody knows how many */
        *error = *answer->error;
        return error->status;
    }
    if (answer->error)
        own = *answer->error;
    else
        find_target(v, answer->file, &target, &own);
    if (own.status) {
        tm_print_error("%s", own.message);
        v->failed++;
        return TM_OK;
    }
    if (tm_context_read(session->context, 0, answer->picture, v->logits, error))
        return error->status;
    int rank = rank_of(v, target);
    count(&v->counts[target], rank);
    count(&v->all, rank);
    return TM_OK;
}

/* ---- the record ---- */

static const tm_record_type result_type = {
    .columns = "model,index,name,label,count,failed,top1,top5",
    .text =
        "{model}: top1 {top1:.3f} %, top5 {top5:.3f} % of {count} pictures< ({failed} failed)>\n"};
static const tm_record_type class_type = {
    .text = "{top1:8.2f} {top5:8.2f} % of {count:5}  ><{label} >({index})\n"};

/* As timm tells it: in percent, to four digits. */
static tm_value percent(int64_t part, int64_t whole)
{
    return tm_value_double(whole ? round(1e6 * (double)part / (double)whole) / 1e4 : 0);
}

static void tell_counts(tm_record *record, const class_count *c)
{
    TM_TELL(record, "count", tm_value_integer(c->count));
    TM_TELL(record, "top1", percent(c->top1, c->count));
    TM_TELL(record, "top5", percent(c->top5, c->count));
}

static void tell_class(const void *context, size_t i, tm_record *record)
{
    const validation *v = context;
    const char *name, *label;
    int index = v->listed[i];
    tm_labels_tell(&v->labels, index, &name, &label);
    TM_TELL(record, "index", tm_value_integer(index));
    TM_TELL(record, "name", tm_value_stated(name));
    TM_TELL(record, "label", tm_value_stated(label));
    tell_counts(record, &v->counts[index]);
}

/* What the numbers are of, as timm tells it. */
static int write_result(validation *v)
{
    tm_records records;
    tm_error error = {0};
    tm_record record = {.type = &result_type};
    const tm_model *model = v->session->opened;
    const tm_preprocess *p = &model->preprocess;
    TM_TELL(&record, "model", tm_value_text(model->display));
    tell_counts(&record, &v->all);
    TM_TELL(&record, "failed", tm_value_integer(v->failed), .sparse = true);
    TM_TELL(&record, "img_size", tm_value_integers((int64_t[]){p->height, p->width}, 2),
            .only = TM_IN_JSON);
    TM_TELL(&record, "crop_pct", tm_value_double(p->crop_pct), .only = TM_IN_JSON);
    TM_TELL(&record, "interpolation", tm_value_text(tm_filter_name(p->filter)), .only = TM_IN_JSON);
    for (int i = 0; i < v->classes; i++)
        if (v->counts[i].count)
            v->listed[v->listed_count++] = i;
    if (v->options->classes)
        TM_TELL(&record, "classes", tm_value_list(&class_type, tell_class, v, v->listed_count));
    tm_records_open(&records, v->options->format, &result_type);
    tm_records_add(&records, &record);
    return tm_records_close(&records, &error) ? tm_report(&error) : TM_EXIT_OK;
}

/* ---- the command ---- */

static tm_status prepare(validation *v, tm_session *session, tm_error *error)
{
    v->session = session;
    v->classes = session->model->options.num_classes;
    if (v->classes <= 0)
        return tm_fail(error, TM_USAGE, "%s has no classes", session->model->display);
    tm_status status = tm_session_choose_scores(session, error);
    size_t classes = (size_t)v->classes;
    v->logits = calloc(classes, sizeof *v->logits);
    v->counts = calloc(classes, sizeof *v->counts);
    v->listed = calloc(classes, sizeof *v->listed);
    if (!status && (!v->logits || !v->counts || !v->listed))
        status = tm_fail(error, TM_NO_MEMORY, "no memory for %d classes", v->classes);
    if (!status)
        status = tm_labels_open(&v->labels, v->options->labels, session->model, error);
    if (!status && v->options->truth)
        status = tm_truth_open(&v->truth, v->options->truth, error);
    return status;
}

/* There is no share of no pictures. */
static int finish(validation *v)
{
    if (!v->all.count)
        return TM_EXIT_INPUT;
    int exit_code = write_result(v);
    return exit_code || !v->failed ? exit_code : TM_EXIT_SOME_FAILED;
}

static int validate(const validate_options *chosen, const tm_session_options *set,
                    tm_arguments *arguments)
{
    validation v = {.options = chosen};
    tm_session session;
    tm_error error = {0};
    int exit_code;
    tm_status status = tm_session_open(&session, set, arguments, &error);
    if (!status)
        status = prepare(&v, &session, &error);
    if (status) {
        exit_code = tm_report(&error);
    } else {
        exit_code = tm_session_run(&session, answer_one, &v);
        if (exit_code == TM_EXIT_OK || exit_code == TM_EXIT_SOME_FAILED)
            exit_code = finish(&v);
    }
    free(v.logits);
    free(v.counts);
    free(v.listed);
    tm_labels_free(&v.labels);
    tm_truth_free(&v.truth);
    tm_session_close(&session);
    return exit_code;
}

int tm_cmd_validate(int argc, char **argv)
{
    validate_options chosen = {0};
    tm_session_options set = TM_SESSION_OPTIONS_DEFAULT;
    const tm_option_target targets[] = {TM_OPTION_TARGET(options_group, validate_options, &chosen),
                                        TM_MODEL_TARGET(&set.model),
                                        TM_PICTURE_TARGET(&set.picture),
                                        TM_INPUT_TARGET(&set.input),
                                        TM_RUN_TARGET(&set.run),
                                        {0}};
    tm_arguments arguments;
    int exit_code;
    if (!tm_parse_arguments(&command, targets, argc, argv, &arguments, &exit_code))
        return exit_code;
    exit_code = set.input.siblings
                    ? tm_usage_error(command.name, "--siblings are for records: not for a count")
                    : validate(&chosen, &set, &arguments);
    tm_arguments_free(&arguments);
    return exit_code;
}
