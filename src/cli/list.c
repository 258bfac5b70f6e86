/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/model.h"
#include "cli/records.h"
#include "registry/registry.h"

typedef struct list_options {
    tm_texts exclude, modules;
    bool pretrained, cached, supported;
    double min_top1, max_params, max_gmacs; /* 0: not given */
    const char *license, *sort, *format;
} list_options;

/* clang-format off */
#define LIST(kind, member) TM_OPTION_VALUE(kind, list_options, member)
static const tm_option options[] = {
    {0, "exclude", "GLOB", "leave these out; may be repeated",
        LIST(TEXTS, exclude), 0, 0},
    {0, "module", "M", "only models of this timm module; may be repeated",
        LIST(TEXTS, modules), 0, 0},
    {0, "pretrained", NULL, "list arch.tag of the configs that have weights",
        LIST(FLAG, pretrained), 0, 0},
    {0, "supported", NULL, "only what timmc can build", LIST(FLAG, supported), 0, 0},
    {0, "cached", NULL, "only what runs offline: models whose weights are in a cache",
        LIST(FLAG, cached), 0, 0},
    {0, "min-top1", "X", "at least this ImageNet accuracy, in percent",
        LIST(NUMBER, min_top1), 0, 100},
    {0, "max-params", "M", "at most this many million parameters",
        LIST(NUMBER, max_params), 0, 1e9},
    {0, "max-gmacs", "G", "at most this many billion multiply-adds a picture",
        LIST(NUMBER, max_gmacs), 0, 1e9},
    {0, "license", "LICENSE", "only weights under this license, as apache-2.0 or cc-*",
        LIST(TEXT, license), 0, 0},
    {0, "sort", "name|top1|params|gmacs", "order: best top1, fewest params or gmacs first",
        LIST(CHOICE, sort), 0, 0},
    {'f', "format", "names|table|jsonl|csv", "default: table on a terminal, else names",
        LIST(CHOICE, format), 0, 0},
};
/* clang-format on */

static const tm_option_group options_group = TM_OPTION_GROUP("Options", options);
static const tm_command command = {
    .name = "list",
    .operands = "[GLOB...]",
    .description = "Lists timm's models in its natural order, those that match any GLOB (*, ?, "
                   "[abc], [!abc]). Without --pretrained a model stands for its default tag. "
                   "Accuracy, params and gmacs are those at the model's own input size.",
    .examples = {"list 'resnet*' --pretrained", "list --sort top1 --max-gmacs 5 --format table"},
};

typedef struct model {
    const char *name;
    tm_arch arch;
    tm_pretrained config;
    tm_result result;
    bool measured, cached, supported;
    size_t place; /* in the natural order of the listing */
} model;

static void fill_row(model *row, const list_options *list, size_t index, bool ask_cache)
{
    if (list->pretrained) {
        tm_pretrained_at(index, &row->config);
        tm_arch_find(row->config.arch, &row->arch);
        row->name = row->config.name;
    } else {
        tm_arch_at(index, &row->arch);
        tm_arch_config(&row->arch, 0, &row->config);
        row->name = row->arch.name;
    }
    row->place = index;
    row->measured = tm_result_default(&row->config, &row->result);
    row->supported = tm_arch_buildable(&row->arch);
    row->cached = ask_cache && tm_weights_cached(&row->config, "", NULL);
}

/* What was never measured meets no bound. */
static bool passes(const model *row, const list_options *list)
{
    return ((!list->supported && !list->cached) || row->supported) &&
           (!list->cached || row->cached) &&
           (!list->license || tm_glob_match(list->license, row->config.license)) &&
           (list->min_top1 <= 0 || (row->measured && row->result.top1 >= list->min_top1)) &&
           (list->max_params <= 0 || (row->measured && row->result.params_m <= list->max_params)) &&
           (list->max_gmacs <= 0 || (row->measured && row->result.gmacs <= list->max_gmacs));
}

