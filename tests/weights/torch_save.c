/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes what torch.save would of a weights file, for the command-line tests:
 *   torch_save zip|legacy|wrapped IN.safetensors OUT.pth
 * zip: a state dict. legacy: the same in the form before torch 1.6. wrapped: a training checkpoint,
 * {'epoch': 7, 'state_dict': {'module.NAME': zeros}, 'state_dict_ema': {'module.NAME': values}}.
 */
#include <stdio.h>

#include "tests/unit/zip_writer.h"
#include "weights/weights.h"

static const tm_weights *weights;

/* ---- pickle, protocol 2 ---- */

static void put_text(tm_buffer *out, const char *text)
{
    tm_buffer_putc(out, 'X'); /* BINUNICODE */
    zip_number(out, strlen(text), 4);
    tm_buffer_puts(out, text);
}

static void put_int(tm_buffer *out, int64_t value)
{
    tm_buffer_puts(out, "\x8a\x08"); /* LONG1 */
    zip_number(out, (uint64_t)value, 8);
}

static void put_ints(tm_buffer *out, const int64_t *values, int count)
{
    tm_buffer_putc(out, '(');
    for (int i = 0; i < count; i++)
        put_int(out, values[i]);
    tm_buffer_putc(out, 't');
}

static const char *storage_class(tm_dtype dtype)
{
    TM_ASSERT(dtype == TM_DTYPE_F32 || dtype == TM_DTYPE_F16 || dtype == TM_DTYPE_I64);
    return dtype == TM_DTYPE_F32   ? "FloatStorage"
           : dtype == TM_DTYPE_F16 ? "HalfStorage"
                                   : "LongStorage";
}

/* Storage `index` holds one tensor, or all zeros. */
static void put_tensor(tm_buffer *out, const tm_tensor_view *view, size_t index, bool legacy)
{
    char key[24];
    snprintf(key, sizeof key, "%zu", index);
    tm_buffer_puts(out, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_text(out, "storage");
    tm_buffer_printf(out, "ctorch\n%s\n", storage_class(view->dtype));
    put_text(out, key);
    put_text(out, "cpu");
    put_int(out, (int64_t)tm_view_elements(view));
    tm_buffer_puts(out, legacy ? "NtQ" : "tQ"); /* no view of another storage; BINPERSID */
    put_int(out, 0);
    put_ints(out, view->shape, view->rank);
    put_ints(out, view->stride, view->rank);
    tm_buffer_puts(out, "\x89" /* requires_grad: False */
                        "ccollections\nOrderedDict\n)RtR");
}

/* storage: the first one's number */
static void put_dict(tm_buffer *out, const char *prefix, size_t storage, bool legacy)
{
    char name[512];
    tm_buffer_puts(out, "}(");
    for (size_t i = 0; i < tm_weights_count(weights); i++) {
        const tm_tensor_view *view = tm_weights_at(weights, i);
        snprintf(name, sizeof name, "%s%s", prefix, view->name);
        put_text(out, name);
        put_tensor(out, view, storage + i, legacy);
    }
    tm_buffer_putc(out, 'u'); /* SETITEMS */
}

static void put_checkpoint(tm_buffer *out)
{
    tm_buffer_puts(out, "}(");
    put_text(out, "epoch");
    put_int(out, 7);
    put_text(out, "state_dict");
    put_dict(out, "module.", tm_weights_count(weights), false);
    put_text(out, "state_dict_ema");
    put_dict(out, "module.", 0, false);
    tm_buffer_putc(out, 'u');
}

/* ---- files ---- */

static void write_zip(bool wrapped, tm_buffer *out)
{
    size_t count = tm_weights_count(weights), used = 0;
    zip_member *members = calloc(2 * count + 2, sizeof *members);
    char(*names)[32] = calloc(2 * count, sizeof *names);
    void *zeros = calloc(1, 64 << 20);
    tm_buffer pickle = {0};
    TM_ASSERT(members && names && zeros);
    tm_buffer_puts(&pickle, "\x80\x02");
    if (wrapped)
        put_checkpoint(&pickle);
    else
        put_dict(&pickle, "", 0, false);
    tm_buffer_putc(&pickle, '.');
    members[used++] = (zip_member){.name = "archive/data.pkl",
                                   .data = pickle.data,
                                   .size = pickle.length,
                                   .sizes_follow = true};
    members[used++] =
        (zip_member){.name = "archive/version", .data = "3\n", .size = 2, .sizes_follow = true};
    for (size_t i = 0; i < (wrapped ? 2 : 1) * count; i++) {
        const tm_tensor_view *view = tm_weights_at(weights, i % count);
        snprintf(names[i], sizeof *names, "archive/data/%zu", i);
        TM_ASSERT(view->bytes <= 64 << 20);
        members[used++] = (zip_member){.name = names[i],
                                       .data = i < count ? view->data : zeros,
                                       .size = view->bytes,
                                       .sizes_follow = true};
    }
    zip_write(out, members, used, NULL);
    free(members), free(names), free(zeros);
    tm_buffer_free(&pickle);
}

static void write_legacy(tm_buffer *out)
{
    static const unsigned char head[] = {
        0x80, 2,    0x8A, 10,   0x6C, 0xFC, 0x9C, 0x46,
        0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, '.', /* magic */
        0x80, 2,    'M',  0xE9, 0x03, '.',       /* protocol version 1001 */
        0x80, 2,    '}',  '.'};                  /* about the system */
    tm_buffer_add(out, head, sizeof head);
    tm_buffer_puts(out, "\x80\x02");
    put_dict(out, "", 0, true);
    tm_buffer_puts(out, ".\x80\x02](");
    for (size_t i = 0; i < tm_weights_count(weights); i++) {
        char key[24];
        snprintf(key, sizeof key, "%zu", i);
        put_text(out, key);
    }
    tm_buffer_puts(out, "e.");
    for (size_t i = 0; i < tm_weights_count(weights); i++) {
        const tm_tensor_view *view = tm_weights_at(weights, i);
        zip_number(out, tm_view_elements(view), 8);
        tm_buffer_add(out, view->data, view->bytes);
    }
}

int main(int argc, char **argv)
{
    tm_error error = {0};
    tm_weights *opened;
    tm_buffer out = {0};
    if (argc != 4 || tm_weights_open_file(argv[2], true, &opened, &error) ||
        tm_weights_settle(opened, &error)) {
        fprintf(stderr, "usage: torch_save zip|legacy|wrapped IN.safetensors OUT.pth %s\n",
                error.message);
        return 1;
    }
    weights = opened;
    if (strcmp(argv[1], "legacy") == 0)
        write_legacy(&out);
    else
        write_zip(strcmp(argv[1], "wrapped") == 0, &out);
    FILE *f = fopen(argv[3], "wbe");
    bool written = f && !out.failed && fwrite(out.data, 1, out.length, f) == out.length;
    written = f && fclose(f) == 0 && written;
    tm_buffer_free(&out);
    TM_ASSERT(tm_weights_close(opened, TM_OK, NULL) == TM_OK);
    return written ? 0 : 1;
}
