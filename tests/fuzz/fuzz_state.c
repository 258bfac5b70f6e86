/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a checkpoint's tensors to a model's parameters: the search for its place, the family's
 * filter, the adaptation and the comparison, for any model. The input is a table of tensors in
 * words, which begins from names that a family knows, so that the fuzzer need not guess them:
 *
 *   model NAME        first
 *   classes N         chans N         size N         the model's options
 *   key TEXT          prefix TEXT                    the place in the checkpoint
 *   all [PREFIX]      the model's tensors
 *   add NAME DIM DIM ...
 *   group NAME        what follows lies in it; without NAME: at the top again
 *   type N            dtype of what follows, 0 to 3
 *   swap FROM TO      in all names so far
 *   dim BACK I SIZE   of the tensor so far back
 *   rank BACK N       likewise
 *   drop BACK
 *
 * The tensors are written as a pickle whose storages have 8 bytes: with strides of 0 they may be of
 * any size. See README.md.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/adapt.h"
#include "api/places.h"
#include "tests/unit/pickle_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TENSORS_MOST = 3000, WORD = 300, ENDS = 16 };

typedef struct row {
    char *group, *name;
    int type, rank;
    int64_t shape[TM_TENSOR_RANK_MAX];
} row;

typedef struct table {
    tm_arena arena;
    tm_open_options options;
    char model[WORD], key[WORD], prefix[WORD];
    char *group;
    int type;
    row *rows;
    size_t count;
} table;

static char *copy(table *t, const char *text)
{
    char *own = tm_arena_strdup(&t->arena, text);
    TM_ASSERT(own);
    return own;
}

static void add_row(table *t, const char *name, int rank, const int64_t *shape)
{
    if (t->count == TENSORS_MOST)
        return;
    row *r = &t->rows[t->count++];
    *r = (row){.group = t->group, .name = copy(t, name), .type = t->type, .rank = rank};
    memcpy(r->shape, shape, (size_t)rank * sizeof *shape);
}

/* ---- the words ---- */

static void add_model_tensors(table *t, const char *prefix)
{
    tm_model *model;
    tm_tensor_spec *specs;
    size_t count;
    char name[2 * WORD];
    if (tm_model_open(t->model, &t->options, &model, NULL))
        return;
    TM_ASSERT(tm_model_tensors(model, &t->arena, &specs, &count, NULL) == TM_OK);
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s%s", prefix, specs[i].name);
        add_row(t, name, specs[i].rank, specs[i].shape);
    }
    tm_model_close(model);
}

static void swap(table *t, const char *from, const char *to)
{
    char name[2 * WORD];
    for (size_t i = 0; i < t->count && *from; i++) {
        row *r = &t->rows[i];
        const char *hit = strstr(r->name, from);
        if (!hit || strlen(r->name) > WORD)
            continue;
        snprintf(name, sizeof name, "%.*s%s%s", (int)(hit - r->name), r->name, to,
                 hit + strlen(from));
        r->name = copy(t, name);
    }
}

static row *row_back(table *t, const char *word)
{
    size_t back = strtoul(word, NULL, 10);
    return back < t->count ? &t->rows[t->count - 1 - back] : NULL;
}

static void change(table *t, const char *what, char words[][WORD])
{
    row *r = row_back(t, words[1]);
    int64_t number = strtoll(words[2], NULL, 10);
    if (!r)
        return;
    if (strcmp(what, "dim") == 0)
        r->shape[(size_t)number % TM_TENSOR_RANK_MAX] = strtoll(words[3], NULL, 10);
    else if (strcmp(what, "rank") == 0)
        r->rank = (int)((size_t)number % (TM_TENSOR_RANK_MAX + 1));
    else
        *r = t->rows[--t->count];
}

static void obey(table *t, char words[][WORD], int count)
{
    const char *what = words[0];
    int64_t shape[TM_TENSOR_RANK_MAX] = {0};
    int number = atoi(words[1]);
    if (strcmp(what, "model") == 0 && !strchr(words[1], ':')) /* no folder, no download */
        snprintf(t->model, sizeof t->model, "%s", words[1]);
    else if (strcmp(what, "classes") == 0)
        t->options.num_classes = number;
    else if (strcmp(what, "chans") == 0)
        t->options.in_chans = number % 64;
    else if (strcmp(what, "size") == 0)
        t->options.img_height = t->options.img_width = number % 512;
    else if (strcmp(what, "key") == 0)
        snprintf(t->key, sizeof t->key, "%s", words[1]);
    else if (strcmp(what, "prefix") == 0)
        snprintf(t->prefix, sizeof t->prefix, "%s", words[1]);
    else if (strcmp(what, "group") == 0)
        t->group = copy(t, words[1]);
    else if (strcmp(what, "type") == 0)
        t->type = (unsigned)number % 4;
    else if (strcmp(what, "all") == 0)
        add_model_tensors(t, words[1]);
    else if (strcmp(what, "swap") == 0)
        swap(t, words[1], words[2]);
    else if (strcmp(what, "add") == 0) {
        for (int i = 2; i < count; i++)
            shape[i - 2] = strtoll(words[i], NULL, 10);
        add_row(t, words[1], count > 2 ? count - 2 : 0, shape);
    } else
        change(t, what, words);
}