/* The greater key is first; what was not measured comes last. */
static int by_key(const model *a, const model *b, float a_key, float b_key)
{
    if (a->measured != b->measured)
        return a->measured ? -1 : 1;
    if (a->measured && a_key != b_key)
        return a_key > b_key ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

static int by_top1(const void *x, const void *y)
{
    const model *a = x, *b = y;
    return by_key(a, b, a->result.top1, b->result.top1);
}

static int by_params(const void *x, const void *y)
{
    const model *a = x, *b = y;
    return by_key(a, b, -a->result.params_m, -b->result.params_m);
}

static int by_gmacs(const void *x, const void *y)
{
    const model *a = x, *b = y;
    return by_key(a, b, -a->result.gmacs, -b->result.gmacs);
}

static void sort_rows(model *rows, size_t count, const char *key)
{
    if (strcmp(key, "top1") == 0)
        qsort(rows, count, sizeof *rows, by_top1);
    else if (strcmp(key, "params") == 0)
        qsort(rows, count, sizeof *rows, by_params);
    else if (strcmp(key, "gmacs") == 0)
        qsort(rows, count, sizeof *rows, by_gmacs);
}

/* ---- records ---- */

static const tm_record_type names_type = {
    .columns = "model,arch,tag,module,supported,cached,params_m,gmacs,img_size,top1,license",
    .text = "{model}\n"};

static tm_value measured(const model *row, float value)
{
    return row->measured ? tm_value_single(value) : (tm_value){0};
}

static void tell_model(tm_record *record, const model *row)
{
    TM_TELL(record, "model", tm_value_text(row->name));
    TM_TELL(record, "arch", tm_value_text(row->arch.name));
    TM_TELL(record, "tag", tm_value_stated(row->config.tag), .null = true);
    TM_TELL(record, "module", tm_value_text(row->arch.module));
    TM_TELL(record, "supported", tm_value_boolean(row->supported));
    TM_TELL(record, "cached", tm_value_boolean(row->cached));
    TM_TELL(record, "params_m", measured(row, row->result.params_m), .null = true);
    TM_TELL(record, "gmacs", measured(row, row->result.gmacs), .null = true);
    TM_TELL(record, "img_size", tm_value_integer(row->config.input_size[1]));
    TM_TELL(record, "top1", measured(row, row->result.top1), .null = true);
    TM_TELL(record, "license", tm_value_stated(row->config.license), .null = true);
}

/* The text of a table, as wide as the longest name. */
enum { NARROWEST = 5, WIDEST = 400 };

typedef struct table {
    char heading[512], text[256];
} table;

static tm_record_type table_type(table *t, const model *rows, size_t count)
{
    size_t widest = NARROWEST;
    for (size_t i = 0; i < count; i++)
        if (strlen(rows[i].name) > widest)
            widest = strlen(rows[i].name);
    int width = widest < WIDEST ? (int)widest : WIDEST;
    snprintf(t->heading, sizeof t->heading, "%-*s %7s %9s %8s %5s  %-9s %s\n", width, "MODEL",
             "TOP1", "PARAMS_M", "GMACS", "SIZE", "SUPPORTED", "LICENSE");
    snprintf(t->text, sizeof t->text,
             "{model:-%d} {top1:7.3f} {params_m:9.2f} {gmacs:8.2f} {img_size:5}  {supported:-9} "
             "{license}\n",
             width);
    return (tm_record_type){names_type.columns, t->heading, t->text};
}

static int write_rows(const model *rows, size_t count, const char *format)
{
    table layout;
    tm_records records;
    tm_error error = {0};
    bool tabled = strcmp(format, "table") == 0, names = strcmp(format, "names") == 0;
    const tm_record_type type = tabled ? table_type(&layout, rows, count) : names_type;
    tm_records_open(&records, tabled || names ? "text" : format, &type);
    for (size_t i = 0; i < count; i++) {
        tm_record record = {.type = &type};
        tell_model(&record, &rows[i]);
        tm_records_add(&records, &record);
    }
    return tm_records_close(&records, &error) ? tm_report(&error) : TM_EXIT_OK;
}

static int check_modules(const tm_texts *modules)
{
    for (size_t i = 0; i < modules->count; i++) {
        tm_nearest nearest;
        tm_nearest_start(&nearest, modules->values[i]);
        for (size_t k = 0; k < tm_arch_count(); k++) {
            tm_arch arch;
            tm_arch_at(k, &arch);
            tm_nearest_offer(&nearest, arch.module);
        }
        char text[TM_NEAREST_TEXT_MAX];
        if (nearest.count == 0 || nearest.distances[0] > 0)
            return tm_usage_error(command.name, "--module: timm has no module %s%s",
                                  modules->values[i], tm_nearest_text(&nearest, "", text));
    }
    return TM_EXIT_OK;
}

static int nothing_matches(const list_options *list, const tm_arguments *arguments)
{
    bool tagged = false;
    for (size_t i = 0; i < arguments->operand_count; i++)
        tagged |= strchr(arguments->operands[i], '.') != NULL;
    tm_print_error("no model matches%s",
                   tagged && !list->pretrained ? "; tags are listed with --pretrained" : "");
    return TM_EXIT_INPUT;
}

static int list_rows(const list_options *list, const tm_arguments *arguments, size_t *indices,
                     model *rows)
{
    const tm_list_query query = {
        .include = (const char *const *)arguments->operands,
        .include_count = arguments->operand_count,
        .exclude = list->exclude.values,
        .exclude_count = list->exclude.count,
        .modules = list->modules.values,
        .module_count = list->modules.count,
        .pretrained = list->pretrained,
    };
    const char *format = list->format ? list->format : tm_stdout_is_terminal() ? "table" : "names";
    bool ask_cache = list->cached || strcmp(format, "names") != 0;
    size_t found = tm_list_models(&query, indices), count = 0;
    for (size_t i = 0; i < found; i++) {
        fill_row(&rows[count], list, indices[i], ask_cache);
        count += passes(&rows[count], list);
    }
    if (count == 0)
        return nothing_matches(list, arguments);
    sort_rows(rows, count, list->sort);
    return write_rows(rows, count, format);
}

int tm_cmd_list(int argc, char **argv)
{
    list_options list = {.sort = "name"};
    const tm_option_target targets[] = {TM_OPTION_TARGET(options_group, list_options, &list), {0}};
    tm_arguments arguments;
    int exit_code;
    if (!tm_parse_arguments(&command, targets, argc, argv, &arguments, &exit_code))
        return exit_code;
    exit_code = check_modules(&list.modules);
    if (exit_code == TM_EXIT_OK) {
        size_t most = tm_pretrained_count();
        size_t *indices = calloc(most, sizeof *indices);
        model *rows = calloc(most, sizeof *rows);
        if (indices && rows) {
            exit_code = list_rows(&list, &arguments, indices, rows);
        } else {
            tm_print_error("out of memory");
            exit_code = TM_EXIT_INTERNAL;
        }
        free(indices);
        free(rows);
    }
    tm_arguments_free(&arguments);
    return exit_code;
}
