/* SPDX-License-Identifier: Apache-2.0 */
#include "api/arguments.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "models/model.h"

static const char IMG_SIZE[] = "img_size";

/* One argument on its way into the variant. */
typedef struct taking {
    tm_model *model;
    const tm_argument *row;
    const char *name, *text; /* text: of the value, for messages */
    bool of_config;
    char *member; /* of the variant */
    tm_error *error;
} taking;

static tm_status refusal(const taking *t)
{
    return t->of_config ? TM_UNSUPPORTED : TM_USAGE;
}

static tm_status refuse(const taking *t, const char *expected)
{
    return tm_fail(t->error, refusal(t), "%s: model argument %.60s: found %.80s, expected %s",
                   t->model->display, t->name, t->text, expected);
}

static bool is_within(const taking *t, const cJSON *value)
{
    return cJSON_IsNumber(value) && value->valuedouble >= t->row->least &&
           value->valuedouble <= t->row->most;
}

static bool is_integer(const taking *t, const cJSON *value)
{
    return is_within(t, value) && value->valuedouble == (double)(int64_t)value->valuedouble;
}

static tm_status read_integers(const taking *t, const cJSON *value, int *out, int count)
{
    char expected[96];
    snprintf(expected, sizeof expected, "%s from %.0f to %.0f",
             count > 1 ? "whole numbers, one for each stage," : "a whole number", t->row->least,
             t->row->most);
    bool list = t->row->kind != TM_ARGUMENT_INTEGER && cJSON_IsArray(value);
    if (list ? cJSON_GetArraySize(value) != count : t->row->kind == TM_ARGUMENT_LIST)
        return refuse(t, expected);
    for (int i = 0; i < count; i++) {
        const cJSON *item = list ? cJSON_GetArrayItem(value, i) : value;
        if (!is_integer(t, item))
            return refuse(t, expected);
        out[i] = (int)item->valuedouble;
    }
    return TM_OK;
}

static tm_status take_integers(const taking *t, const cJSON *value)
{
    int count = t->row->kind == TM_ARGUMENT_INTEGER ? 1 : (int)(t->row->size / sizeof(int));
    return read_integers(t, value, (int *)(void *)t->member, count);
}

static tm_status take_blocks(const taking *t, const cJSON *value)
{
    int count = cJSON_IsArray(value) ? cJSON_GetArraySize(value) : 1;
    int *values = tm_arena_alloc(&t->model->strings, (size_t)count * sizeof *values + 1);
    if (!values)
        return tm_fail(t->error, TM_NO_MEMORY, "no memory for the model's arguments");
    if (!count)
        return refuse(t, "a list that is not empty");
    *(tm_int_list *)(void *)t->member = (tm_int_list){values, count};
    return read_integers(t, value, values, count);
}

static tm_status take_numbers(const taking *t, const cJSON *value)
{
    double *numbers = (double *)(void *)t->member;
    int count = (int)(t->row->size / sizeof *numbers);
    bool list = t->row->kind == TM_ARGUMENT_NUMBERS && cJSON_IsArray(value);
    char expected[80];
    snprintf(expected, sizeof expected, "%s from %g to %g",
             count > 1 ? "a number, or one for each place," : "a number", t->row->least,
             t->row->most);
    if (list && cJSON_GetArraySize(value) != count)
        return refuse(t, expected);
    for (int i = 0; i < count; i++) {
        const cJSON *item = list ? cJSON_GetArrayItem(value, i) : value;
        if (!is_within(t, item))
            return refuse(t, expected);
        numbers[i] = item->valuedouble;
    }
    return TM_OK;
}

static tm_status take_flag(const taking *t, const cJSON *value)
{
    if (!cJSON_IsBool(value))
        return refuse(t, "true or false");
    *(bool *)(void *)t->member = (cJSON_IsTrue(value) != 0) == (t->row->kind == TM_ARGUMENT_FLAG);
    return TM_OK;
}

static tm_status take_given(const taking *t, const cJSON *value)
{
    /* some of timm's classes take 0 for a value and some for none */
    if (!cJSON_IsNumber(value) || value->valuedouble <= 0)
        return refuse(t, "a number above 0");
    *(bool *)(void *)t->member = true;
    return TM_OK;
}

static tm_status take_act(const taking *t, const cJSON *value)
{
    if (!cJSON_IsString(value))
        return refuse(t, "the name of an activation");
    tm_act_kind act = tm_act_by_name(&t->model->builder, value->valuestring);
    *(tm_act_kind *)(void *)t->member = act;
    return act != TM_ACT_NONE ? TM_OK : refuse(t, "the name of an activation");
}

static tm_status refuse_choice(const taking *t)
{
    tm_buffer known = {0};
    tm_buffer_puts(&known, "one of");
    for (const tm_choice *choice = t->row->choices; choice->name; choice++)
        tm_buffer_printf(&known, " '%s'", choice->name);
    const char *expected = tm_buffer_text(&known, t->error);
    tm_status status = expected ? refuse(t, expected) : t->error->status;
    tm_buffer_free(&known);
    return status;
}

