/* SPDX-License-Identifier: Apache-2.0 */
/* Constants, computed when a step packs them: some rows at a time where their operators allow. */
#include <stdlib.h>
#include <string.h>

#include "graph/constant.h"
#include "steps/lowering.h"

enum {
    ROWS_BYTES = 512 << 10, /* of a weight on its way into panels */
    MAX_CONSTANT_INPUTS = 32
};

/* The smallest free buffer that is large enough, else the largest free one made larger. */
static float *take_temporary(tm_lowering *lowering, size_t bytes)
{
    struct tm_temporary *best = NULL, *slots = lowering->temporaries.slots;
    for (size_t i = 0; i < sizeof lowering->temporaries.slots / sizeof *slots; i++) {
        struct tm_temporary *slot = &slots[i];
        if (slot->taken)
            continue;
        bool fits = slot->bytes >= bytes, best_fits = best && best->bytes >= bytes;
        if (!best || (fits ? !best_fits || slot->bytes < best->bytes
                           : !best_fits && slot->bytes > best->bytes))
            best = slot;
    }
    TM_ASSERT(best);
    if (!best->data || best->bytes < bytes) {
        free(best->data);
        best->data = tm_alloc_aligned(bytes);
        best->bytes = best->data ? bytes : 0;
    }
    best->taken = best->data != NULL;
    return best->data;
}

static void give_temporary(tm_lowering *lowering, const float *data)
{
    struct tm_temporary *slots = lowering->temporaries.slots;
    for (size_t i = 0; data && i < sizeof lowering->temporaries.slots / sizeof *slots; i++)
        if (slots[i].data == data)
            slots[i].taken = false;
}

void tm_lowering_free_temporaries(tm_lowering *lowering)
{
    struct tm_temporary *slots = lowering->temporaries.slots;
    for (size_t i = 0; i < sizeof lowering->temporaries.slots / sizeof *slots; i++)
        free(slots[i].data);
}

static const float *evaluate(tm_lowering *lowering, const tm_node *node, int64_t row, int64_t rows);

static bool evaluate_op(tm_lowering *lowering, const tm_node *node, int64_t row, int64_t rows,
                        float *out)
{
    const float *inputs[MAX_CONSTANT_INPUTS] = {0};
    bool good = true;
    TM_ASSERT(node->input_count <= MAX_CONSTANT_INPUTS);
    for (int i = 0; i < node->input_count && good; i++) {
        const tm_node *x = node->inputs[i];
        bool part = i == 0 && node->op->by_rows;
        inputs[i] = evaluate(lowering, x, part ? row : 0, part ? rows : tm_row_count(x));
        good = inputs[i] != NULL;
    }
    if (good && !node->op->evaluate(node, inputs, row, rows, out)) {
        tm_lowering_no_memory(lowering, (size_t)tm_element_count(node));
        good = false;
    }
    for (int i = 0; i < node->input_count; i++)
        give_temporary(lowering, inputs[i]);
    return good;
}

static bool read_param(tm_lowering *lowering, const tm_node *node, int64_t row, int64_t rows,
                       float *out)
{
    size_t count = (size_t)tm_row_elements(node);
    tm_status status =
        tm_weights_read_f32_range(lowering->weights, node->name, node->rank, node->dims,
                                  (size_t)row * count, (size_t)rows * count, out, lowering->error);
    if (status)
        tm_lowering_fail(lowering, status);
    return status == TM_OK;
}

/* Rows that an operator cannot compute alone come from the whole. */
static bool evaluate_whole(tm_lowering *lowering, const tm_node *node, int64_t row, int64_t rows,
                           float *out)
{
    size_t count = (size_t)tm_row_elements(node);
    const float *whole = evaluate(lowering, node, 0, tm_row_count(node));
    if (whole)
        memcpy(out, whole + (size_t)row * count, (size_t)rows * count * sizeof *out);
    give_temporary(lowering, whole);
    return whole != NULL;
}

/* Float32 on a mapped page needs no copy. */
static const float *stored_param(const tm_lowering *lowering, const tm_node *node, int64_t row)
{
    return node->op->stored ? tm_weights_f32(lowering->weights, node->name, node->rank, node->dims,
                                             (size_t)row * (size_t)tm_row_elements(node))
                            : NULL;
}

static const float *evaluate(tm_lowering *lowering, const tm_node *node, int64_t row, int64_t rows)
{
    if (lowering->status)
        return NULL;
    const float *stored = stored_param(lowering, node, row);
    if (stored)
        return stored;
    size_t bytes;
    int64_t count = tm_row_elements(node);
    float *out =
        tm_size_mul((size_t)rows, (size_t)count, &bytes) && tm_size_mul(bytes, sizeof *out, &bytes)
            ? take_temporary(lowering, bytes)
            : NULL;
    if (!out) {
        tm_lowering_no_memory(lowering, (size_t)tm_element_count(node));
        return NULL;
    }
    bool good = node->op->stored ? read_param(lowering, node, row, rows, out)
                : node->op->by_rows || rows == tm_row_count(node)
                    ? evaluate_op(lowering, node, row, rows, out)
                    : evaluate_whole(lowering, node, row, rows, out);
    if (good)
        return out;
    give_temporary(lowering, out);
    return NULL;
}

const float *tm_lower_constant_rows(tm_lowering *lowering, const tm_node *constant, int64_t row,
                                    int64_t rows)
{
    return evaluate(lowering, constant, row, rows);
}

/* A constant that is not computed by rows down to its parameter is computed whole, once. */
static bool is_by_rows(const tm_node *node)
{
    while (!node->op->stored && node->op->by_rows)
        node = node->inputs[0];
    return node->op->stored;
}

int64_t tm_lower_rows_at_once(const tm_node *constant, int64_t unit)
{
    int64_t all = tm_row_count(constant);
    if (!is_by_rows(constant))
        return all;
    int64_t rows = ROWS_BYTES / (int64_t)sizeof(float) / tm_row_elements(constant) / unit * unit;
    return rows < unit ? unit : rows > all ? all : rows;
}

void tm_lower_done(tm_lowering *lowering, const tm_node *constant)
{
    if (constant->op->stored)
        tm_weights_release_pages(lowering->weights, constant->name);
    for (int i = 0; i < constant->input_count; i++)
        tm_lower_done(lowering, constant->inputs[i]);
}

const float *tm_lower_constant(tm_lowering *lowering, const tm_node *constant)
{
    return evaluate(lowering, constant, 0, tm_row_count(constant));
}

float *tm_lower_temporary(tm_lowering *worker, size_t floats)
{
    float *room = worker->status ? NULL : take_temporary(worker, floats * sizeof *room);
    if (!room && !worker->status)
        tm_lowering_no_memory(worker, floats * sizeof *room);
    return room;
}

void tm_lower_release(tm_lowering *lowering, const float *values)
{
    give_temporary(lowering, values);
}