/* Splits the next line; behind it, or NULL at the end. */
static const char *read_line(const char *at, const char *end, char words[][WORD], int *count)
{
    size_t length = 0;
    memset(words, 0, (TM_TENSOR_RANK_MAX + 2) * sizeof *words);
    for (*count = 0; at < end && *at != '\n'; at++)
        if (*at == ' ') {
            *count += length > 0;
            length = 0;
        } else if (*count < TM_TENSOR_RANK_MAX + 2 && length + 1 < WORD && *at) {
            words[*count][length++] = *at;
        }
    *count += length > 0;
    return at < end ? at + 1 : end;
}

static void read_table(table *t, const char *text, size_t size)
{
    char words[TM_TENSOR_RANK_MAX + 2][WORD];
    int count;
    const char *end = text + size;
    for (int lines = 0; text < end && lines < 400; lines++) {
        text = read_line(text, end, words, &count);
        if (count > 0)
            obey(t, words, count < TM_TENSOR_RANK_MAX + 2 ? count : TM_TENSOR_RANK_MAX + 2);
    }
}

/* ---- the file ---- */

static const struct {
    const char *type;
    int64_t count; /* 8 bytes each */
} storages[4] = {{"FloatStorage", 2}, {"HalfStorage", 4}, {"DoubleStorage", 1}, {"LongStorage", 1}};

static void put_row(tm_buffer *p, const row *r)
{
    static const char *const keys[4] = {"0", "1", "2", "3"};
    pickled_tensor tensor = {.key = keys[r->type],
                             .type = storages[r->type].type,
                             .count = storages[r->type].count,
                             .rank = r->rank,
                             .older = true};
    memcpy(tensor.shape, r->shape, sizeof r->shape);
    put_text(p, r->name);
    put_tensor(p, &tensor);
    PUT(p, "s");
}

/* As PyTorch wrote before 1.6, which ends with the numbers: a sanitizer sees a byte too many. */
static void write_file(const table *t, tm_buffer *out)
{
    const double numbers = 1;
    bool mentioned[4] = {false};
    PUT(out, "\x80\2\x8A\12\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.\x80\2M\xE9\3."
             "\x80\2}X\15\0\0\0little_endian\x88s.}");
    for (size_t i = 0; i < t->count; i++) {
        const row *r = &t->rows[i];
        if (*r->group && (i == 0 || strcmp(r->group, r[-1].group) != 0)) {
            put_text(out, r->group);
            PUT(out, "}");
        }
        mentioned[r->type] = true;
        put_row(out, r);
        if (*r->group && (i + 1 == t->count || strcmp(r->group, r[1].group) != 0))
            PUT(out, "s");
    }
    PUT(out, ".]");
    for (int i = 0; i < 4; i++)
        if (mentioned[i]) {
            put_text(out, (char[]){(char)('0' + i), '\0'});
            PUT(out, "a");
        }
    PUT(out, ".");
    for (int i = 0; i < 4; i++)
        if (mentioned[i]) {
            tm_buffer_add(out, &storages[i].count, sizeof storages[i].count);
            tm_buffer_add(out, &numbers, sizeof numbers);
        }
}

/* ---- the model ---- */

static void check_error(tm_status status, const tm_error *error)
{
    TM_ASSERT(status == error->status && *error->message && !strchr(error->message, '\n'));
    TM_ASSERT(status == TM_WEIGHTS_INVALID || status == TM_WEIGHTS_MISMATCH);
}

static void read_ends(const tm_tensor_view *view)
{
    float values[ENDS];
    size_t elements = tm_view_elements(view), count = elements < ENDS ? elements : ENDS;
    TM_ASSERT(tm_view_require(view, NULL) == TM_OK);
    tm_view_read_f32(view, 0, count, values);
    tm_view_read_f32(view, elements - count, count, values);
}

static void fit(tm_model *model, tm_weights *weights)
{
    tm_error error = {0};
    tm_weights_diff diff;
    tm_buffer report = {0};
    tm_status status = tm_place_weights(model, weights, &error);
    if (!status)
        status = tm_adapt(model, weights, &error);
    for (size_t i = 0; !status && i < tm_weights_count(weights); i++) {
        const tm_tensor_view *view = tm_weights_at(weights, i);
        TM_ASSERT(tm_weights_find(weights, view->name) == view);
        read_ends(view);
    }
    if (!status)
        status = tm_model_compare(model, weights, &diff, &report, &error);
    if (!status) {
        status = tm_model_require_fit(model, weights, &error);
        TM_ASSERT(!status == !(diff.missing + diff.unexpected + diff.mismatched));
    }
    if (status)
        check_error(status, &error);
    tm_buffer_free(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static row rows[TENSORS_MOST];
    table t = {.options = TM_OPEN_OPTIONS_DEFAULT, .group = (char[]){""}, .rows = rows};
    tm_buffer file = {0};
    tm_model *model;
    tm_weights *weights;
    t.options.threads = 1;
    t.options.offline = true;
    read_table(&t, (const char *)data, size);
    t.options.weights_key = *t.key ? t.key : NULL;
    t.options.weights_prefix = *t.prefix ? t.prefix : NULL;
    write_file(&t, &file);
    TM_ASSERT(!file.failed);
    void *bytes = malloc(file.length); /* a block of its own size */
    TM_ASSERT(bytes);
    memcpy(bytes, file.data, file.length);
    if (t.count > 0 &&
        tm_weights_open_memory(bytes, file.length, "input", false, &weights, NULL) == TM_OK) {
        if (tm_model_open(t.model, &t.options, &model, NULL) == TM_OK) {
            fit(model, weights);
            tm_model_close(model);
        }
        TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
    }
    free(bytes);
    tm_buffer_free(&file);
    tm_arena_free(&t.arena);
    return 0;
}