static tm_status take_choice(const taking *t, const cJSON *value)
{
    const tm_choice *choice = t->row->choices;
    const char *word = cJSON_IsNull(value) ? "" : cJSON_GetStringValue(value);
    while (choice->name && !(word && strcmp(choice->name, word) == 0))
        choice++;
    if (!choice->name)
        return refuse_choice(t);
    memcpy(t->member, &choice->value, sizeof choice->value); /* an enum */
    return TM_OK;
}

/* timm's create_model takes null for an argument that was not given; of a config it is a value. */
static tm_status take_value(const taking *t, const cJSON *value)
{
    if (cJSON_IsNull(value) && !t->of_config)
        return TM_OK;
    switch (t->row->kind) {
    case TM_ARGUMENT_INTEGER:
    case TM_ARGUMENT_INTEGERS:
    case TM_ARGUMENT_LIST:
        return take_integers(t, value);
    case TM_ARGUMENT_BLOCKS:
        return take_blocks(t, value);
    case TM_ARGUMENT_NUMBER:
    case TM_ARGUMENT_NUMBERS:
        return take_numbers(t, value);
    case TM_ARGUMENT_FLAG:
    case TM_ARGUMENT_NO_FLAG:
        return take_flag(t, value);
    case TM_ARGUMENT_GIVEN:
        return take_given(t, value);
    case TM_ARGUMENT_ACT:
        return take_act(t, value);
    case TM_ARGUMENT_CHOICE:
        return take_choice(t, value);
    }
    TM_BUG("an argument of unknown kind");
}

static tm_status refuse_unknown(const taking *t)
{
    const tm_family *family = t->model->family;
    tm_buffer known = {0};
    tm_buffer_puts(&known, "");
    for (size_t i = 0; i < family->argument_count; i++)
        tm_buffer_printf(&known, "%s%s", i ? ", " : "", family->arguments[i].name);
    const char *names = tm_buffer_text(&known, t->error);
    if (names)
        tm_fail(
            t->error, refusal(t),
            "%s: model argument %.60s: it would make another model than timm's %s; of timm's %s "
            "there can be changed: %s",
            t->model->display, t->name, t->model->resolved.arch.name, family->module,
            *names ? names : "nothing");
    tm_buffer_free(&known);
    return t->error ? t->error->status : refusal(t);
}

static const tm_argument *find(const tm_family *family, const char *name)
{
    for (size_t i = 0; i < family->argument_count; i++)
        if (strcmp(family->arguments[i].name, name) == 0)
            return &family->arguments[i];
    return NULL;
}

/* globs: separated by spaces */
static bool matches_any(const char *globs, const char *name)
{
    char glob[64];
    for (size_t n; *globs; globs += n + (globs[n] == ' ')) {
        n = strcspn(globs, " ");
        snprintf(glob, sizeof glob, "%.*s", (int)n, globs);
        if (tm_glob_match(glob, name))
            return true;
    }
    return false;
}

/* Whether the function of timm that makes the model passes the argument on. */
static bool is_passed_on(const tm_argument *row, const char *arch)
{
    return !(row->except && matches_any(row->except, arch)) &&
           !(row->only && !matches_any(row->only, arch));
}

/* Of families that know no difference: they run at any size, or at the one they are built for. */
static bool is_of_sizes(const char *name)
{
    return strcmp(name, "dynamic_img_size") == 0 || strcmp(name, "strict_img_size") == 0;
}

/* Whether timm's class takes img_size. */
static bool is_made_for_a_size(const tm_model *model)
{
    return model->resolved.config.fixed_input_size || find(model->family, "dynamic_img_size");
}

/* JSON; of the caller, a word is a text. NULL: no memory. */
static cJSON *parse_value(const char *value)
{
    size_t offset;
    bool no_memory = false;
    cJSON *json = tm_json_parse(value, strlen(value), true, &offset, &no_memory);
    return json || no_memory ? json : cJSON_CreateString(value);
}

/* Whether the value is the one that the model has without the argument. */
static bool is_own(const tm_model *model, const char *name, const char *value)
{
    const char *own = tm_own_argument(&model->resolved.arch, name);
    cJSON *given = own ? parse_value(value) : NULL, *known = own ? parse_value(own) : NULL;
    bool same = given && known && cJSON_Compare(given, known, true);
    cJSON_Delete(given);
    cJSON_Delete(known);
    return same;
}

