/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a model's tensors, by the formula, as people keep them, for the command-line tests:
 *   checkpoint MODEL OUT.pth [KEY:PREFIX[:SKIP]]...
 *     {'arch': MODEL, KEY: {PREFIX.name: tensor}}; names that begin with SKIP are left out; KEY ""
 *     is the top. The formula's seed is the part's number.
 *   checkpoint MODEL OUT.safetensors [:PREFIX[:SKIP]]
 *   checkpoint MODEL OUT.safetensors ALIAS=KEPT     ALIAS only in the metadata, as save_model does
 *   checkpoint MODEL OUT.safetensors.index.json     and two shards beside it
 * Options go before. Of the model: --num-classes N, --in-chans N. --damage N: in OUT.pth tensor N
 * is deflated, with a checksum that is not its own.
 */
#include <stdio.h>

#include "api/model.h"
#include "tests/unit/pickle_writer.h"
#include "tests/unit/zip_writer.h"

typedef struct part {
    char key[64], prefix[64], skip[64];
} part;

static tm_arena arena;
static tm_tensor_spec *specs;
static size_t spec_count;
static int damaged = -1;

static size_t elements(const tm_tensor_spec *spec)
{
    size_t count = 1;
    for (int i = 0; i < spec->rank; i++)
        count *= (size_t)spec->shape[i];
    return count;
}

static void write_file(const char *path, const tm_buffer *bytes)
{
    FILE *f = fopen(path, "wbe");
    TM_ASSERT(f && !bytes->failed);
    TM_ASSERT(fwrite(bytes->data, 1, bytes->length, f) == bytes->length && fclose(f) == 0);
}

static void add_values(tm_buffer *out, const tm_tensor_spec *spec, int seed)
{
    size_t count = elements(spec);
    float *values = malloc((count + 1) * sizeof *values);
    tm_weights *formula;
    TM_ASSERT(values && tm_weights_open_formula((uint64_t)seed, 1, &formula, NULL) == TM_OK);
    tm_weights_read_f32(formula, spec->name, spec->rank, spec->shape, values, NULL);
    tm_buffer_add(out, values, count * sizeof *values);
    TM_ASSERT(tm_weights_close(formula, TM_OK, NULL) == TM_OK);
    free(values);
}

static bool is_left_out(const part *p, const char *name)
{
    return *p->skip && strncmp(name, p->skip, strlen(p->skip)) == 0;
}

/* ---- safetensors ---- */

/* Tensors first, first + step, ...; but `alias`, which the metadata say is `kept`. */
static void write_safetensors(const char *path, const part *p, size_t first, size_t step,
                              const char *alias, const char *kept)
{
    tm_buffer header = {0}, data = {0}, file = {0};
    tm_buffer_printf(&header, "{\"__metadata__\":{\"format\":\"pt\"");
    if (alias)
        tm_buffer_printf(&header, ",\"%s\":\"%s\"", alias, kept);
    tm_buffer_puts(&header, "}");
    for (size_t i = first; i < spec_count; i += step) {
        const tm_tensor_spec *spec = &specs[i];
        if (is_left_out(p, spec->name) || (alias && strcmp(spec->name, alias) == 0))
            continue;
        tm_buffer_printf(&header, ",\"%s%s\":{\"dtype\":\"F32\",\"shape\":[", p->prefix,
                         spec->name);
        for (int k = 0; k < spec->rank; k++)
            tm_buffer_printf(&header, "%s%lld", k ? "," : "", (long long)spec->shape[k]);
        tm_buffer_printf(&header, "],\"data_offsets\":[%zu,", data.length);
        add_values(&data, spec, 0);
        tm_buffer_printf(&header, "%zu]}", data.length);
    }
    tm_buffer_puts(&header, "}");
    zip_number(&file, header.length, 8);
    tm_buffer_add(&file, header.data, header.length);
    tm_buffer_add(&file, data.data, data.length);
    write_file(path, &file);
    tm_buffer_free(&header), tm_buffer_free(&data), tm_buffer_free(&file);
}

static void write_shards(const char *index)
{
    static const part plain;
    tm_buffer map = {0};
    const char *slash = strrchr(index, '/');
    char path[4096];
    for (int shard = 0; shard < 2; shard++) {
        snprintf(path, sizeof path, "%.*s/model-0000%d-of-00002.safetensors",
                 slash ? (int)(slash - index) : 1, slash ? index : ".", shard + 1);
        write_safetensors(path, &plain, (size_t)shard, 2, NULL, NULL);
    }
    tm_buffer_puts(&map, "{\"metadata\":{\"total_size\":1},\"weight_map\":{");
    for (size_t i = 0; i < spec_count; i++)
        tm_buffer_printf(&map, "%s\"%s\":\"model-0000%zu-of-00002.safetensors\"", i ? "," : "",
                         specs[i].name, i % 2 + 1);
    tm_buffer_puts(&map, "}}\n");
    write_file(index, &map);
    tm_buffer_free(&map);
}

