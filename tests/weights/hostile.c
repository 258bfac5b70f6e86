/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes weights files that are small and claim much, for the command-line tests:
 *   hostile unwanted MODEL OUT.npz MB      the model by the formula and zeros, deflated
 *   hostile wanted MODEL OUT.pth MB        its tensors as parts of one of zeros, deflated
 *   hostile names OUT.safetensors COUNT    empty tensors beit3.encoder.layers.N.self_attn....
 *   hostile metadata OUT.safetensors COUNT one tensor and entries of metadata
 *   hostile shared OUT.safetensors COUNT   4 MB under so many names
 *   hostile pickle OUT.pth COUNT      so many empty lists, stored
 *   hostile shape OUT.safetensors NAME DIM...   one tensor without elements
 */
#include <stdio.h>
#include <unistd.h>

#include "api/model.h"
#include "tests/unit/pickle_writer.h"
#include "tests/unit/zip_writer.h"

static void write_file(const char *path, tm_buffer *bytes)
{
    FILE *f = fopen(path, "wbe");
    TM_ASSERT(f && !bytes->failed);
    TM_ASSERT(fwrite(bytes->data, 1, bytes->length, f) == bytes->length && fclose(f) == 0);
    tm_buffer_free(bytes);
}

/* ---- safetensors ---- */

static void write_safetensors(const char *path, tm_buffer *header, size_t data)
{
    tm_buffer file = {0};
    zip_number(&file, header->length, 8);
    tm_buffer_add(&file, header->data, header->length);
    for (size_t i = 0; i < data; i++)
        tm_buffer_putc(&file, 0);
    tm_buffer_free(header);
    write_file(path, &file);
}

static void write_names(const char *path, int count)
{
    static const char *const parts[] = {"q", "k", "v"};
    tm_buffer header = {0};
    for (int i = 0; i < count; i++)
        tm_buffer_printf(
            &header,
            "%s\"beit3.encoder.layers.%d.self_attn.A.%s_proj.weight\":{\"dtype\":\"F32\","
            "\"shape\":[1,0],\"data_offsets\":[0,0]}",
            i ? "," : "{", i / 3, parts[i % 3]);
    tm_buffer_putc(&header, '}');
    write_safetensors(path, &header, 0);
}

static void write_metadata(const char *path, int count, bool shared)
{
    size_t data = shared ? 4 << 20 : 4;
    tm_buffer header = {0};
    for (int i = 0; i < count; i++)
        tm_buffer_printf(&header, "%s\"k%d\":\"a\"", i ? "," : "{\"__metadata__\":{", i);
    tm_buffer_printf(&header,
                     "},\"a\":{\"dtype\":\"U8\",\"shape\":[%zu],\"data_offsets\":[0,%zu]}}", data,
                     data);
    write_safetensors(path, &header, data);
}

static void write_shape(const char *path, int count, char **words)
{
    tm_buffer header = {0};
    tm_buffer_printf(&header, "{\"%s\":{\"dtype\":\"F32\",\"data_offsets\":[0,0],\"shape\":[",
                     words[0]);
    for (int i = 1; i < count; i++)
        tm_buffer_printf(&header, "%s%s", i > 1 ? "," : "", words[i]);
    tm_buffer_puts(&header, "]}}");
    write_safetensors(path, &header, 0);
}

/* ---- archives ---- */

static tm_arena arena;
static tm_tensor_spec *specs;
static size_t spec_count;

static void open_model(const char *name)
{
    tm_model *model;
    TM_ASSERT(tm_model_open(name, NULL, &model, NULL) == TM_OK);
    TM_ASSERT(tm_model_tensors(model, &arena, &specs, &spec_count, NULL) == TM_OK);
}

static size_t elements(const tm_tensor_spec *spec)
{
    size_t count = 1;
    for (int i = 0; i < spec->rank; i++)
        count *= (size_t)spec->shape[i];
    return count;
}

