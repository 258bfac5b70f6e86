/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arrays.h"
#include "cli/class_pictures.h"
#include "cli/labels.h"
#include "cli/session.h"

typedef struct classify_options {
    int top;
    bool all;
    const char *output, *labels, *format;
    double threshold;
    bool from_features, wide, timm_compat;
    tm_class_picture_names pictures;
} classify_options;

/* clang-format off */
#define CLASSIFY(kind, member) TM_OPTION_VALUE(kind, classify_options, member)
static const tm_option options[] = {
    {'k', "top", "K", "classes to tell for each picture (default: 5)",
        CLASSIFY(INT, top), 1, 1000000},
    {0, "all", NULL, "tell every class", CLASSIFY(FLAG, all), 0, 0},
    {0, "output", "prob|logit", "what to tell of a class (default: prob)",
        CLASSIFY(CHOICE, output), 0, 0},
    {0, "threshold", "P", "leave out classes below this probability",
        CLASSIFY(NUMBER, threshold), 0, 1},
    {0, "labels", "auto|none|FILE", TM_LABELS_HELP, CLASSIFY(TEXT, labels), 0, 0},
    {0, "from-features", NULL, "inputs are .npy files of the last hidden state, as features --kind "
        "unpooled writes it: only the head is run",
        CLASSIFY(FLAG, from_features), 0, 0},
    {0, "contact-sheet", "OUT.png", "draw the pictures in a grid, each with its most probable class "
        "and probability; what goes beyond a page of 42 is in OUT-2.png, OUT-3.png, ...",
        CLASSIFY(TEXT, pictures.contact_sheet), 0, 0},
    {0, "heatmap", "OUT.png", "draw each picture, and beside it which of its places count, from dark "
        "blue to yellow: of models whose classifier is linear on the mean of their last map, how much "
        "each says for the most probable class (class activation map); of those whose classifier "
        "reads the class token or what attention pools, how much that takes of each in the last "
        "attention, the mean of its heads; others are refused; 18 a page",
        CLASSIFY(TEXT, pictures.heatmap), 0, 0},
    {0, "wide", NULL, "csv and tsv: one row for a picture, with columns top1, label1, prob1, top2, ...",
        CLASSIFY(FLAG, wide), 0, 0},
    {0, "timm-compat", NULL, "the columns of timm's inference.py: filename, index_0, ..., label_0, ..., "
        "prob_0, ...; without the numbers for -k 1", CLASSIFY(FLAG, timm_compat), 0, 0},
    {'f', "format", TM_ANSWER_FORMATS, "default: text on a terminal, else "
        "jsonl; npy and raw write the logits to stdout in place of the records",
        CLASSIFY(CHOICE, format), 0, 0},
};
/* clang-format on */

static const tm_option_group options_group = TM_OPTION_GROUP("Options", options);
static const tm_command command = {
    .name = "classify",
    .operands = "[MODEL] INPUT...",
    .description =
        "Tells the classes of pictures: the most probable first, one record for every "
        "input, in their order. INPUT is a picture (PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF, JPEG XL "
        "or HEIF, as 'timmc version' tells), a folder or a tar of them, a .npy "
        "file of ready tensors [N,C,H,W], or - for a picture on stdin. With -o "
        "the logits go to a .npy (with an .index.jsonl beside it), .npz or .safetensors "
        "file; -o - writes .npy to stdout in place of the records.",
    .examples = {"classify cat.jpg", "classify resnet50 --no-pretrained -k 3 cat.jpg"},
};

typedef struct ranked {
    int index;
    float logit;
} ranked;

typedef struct classifier {
    const classify_options *options;
    const char *format;
    tm_record_type type; /* of the records */
    tm_buffer columns;   /* its, where they depend on the options */
    tm_records records;
    tm_arrays arrays;
    int classes;
    float *logits;
    ranked *order;
    double largest, sum; /* of the softmax */
    tm_labels labels;
    tm_class_pictures pictures;
} classifier;

/* ---- ranking ---- */

/* Equal logits stay in the order of their classes. */
static int by_logit(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
    return x->index - y->index;
}

static void rank(classifier *c)
{
    c->largest = -INFINITY;
    c->sum = 0;
    for (int i = 0; i < c->classes; i++)
        c->largest = fmax(c->largest, c->logits[i]);
    for (int i = 0; i < c->classes; i++) {
        c->order[i] = (ranked){i, c->logits[i]};
        c->sum += exp(c->logits[i] - c->largest);
    }
    qsort(c->order, (size_t)c->classes, sizeof *c->order, by_logit);
}