/* ---- torch ---- */

static void put_part(tm_buffer *pickle, const part *p, size_t storage)
{
    for (size_t i = 0; i < spec_count; i++) {
        const tm_tensor_spec *spec = &specs[i];
        char name[256], key[24];
        if (is_left_out(p, spec->name))
            continue;
        snprintf(name, sizeof name, "%s%s", p->prefix, spec->name);
        snprintf(key, sizeof key, "%zu", storage + i);
        pickled_tensor t = {.key = key, .count = (int64_t)elements(spec), .rank = spec->rank};
        int64_t step = 1;
        for (int k = spec->rank - 1; k >= 0; k--) {
            t.shape[k] = spec->shape[k];
            t.stride[k] = step;
            step *= spec->shape[k];
        }
        put_text(pickle, name);
        put_tensor(pickle, &t);
    }
}

static void write_torch(const char *model, const char *path, const part *parts, size_t count)
{
    zip_member *members = calloc(count * spec_count + 2, sizeof *members);
    char(*names)[32] = calloc(count * spec_count, sizeof *names);
    tm_buffer *values = calloc(count * spec_count, sizeof *values);
    tm_buffer pickle = {0}, file = {0};
    size_t used = 0;
    TM_ASSERT(members && names && values);
    PUT(&pickle, "\x80\x02}(");
    put_text(&pickle, "arch");
    put_text(&pickle, model);
    for (size_t k = 0; k < count; k++) {
        if (*parts[k].key) {
            put_text(&pickle, parts[k].key);
            PUT(&pickle, "}(");
        }
        put_part(&pickle, &parts[k], k * spec_count);
        if (*parts[k].key)
            PUT(&pickle, "u");
    }
    PUT(&pickle, "u.");
    members[used++] = (zip_member){.name = "a/data.pkl", pickle.data, pickle.length};
    members[used++] = (zip_member){.name = "a/version", "3\n", 2};
    for (size_t i = 0; i < count * spec_count; i++) {
        const tm_tensor_spec *spec = &specs[i % spec_count];
        if (is_left_out(&parts[i / spec_count], spec->name))
            continue;
        add_values(&values[i], spec, (int)(i / spec_count));
        snprintf(names[i], sizeof *names, "a/data/%zu", i);
        members[used] = (zip_member){.name = names[i], values[i].data, values[i].length};
        members[used].deflate = (int)i == damaged;
        members[used++].stated_crc = (int)i == damaged;
    }
    zip_write(&file, members, used, NULL);
    write_file(path, &file);
    for (size_t i = 0; i < count * spec_count; i++)
        tm_buffer_free(&values[i]);
    free(members), free(names), free(values);
    tm_buffer_free(&pickle), tm_buffer_free(&file);
}

/* ---- the command line ---- */

/* "KEY:PREFIX:SKIP" */
static part parse_part(const char *text)
{
    part p = {0};
    char *const fields[] = {p.key, p.prefix, p.skip};
    for (int i = 0; i < 3 && *text; i++) {
        size_t length = strcspn(text, ":");
        TM_ASSERT(length < sizeof p.key);
        memcpy(fields[i], text, length);
        text += length + (text[length] == ':');
    }
    return p;
}

static bool ends(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static void open_specs(const char *name, const tm_open_options *options)
{
    tm_error error = {0};
    tm_model *model;
    if (tm_model_open(name, options, &model, &error) ||
        tm_model_tensors(model, &arena, &specs, &spec_count, &error)) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    for (size_t i = 0; i < spec_count; i++)
        specs[i].name = tm_arena_strdup(&arena, specs[i].name);
    tm_model_close(model);
}

int main(int argc, char **argv)
{
    tm_open_options options = TM_OPEN_OPTIONS_DEFAULT;
    part parts[8] = {{.key = ""}};
    size_t count = 0;
    options.weights = "formula:0";
    for (; argc > 2 && strncmp(argv[1], "--", 2) == 0; argc -= 2, argv += 2)
        *(strcmp(argv[1], "--in-chans") == 0 ? &options.in_chans
          : strcmp(argv[1], "--damage") == 0 ? &damaged
                                             : &options.num_classes) = atoi(argv[2]);
    TM_ASSERT(argc >= 3 && argc <= 11);
    open_specs(argv[1], &options);
    char *equals = argc == 4 ? strchr(argv[3], '=') : NULL;
    for (int i = 3; i < argc && !equals; i++)
        parts[count++] = parse_part(argv[i]);
    if (equals)
        *equals++ = '\0';
    if (ends(argv[2], ".index.json"))
        write_shards(argv[2]);
    else if (ends(argv[2], ".safetensors"))
        write_safetensors(argv[2], &parts[0], 0, 1, equals ? argv[3] : NULL, equals);
    else
        write_torch(argv[1], argv[2], parts, count ? count : 1);
    tm_arena_free(&arena);
    return 0;
}
