/* SPDX-License-Identifier: Apache-2.0 */
/* Opens bytes as a weights file and reads what it says it holds. */
#ifndef TESTS_FUZZ_READ_WEIGHTS_H
#define TESTS_FUZZ_READ_WEIGHTS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "weights/formats.h"

/* An expanded tensor has many elements in few bytes: its ends are read. */
enum { FUZZ_ELEMENTS = 4096 };

static void fuzz_check_error(tm_status status, const tm_error *error);

static void fuzz_read_tensor(const tm_tensor_view *view)
{
    tm_error error = {0};
    static float values[FUZZ_ELEMENTS];
    static unsigned char raw[FUZZ_ELEMENTS * 8];
    size_t elements = tm_view_elements(view);
    size_t count = elements < FUZZ_ELEMENTS ? elements : FUZZ_ELEMENTS;
    TM_ASSERT(view->rank >= 0 && view->rank <= TM_TENSOR_RANK_MAX);
    TM_ASSERT(view->group && view->name && strlen(view->group) + strlen(view->name) < SIZE_MAX / 2);
    if (tm_view_require(view, &error)) {
        fuzz_check_error(error.status, &error);
        return;
    }
    tm_view_read_f32(view, 0, count, values);
    tm_view_read_f32(view, elements - count, count, values);
    tm_view_read_raw(view, elements - count, count, raw);
}

/* A refusal has a status, and its one line names the file. */
static void fuzz_check_error(tm_status status, const tm_error *error)
{
    TM_ASSERT(status == TM_WEIGHTS_INVALID && error->status == status);
    TM_ASSERT(strncmp(error->message, "input: ", 7) == 0 && !strchr(error->message, '\n'));
}

/* What the reader of the format gives, which is more than the state dict of a checkpoint keeps. */
static bool fuzz_read_index(const uint8_t *data, size_t size)
{
    tm_tensor_index index = {0};
    tm_error error = {0};
    tm_status status = TM_OK;
    bool known = false;
#define TM_WEIGHTS_FORMAT(format, title)                                                           \
    if (!known && tm_##format##_probe(data, size)) {                                               \
        known = true;                                                                              \
        status = tm_##format##_read("input", data, size, &index, &error);                          \
    }
#include "weights/formats.def"
#undef TM_WEIGHTS_FORMAT
    if (status)
        fuzz_check_error(status, &error);
    for (size_t i = 0; !status && i < index.count; i++)
        fuzz_read_tensor(&index.tensors[i]);
    tm_tensor_index_free(&index);
    return status == TM_OK;
}

static void fuzz_read_weights(const uint8_t *data, size_t size)
{
    tm_weights *weights = NULL;
    tm_error error = {0};
    if (!fuzz_read_index(data, size))
        return;
    tm_status status = tm_weights_open_memory(data, size, "input", false, &weights, &error);
    if (status) {
        TM_ASSERT(!weights);
        fuzz_check_error(status, &error);
        return;
    }
    if (tm_weights_settle(weights, &error) == TM_OK)
        for (size_t i = 0; i < tm_weights_count(weights); i++) {
            const tm_tensor_view *view = tm_weights_at(weights, i);
            TM_ASSERT(tm_weights_find(weights, view->name) == view);
            fuzz_read_tensor(view);
        }
    TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
}

#endif