static float probability(const classifier *c, float logit)
{
    return (float)(exp(logit - c->largest) / c->sum);
}

/* How many of the ranked classes are told. */
static int told(const classifier *c)
{
    int count = c->options->all || c->options->top > c->classes ? c->classes : c->options->top;
    while (count > 0 && c->options->threshold > 0 &&
           probability(c, c->order[count - 1].logit) < c->options->threshold)
        count--;
    return count;
}

/* ---- records ---- */

static const tm_record_type answer_type = TM_ANSWER_TYPE("rank,index,name,label,value");
static const tm_record_type class_type = {
    .text = "<  {prob:6.2f} %  ><  {logit:9.4f}  ><{label} >({index})\n"};

static void tell_class(const void *context, size_t i, tm_record *record)
{
    const classifier *c = context;
    const ranked *r = &c->order[i];
    const char *name, *label;
    tm_labels_tell(&c->labels, r->index, &name, &label);
    TM_TELL(record, "rank", tm_value_integer((int64_t)i + 1), .only = TM_IN_TABLES);
    TM_TELL(record, "index", tm_value_integer(r->index));
    TM_TELL(record, "name", tm_value_stated(name));
    TM_TELL(record, "label", tm_value_stated(label));
    if (c->options->output && strcmp(c->options->output, "logit") == 0)
        TM_TELL(record, "logit", tm_value_single(r->logit), .column = "value");
    else
        TM_TELL(record, "prob", tm_value_single(probability(c, r->logit)), .column = "value",
                .unit = TM_UNIT_PERCENT);
}

/* The most probable class, or what it failed for. */
static tm_status draw(classifier *c, const tm_session *session, const tm_answer *answer,
                      tm_error *error)
{
    tm_class_told told = {0};
    if (!answer->error) {
        told.index = c->order[0].index;
        told.prob = probability(c, c->order[0].logit);
        tm_labels_tell(&c->labels, told.index, &told.name, &told.label);
    }
    return tm_class_pictures_add(&c->pictures, session, answer, &told, error);
}

static tm_status answer_one(tm_session *session, tm_answer *answer, void *context, tm_error *error)
{
    classifier *c = context;
    const int64_t shape[] = {1, c->classes};
    int count = 0;
    tm_status status = tm_arrays_begin_row(&c->arrays, error);
    tm_arrays_number(&c->arrays, answer);
    if (!status && !answer->error) {
        status = tm_context_read(session->context, 0, answer->picture, c->logits, error);
        if (status)
            return status;
        rank(c);
        count = told(c);
    }
    status = tm_arrays_add(&c->arrays, "logits", 2, shape, answer->error ? NULL : c->logits, error);
    if (!status)
        status = tm_answer_write(&c->records, answer, &c->type, "top",
                                 tm_value_list(&class_type, tell_class, c, (size_t)count), error);
    if (c->options->timm_compat && answer->error) /* timm's columns have no room for it */
        tm_print_error("%s", answer->error->message);
    if (!status)
        status = draw(c, session, answer, error);
    return status ? status : tm_arrays_next(&c->arrays, answer, error);
}

/* ---- the command ---- */

/* ",top1=index#1,label1=label#1,prob1=value#1,..." */
static void add_wide(tm_buffer *columns, const char *value, int top)
{
    tm_buffer_puts(columns, "file,picture,row,warnings");
    for (int i = 1; i <= top; i++)
        tm_buffer_printf(columns, ",top%d=index#%d,label%d=label#%d,%s%d=value#%d", i, i, i, i,
                         value, i, i);
    tm_buffer_puts(columns, ",error");
}

/* As timm's --results-separate-col --include-index --fullname. */
static void add_timm(tm_buffer *columns, const char *value, int top)
{
    const char *const names[][2] = {{"index", "index"}, {"label", "label"}, {value, "value"}};
    tm_buffer_puts(columns, "filename=file");
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        for (int i = 0; i < top; i++)
            if (top > 1)
                tm_buffer_printf(columns, ",%s_%d=%s#%d", names[k][0], i, names[k][1], i + 1);
            else
                tm_buffer_printf(columns, ",%s=%s#1", names[k][0], names[k][1]);
}

