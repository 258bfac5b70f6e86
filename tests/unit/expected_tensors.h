/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of tests/data/weights and what they hold: expected.txt has a line for each tensor, in
 * the reader's order: FILE GROUP NAME DTYPE SHAPE VALUES..., the group "-" for none.
 *
 * PyTorch 2.13 and NumPy 2 wrote them: torch.save of a state dict (zip.pth; legacy.pth with
 * _use_new_zipfile_serialization=False; no_crc.pth with compute_crc32 off; deflated.pth rewritten
 * by zipfile), of every dtype (dtypes*), of views, tied, expanded and empty tensors (strided*), of
 * parameters and tensors with attributes (parameter), of a training checkpoint with EMA, optimizer,
 * argparse.Namespace, numpy scalars and sets (checkpoint*); np.savez and np.savez_compressed. The
 * values were written with %.9g after the cast to float32.
 */
#ifndef TESTS_UNIT_EXPECTED_TENSORS_H
#define TESTS_UNIT_EXPECTED_TENSORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tests/unit/emulated.h"
#include "weights/formats.h"

#define WEIGHTS_DATA "tests/data/weights/"

typedef tm_status reader_fn(const char *file, const unsigned char *data, size_t size,
                            tm_tensor_index *index, tm_error *error);

static void describe(tm_buffer *out, const char *file, const tm_tensor_view *view)
{
    char shape[TM_SHAPE_TEXT];
    size_t count = tm_view_elements(view);
    float *values = calloc(count + 1, sizeof *values);
    assert_non_null(values);
    assert_int_equal(tm_view_require(view, NULL), TM_OK);
    tm_view_read_f32(view, 0, count, values);
    tm_buffer_clear(out);
    tm_buffer_printf(out, "%s %s %s %s %s", file, *view->group ? view->group : "-", view->name,
                     tm_dtype_name(view->dtype), tm_shape_text(view->rank, view->shape, shape));
    for (size_t i = 0; i < count; i++)
        tm_buffer_printf(out, " %.9g", (double)values[i]);
    free(values);
}

/* Compares what the reader gives with the file's lines; returns how many there are. */
static size_t check_tensors(const char *file, reader_fn *read)
{
    char path[256], line[2048];
    tm_map map;
    tm_tensor_index index = {0};
    tm_error error = {0};
    tm_buffer found = {0};
    snprintf(path, sizeof path, WEIGHTS_DATA "%s", file);
    if (tm_map_file(path, &map, &error) || read(file, map.data, map.size, &index, &error))
        fail_msg("%s", error.message);
    FILE *list = fopen(WEIGHTS_DATA "expected.txt", "r");
    assert_non_null(list);
    size_t next = 0, length = strlen(file);
    while (fgets(line, sizeof line, list)) {
        if (strncmp(line, file, length) != 0 || line[length] != ' ')
            continue;
        line[strcspn(line, "\n")] = '\0';
        if (next == index.count)
            fail_msg("missing: %s", line);
        describe(&found, file, &index.tensors[next++]);
        assert_string_equal(found.data, line);
    }
    assert_int_equal(next, index.count);
    assert_true(next > 0);
    fclose(list);
    tm_buffer_free(&found);
    tm_tensor_index_free(&index);
    TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
    return next;
}

/* Reads every tensor of a file that was accepted; a sanitizer looks on. */
static tm_status read_tensors(const tm_tensor_index *index, tm_error *error)
{
    for (size_t i = 0; i < index->count; i++) {
        float values[64];
        if (tm_view_require(&index->tensors[i], error))
            return error->status;
        size_t count = tm_view_elements(&index->tensors[i]);
        size_t part = count < 64 ? count : 64;
        tm_view_read_f32(&index->tensors[i], 0, part, values);
        tm_view_read_f32(&index->tensors[i], count - part, part, values);
    }
    return TM_OK;
}

static tm_status read_exact(const void *bytes, size_t size, reader_fn *read, tm_error *error)
{
    unsigned char *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    if (size)
        memcpy(copy, bytes, size);
    tm_tensor_index index = {0};
    *error = (tm_error){0};
    tm_status status = read("x", copy, size, &index, error);
    assert_int_equal(status, error->status);
    if (status == TM_OK)
        status = read_tensors(&index, error);
    tm_tensor_index_free(&index);
    free(copy);
    return status;
}

/* refused: part of the one line, or NULL where the file is to be accepted. Frees file. */
__attribute__((unused)) static void check_file(tm_buffer *file, reader_fn *read,
                                               const char *refused)
{
    tm_error error;
    assert_false(file->failed);
    tm_status status = read_exact(file->data, file->length, read, &error);
    if (!refused && status)
        fail_msg("refused: %s", error.message);
    if (refused) {
        if (!status)
            fail_msg("accepted, expected: %s", refused);
        assert_int_equal(status, TM_WEIGHTS_INVALID);
        if (strncmp(error.message, "x: ", 3) != 0 || !strstr(error.message, ", offset ") ||
            !strstr(error.message, ": found ") || !strstr(error.message, ", expected ") ||
            !strstr(error.message, refused) || strchr(error.message, '\n'))
            fail_msg("message '%s' lacks '%s'", error.message, refused);
    }
    tm_buffer_free(file);
}

/* Every cut before `whole` is refused, and no changed byte does harm. */
static void check_damage(const unsigned char *bytes, size_t size, size_t whole, reader_fn *read)
{
    tm_error error;
    for (size_t cut = 0; cut < whole; cut += stride())
        if (read_exact(bytes, cut, read, &error) != TM_WEIGHTS_INVALID)
            fail_msg("cut at %zu: accepted", cut);
    unsigned char *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    for (size_t at = 0; at < size; at += stride())
        for (int value = 0; value < 9; value++) {
            /* every bit, and all of them */
            copy[at] = bytes[at] ^ (value == 8 ? 0xFF : 1U << value);
            tm_status status = read_exact(copy, size, read, &error);
            assert_true(status == TM_OK || status == TM_WEIGHTS_INVALID);
            copy[at] = bytes[at];
        }
    free(copy);
}

static void check_file_damage(const char *name, reader_fn *read)
{
    char path[256];
    tm_map map;
    snprintf(path, sizeof path, WEIGHTS_DATA "%s", name);
    assert_int_equal(tm_map_file(path, &map, NULL), TM_OK);
    check_damage(map.data, map.size, map.size, read);
    TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
}

#endif