static tm_buffer npy(int rank, const int64_t *shape, const void *values, size_t bytes)
{
    tm_buffer header = {0}, out = {0};
    tm_buffer_puts(&header, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (int i = 0; i < rank; i++)
        tm_buffer_printf(&header, "%lld,", (long long)shape[i]);
    tm_buffer_puts(&header, ")}");
    PUT(&out, "\x93NUMPY\1\0");
    zip_number(&out, header.length, 2);
    tm_buffer_add(&out, header.data, header.length);
    tm_buffer_add(&out, values, bytes);
    tm_buffer_free(&header);
    return out;
}

static void write_unwanted(const char *model, const char *path, size_t many)
{
    tm_weights *formula;
    tm_buffer file = {0};
    char *zeros = calloc(1, many);
    open_model(model);
    zip_member *members = calloc(spec_count + 1, sizeof *members);
    TM_ASSERT(zeros && members && tm_weights_open_formula(0, 1, &formula, NULL) == TM_OK);
    for (size_t i = 0; i <= spec_count; i++) {
        const tm_tensor_spec *s = i < spec_count ? &specs[i] : NULL;
        size_t count = s ? elements(s) : 0;
        float *values = malloc(count * sizeof *values + 1);
        char *name = tm_arena_printf(&arena, "%s.npy", s ? s->name : "zz");
        TM_ASSERT(values && name);
        if (s)
            tm_weights_read_f32(formula, s->name, s->rank, s->shape, values, NULL);
        tm_buffer array = s ? npy(s->rank, s->shape, values, count * sizeof *values)
                            : npy(1, (int64_t[]){(int64_t)many / 4}, zeros, many);
        members[i] =
            (zip_member){.name = name, .data = array.data, .size = array.length, .deflate = true};
        free(values);
    }
    zip_write(&file, members, spec_count + 1, NULL);
    write_file(path, &file);
    TM_ASSERT(tm_weights_close(formula, TM_OK, NULL) == TM_OK);
}

static void write_torch(const char *path, const tm_buffer *pickle, const zip_member *storage)
{
    tm_buffer file = {0};
    const zip_member members[] = {
        {.name = "a/data.pkl", .data = pickle->data, .size = pickle->length},
        {.name = "a/version", .data = "3\n", .size = 2},
        *storage};
    zip_write(&file, members, 3, NULL);
    write_file(path, &file);
}

static void write_wanted(const char *model, const char *path, size_t many)
{
    tm_buffer pickle = {0};
    open_model(model);
    PUT(&pickle, "\x80\2}");
    for (size_t i = 0; i < spec_count; i++) {
        pickled_tensor t = {.count = (int64_t)many / 4, .rank = specs[i].rank};
        memcpy(t.shape, specs[i].shape, sizeof specs[i].shape);
        put_text(&pickle, specs[i].name);
        put_tensor(&pickle, &t);
        PUT(&pickle, "s");
    }
    PUT(&pickle, ".");
    write_torch(
        path, &pickle,
        &(zip_member){.name = "a/data/0", .data = calloc(1, many), .size = many, .deflate = true});
}

static void write_pickle(const char *path, int count)
{
    tm_buffer pickle = {0};
    PUT(&pickle, "\x80\2](");
    for (int i = 0; i < count; i++)
        tm_buffer_putc(&pickle, ']');
    PUT(&pickle, "e.");
    write_torch(path, &pickle, &(zip_member){.name = "a/data/0", .data = "", .size = 0});
}

int main(int argc, char **argv)
{
    const char *what = argc > 3 ? argv[1] : "";
    size_t megabytes = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
    if (strcmp(what, "unwanted") == 0)
        write_unwanted(argv[2], argv[3], megabytes << 20);
    else if (strcmp(what, "wanted") == 0)
        write_wanted(argv[2], argv[3], megabytes << 20);
    else if (strcmp(what, "names") == 0)
        write_names(argv[2], atoi(argv[3]));
    else if (strcmp(what, "metadata") == 0)
        write_metadata(argv[2], atoi(argv[3]), false);
    else if (strcmp(what, "shared") == 0)
        write_metadata(argv[2], atoi(argv[3]), true);
    else if (strcmp(what, "pickle") == 0)
        write_pickle(argv[2], atoi(argv[3]));
    else if (strcmp(what, "shape") == 0)
        write_shape(argv[2], argc - 3, argv + 3);
    else
        return 2;
    _exit(0); /* its files are closed, and what it took is no leak */
}