/* A row for a picture needs a table. */
static tm_status choose_columns(classifier *c, tm_error *error)
{
    const classify_options *o = c->options;
    const char *value = o->output ? o->output : "prob";
    int top = o->all || o->top > c->classes ? c->classes : o->top;
    c->type = answer_type;
    c->format = o->format;
    if (!o->wide && !o->timm_compat)
        return TM_OK;
    if (!c->format)
        c->format = "csv";
    if (o->wide && o->timm_compat)
        return tm_fail(error, TM_USAGE, "--wide and --timm-compat are different columns");
    if (strcmp(c->format, "csv") != 0 && strcmp(c->format, "tsv") != 0)
        return tm_fail(error, TM_USAGE, "%s says the columns of csv and tsv: not with -f %s",
                       o->wide ? "--wide" : "--timm-compat", c->format);
    (o->wide ? add_wide : add_timm)(&c->columns, value, top);
    c->type.columns = c->columns.data;
    return c->columns.failed ? tm_fail(error, TM_NO_MEMORY, "no memory for columns") : TM_OK;
}

static void tell_options(const void *context, tm_record *record)
{
    const classify_options *o = context;
    TM_TELL(record, "output", tm_value_text(o->output ? o->output : "prob"));
    TM_TELL(record, "top", tm_value_integer(o->all ? -1 : o->top));
    TM_TELL(record, "threshold", tm_value_double(o->threshold));
    TM_TELL(record, "labels", tm_value_text(o->labels ? o->labels : "auto"));
    TM_TELL(record, "from_features", tm_value_boolean(o->from_features));
}

static tm_status open_arrays(classifier *c, tm_session *session, tm_error *error)
{
    const tm_meta meta = {session, command.name, tell_options, c->options};
    const tm_array_kind logits = {"logits", NULL, 2, {1, c->classes}};
    return tm_arrays_open(&c->arrays, session, &meta, c->format, &logits, 1, error);
}

static tm_status prepare(classifier *c, tm_session *session, tm_error *error)
{
    c->classes = session->model->options.num_classes;
    if (c->classes <= 0)
        return tm_fail(error, TM_USAGE, "%s has no classes: use 'timmc features'",
                       session->model->display);
    tm_status status = choose_columns(c, error);
    if (!status)
        status = tm_session_choose_scores(session, error);
    c->logits = calloc((size_t)c->classes, sizeof *c->logits);
    c->order = calloc((size_t)c->classes, sizeof *c->order);
    if (!status && (!c->logits || !c->order))
        status = tm_fail(error, TM_NO_MEMORY, "no memory for %d classes", c->classes);
    if (!status)
        status = tm_labels_open(&c->labels, c->options->labels, session->model, error);
    if (!status)
        status = tm_class_pictures_open(&c->pictures, session, &c->options->pictures, error);
    return status ? status : open_arrays(c, session, error);
}

static int close_all(classifier *c, const tm_session *session, int exit_code)
{
    tm_error error = {0};
    if (tm_records_close(&c->records, &error) && !session->broken)
        exit_code = tm_report(&error);
    exit_code = tm_class_pictures_end(&c->pictures, session, exit_code);
    exit_code = tm_arrays_end(&c->arrays, session, exit_code);
    tm_buffer_free(&c->columns);
    free(c->logits);
    free(c->order);
    tm_labels_free(&c->labels);
    return exit_code;
}

static int classify(const classify_options *chosen, const tm_session_options *set,
                    tm_arguments *arguments)
{
    classifier c = {.options = chosen};
    tm_session session;
    tm_error error = {0};
    int exit_code;
    tm_status status = tm_session_open(&session, set, arguments, &error);
    if (!status)
        status = prepare(&c, &session, &error);
    if (status) {
        exit_code = tm_report(&error);
    } else {
        tm_arrays_open_records(&c.arrays, c.format, &c.type, &c.records);
        exit_code = tm_session_run(&session, answer_one, &c);
    }
    exit_code = close_all(&c, &session, exit_code);
    tm_session_close(&session);
    return exit_code;
}

int tm_cmd_classify(int argc, char **argv)
{
    classify_options chosen = {.top = 5};
    tm_session_options set = TM_SESSION_OPTIONS_DEFAULT;
    const tm_option_target targets[] = {
        TM_OPTION_TARGET(options_group, classify_options, &chosen), TM_SESSION_TARGETS(&set), {0}};
    tm_arguments arguments;
    int exit_code;
    if (!tm_parse_arguments(&command, targets, argc, argv, &arguments, &exit_code))
        return exit_code;
    set.from_features = chosen.from_features;
    exit_code = classify(&chosen, &set, &arguments);
    tm_arguments_free(&arguments);
    return exit_code;
}