static tm_status take(tm_model *model, char *variant, const char *name, const char *value,
                      bool of_config, tm_error *error)
{
    taking t = {.model = model,
                .row = find(model->family, name),
                .name = name,
                .text = value,
                .of_config = of_config,
                .error = error};
    if (!t.row && ((of_config && is_of_sizes(name)) || tm_argument_is_harmless(name)))
        return TM_OK;
    if (strcmp(name, IMG_SIZE) == 0 && is_made_for_a_size(model))
        return TM_OK; /* tm_model_take_made_size has read it */
    if (!t.row && is_own(model, name, value))
        return TM_OK;
    if (!t.row)
        return refuse_unknown(&t);
    if (!is_passed_on(t.row, model->resolved.arch.name))
        return tm_fail(error, refusal(&t), "%s: model argument %.60s: timm's %s takes no other",
                       model->display, name, model->resolved.arch.name);
    t.member = variant + t.row->offset;
    cJSON *json = parse_value(value);
    tm_status status = json ? take_value(&t, json)
                            : tm_fail(error, TM_NO_MEMORY, "no memory for the model's arguments");
    cJSON_Delete(json);
    return status;
}

static tm_status take_own(tm_model *model, char *variant, const char *text, tm_error *error)
{
    const char *value = strchr(text, '=');
    if (!value || value == text)
        return tm_fail(error, TM_USAGE, "model argument '%.80s': expected KEY=VALUE", text);
    const char *name = tm_arena_printf(&model->strings, "%.*s", (int)(value - text), text);
    if (!name)
        return tm_fail(error, TM_NO_MEMORY, "no memory for the model's arguments");
    return take(model, variant, name, value + 1, false, error);
}

/* A number for both sides, or [height, width]. */
static bool read_sides(const char *text, int *sides[2])
{
    size_t offset;
    bool no_memory = false, good = true;
    cJSON *json = tm_json_parse(text, strlen(text), true, &offset, &no_memory);
    bool pair = cJSON_IsArray(json) && cJSON_GetArraySize(json) == 2;
    for (int i = 0; i < 2 && good; i++) {
        const cJSON *item = pair ? cJSON_GetArrayItem(json, i) : json;
        double value = cJSON_IsNumber(item) ? item->valuedouble : 0;
        good = value >= 1 && value <= TM_SIDE_MAX && value == (int)value;
        if (good)
            *sides[i] = (int)value;
    }
    good = good || cJSON_IsNull(json);
    cJSON_Delete(json);
    return good;
}

tm_status tm_model_take_made_size(tm_model *model, const tm_open_options *options, tm_error *error)
{
    tm_model_config *made = &model->source.config;
    const size_t length = sizeof IMG_SIZE - 1;
    for (const char *const *own = options->model_args; own && *own; own++) {
        if (strncmp(*own, IMG_SIZE, length) != 0 || (*own)[length] != '=')
            continue;
        if (!read_sides(*own + length + 1, (int *[]){&made->img_height, &made->img_width}))
            return tm_fail(error, TM_USAGE,
                           "%s: model argument %.60s: expected a number of pixels from 1 to %d, or "
                           "[HEIGHT,WIDTH]",
                           model->display, *own, TM_SIDE_MAX);
        model->made_for_size = true;
    }
    return TM_OK;
}

/* timm refuses pictures of another size than its img_size where a model runs at that one alone. */
static tm_status check_sizes(const tm_model *model, tm_error *error)
{
    const tm_build_options *o = &model->builder.options;
    if (!model->made_for_size || (o->own_h == o->img_h && o->own_w == o->img_w) ||
        tm_model_takes_any_size(model))
        return TM_OK;
    return tm_fail(error, TM_USAGE,
                   "%s: pictures of %dx%d, but model argument img_size makes it for %dx%d alone",
                   model->display, o->img_h, o->img_w, o->own_h, o->own_w);
}

tm_status tm_model_take_arguments(tm_model *model, tm_error *error)
{
    const tm_model_config *config = &model->source.config;
    const char *const *own = model->options.model_args;
    tm_status status = TM_OK;
    if (!config->argument_count && (!own || !*own))
        return TM_OK;
    char *variant = tm_arena_alloc(&model->strings, model->family->variant_size);
    if (!variant)
        return tm_fail(error, TM_NO_MEMORY, "no memory for the model's arguments");
    memcpy(variant, model->variant, model->family->variant_size);
    model->variant = variant;
    model->builder.options.changed = true;
    for (size_t i = 0; i < config->argument_count && !status; i++)
        status = take(model, variant, config->arguments[i].name, config->arguments[i].value, true,
                      error);
    for (; own && *own && !status; own++)
        status = take_own(model, variant, *own, error);
    return status ? status : check_sizes(model, error);
}

bool tm_model_takes_any_size(const tm_model *model)
{
    /* each is a bool that is true where the argument allows it */
    static const char *const names[] = {"dynamic_img_size", "strict_img_size", "use_naflex"};
    const char *variant = model->variant;
    bool any = !model->resolved.config.fixed_input_size;
    for (size_t i = 0; i < sizeof names / sizeof *names && !any && model->family; i++) {
        const tm_argument *row = find(model->family, names[i]);
        any = row && *(const bool *)(const void *)(variant + row->offset);
    }
    return any;
}
