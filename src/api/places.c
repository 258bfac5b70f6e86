/* SPDX-License-Identifier: Apache-2.0 */
#include "api/places.h"

#include <stdio.h>
#include <string.h>

#include "api/adapt.h"
#include "api/names.h"
#include "ops/ops.h"

/* Whether every parameter but the classifier's has its name, with `shapes` also its shape, among
 * the tensors. */
static bool fits(const tm_model *model, const tm_weights *weights, bool shapes)
{
    const tm_graph *graph = &model->graph;
    for (int i = 0; i < graph->node_count; i++) {
        const tm_node *node = graph->nodes[i];
        if (node->op != &tm_op_param || tm_is_head(model, node->name))
            continue;
        const tm_tensor_view *view = tm_weights_find(weights, node->name);
        if (!view || (shapes && !tm_view_has_shape(view, node->rank, node->dims)))
            return false;
    }
    return true;
}

/* Parameters but the classifier's. */
static size_t count_names(const tm_model *model)
{
    size_t count = 0;
    for (int i = 0; i < model->graph.node_count; i++) {
        const tm_node *node = model->graph.nodes[i];
        count += node->op == &tm_op_param && !tm_is_head(model, node->name);
    }
    return count;
}

static tm_status take(const tm_model *model, tm_weights *weights, const char *key,
                      const char *prefix, tm_error *error)
{
    tm_status status = tm_weights_take(weights, key, prefix, error);
    return status ? status : tm_use_model_names(model, weights, error);
}

/* ---- several that fit ---- */

/* Of two copies that were trained side by side their authors use one. */
typedef enum standing { AVERAGED, TRAINED, MOMENTUM } standing;

static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *p = text; (p = strstr(p, word)); p++)
        if ((p == text || strchr("./_", p[-1])) && (!p[length] || strchr("./_", p[length])))
            return true;
    return false;
}

static standing standing_of(const tm_weights_place *place)
{
    static const struct {
        const char *word;
        standing is;
    } words[] = {{"teacher", AVERAGED},
                 {"ema", AVERAGED},
                 {"encoder_k", MOMENTUM},
                 {"momentum", MOMENTUM},
                 {"target", MOMENTUM}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (has_word(place->key, words[i].word) || has_word(place->prefix, words[i].word))
            return words[i].is;
    return TRAINED;
}

/* The less, the better. */
static int rank_of(const tm_weights_place *place, bool no_ema)
{
    standing is = standing_of(place);
    return is == MOMENTUM ? 2 : (is == AVERAGED) == no_ema;
}

/* The number of the best ones, which then come first. */
static size_t keep_best(tm_weights_place *places, size_t count, bool no_ema)
{
    int best = 2;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        best = rank_of(&places[i], no_ema) < best ? rank_of(&places[i], no_ema) : best;
    for (size_t i = 0; i < count; i++)
        if (rank_of(&places[i], no_ema) == best) {
            tm_weights_place place = places[i];
            places[i] = places[kept];
            places[kept++] = place;
        }
    return kept;
}

/* The options that would take it. */
static void add_options(tm_buffer *text, const tm_weights_place *place)
{
    if (*place->key)
        tm_buffer_printf(text, "--weights-key %.80s", place->key);
    if (*place->prefix)
        tm_buffer_printf(text, "%s--weights-prefix %.80s", *place->key ? " " : "", place->prefix);
    if (!*place->key && !*place->prefix)
        tm_buffer_puts(text, "the top");
}

static void add_places(tm_buffer *text, const tm_weights_place *places, size_t count)
{
    for (size_t i = 0; i < count && i < 3; i++) {
        tm_buffer_puts(text, i ? ", " : "");
        add_options(text, &places[i]);
    }
    tm_buffer_puts(text, count > 3 ? ", ..." : "");
}

static tm_status choose(tm_model *model, tm_weights *weights, tm_weights_place *places,
                        size_t count, tm_error *error)
{
    tm_buffer text = {0};
    size_t best = keep_best(places, count, model->options.no_ema);
    tm_status status = best == 1 ? take(model, weights, places[0].key, places[0].prefix, error)
                                 : TM_WEIGHTS_MISMATCH;
    add_places(&text, places, best);
    if (best == 1 && count > 1) {
        tm_buffer_puts(&text, "; others fit too: ");
        add_places(&text, places + 1, count - 1);
    }
    const char *told = tm_buffer_text(&text, error);
    if (!told)
        status = TM_NO_MEMORY;
    else if (best > 1)
        tm_fail(error, status, "%s: %s lies in it more than once; choose one: %s",
                tm_weights_name(weights), model->display, told);
    else if (!status) {
        model->taken_as = tm_arena_strdup(&model->strings, told);
        tm_model_warn(model, "%s: the tensors were taken as with %s", tm_weights_name(weights),
                      told);
    }
    tm_buffer_free(&text);
    return status;
}

/* ---- searching ---- */

/* Moves the places that fit to the front: other shapes may be adapted, but not where there are the
 * right ones. */
static size_t keep_fitting(const tm_model *model, tm_weights *weights, tm_weights_place *places,
                           size_t count)
{
    size_t kept = 0;
    bool exact = false;
    for (size_t i = 0; i < count; i++) {
        if (take(model, weights, places[i].key, places[i].prefix, NULL) != TM_OK ||
            !fits(model, weights, exact))
            continue;
        if (!exact && fits(model, weights, true)) {
            exact = true;
            kept = 0;
        }
        places[kept++] = places[i];
    }
    return kept;
}

tm_status tm_place_weights(tm_model *model, tm_weights *weights, tm_error *error)
{
    const char *key = model->options.weights_key, *prefix = model->options.weights_prefix;
    tm_arena arena = {0};
    tm_weights_place *places;
    size_t count;
    tm_error first = {0};
    model->taken_as = NULL;
    if (tm_weights_is_formula(weights) && (key || prefix))
        return tm_fail(error, TM_USAGE,
                       "%s: holds every tensor and has no parts; --weights-%s is for files",
                       tm_weights_name(weights), key ? "key" : "prefix");
    if (tm_weights_is_formula(weights))
        return tm_use_model_names(model, weights, error);
    tm_status as_timm = key || prefix ? take(model, weights, key, prefix, &first)
                                      : tm_use_model_names(model, weights, &first);
    if (prefix || (!as_timm && fits(model, weights, false)))
        return as_timm ? tm_fail(error, as_timm, "%s", first.message) : TM_OK;
    size_t least = (count_names(model) + 1) / 2;
    tm_status status = tm_weights_places(weights, key, least, &arena, &places, &count, error);
    if (!status) {
        size_t found = keep_fitting(model, weights, places, count);
        status = found ? choose(model, weights, places, found, error)
                       : take(model, weights, key, NULL, error);
    }
    tm_arena_free(&arena);
    return status;
}
