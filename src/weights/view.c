/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "weights/convert.h"
#include "weights/packed.h"

bool tm_shape_is_possible(int rank, const int64_t *shape)
{
    int64_t most = TM_SHAPE_ELEMENTS_MAX;
    bool possible = rank >= 0 && rank <= TM_TENSOR_RANK_MAX;
    for (int i = 0; i < rank && possible; i++) {
        possible = shape[i] >= 0 && shape[i] <= most;
        most /= shape[i] ? shape[i] : 1;
    }
    return possible;
}

void tm_view_set_contiguous(tm_tensor_view *view)
{
    int64_t step = 1;
    for (int i = view->rank - 1; i >= 0; i--) {
        view->stride[i] = step;
        step *= view->shape[i];
    }
}

bool tm_view_is_contiguous(const tm_tensor_view *view)
{
    int64_t step = 1;
    if (view->part_count)
        return false;
    for (int i = view->rank - 1; i >= 0; i--) {
        if (view->shape[i] != 1 && view->stride[i] != step)
            return false;
        step *= view->shape[i];
    }
    return true;
}

bool tm_view_has_shape(const tm_tensor_view *view, int rank, const int64_t *shape)
{
    return view->rank == rank &&
           (rank == 0 || memcmp(view->shape, shape, (size_t)rank * sizeof *shape) == 0);
}

const char *tm_shape_text(int rank, const int64_t *shape, char text[static TM_SHAPE_TEXT])
{
    int length = snprintf(text, TM_SHAPE_TEXT, "[");
    for (int i = 0; i < rank; i++)
        length += snprintf(text + length, (size_t)(TM_SHAPE_TEXT - length), i ? ",%lld" : "%lld",
                           (long long)shape[i]);
    snprintf(text + length, (size_t)(TM_SHAPE_TEXT - length), "]");
    return text;
}

size_t tm_view_elements(const tm_tensor_view *view)
{
    size_t count = 1;
    TM_ASSERT(tm_shape_is_possible(view->rank, view->shape));
    for (int i = 0; i < view->rank; i++)
        count *= (size_t)view->shape[i];
    return count;
}

void tm_view_skip(tm_tensor_view *view, size_t bytes)
{
    if (view->packed)
        view->skip += bytes;
    else
        view->data += bytes;
}

tm_status tm_view_require(const tm_tensor_view *view, tm_error *error)
{
    tm_status status = TM_OK;
    for (size_t p = 0; p < view->part_count && !status; p++)
        status = tm_view_require(&view->parts[p], error);
    /* nothing is ever read of a tensor without elements */
    if (!view->part_count && view->packed && tm_view_elements(view) && !status)
        status = tm_packed_require(view->packed, error);
    return status;
}

static const unsigned char *data_of(const tm_tensor_view *view)
{
    if (!view->packed)
        return view->data;
    const unsigned char *data = tm_packed_data(view->packed);
    TM_ASSERT(data);
    return data + view->skip;
}

/* count elements of `size` bytes, `stride` elements apart. */
static void gather(const unsigned char *from, int64_t stride, size_t size, size_t count,
                   unsigned char *out)
{
    size_t step = (size_t)stride * size;
#define GATHER(bytes)                                                                              \
    for (size_t i = 0; i < count; i++)                                                             \
    memcpy(out + i * (bytes), from + i * step, bytes)
    if (stride == 1)
        memcpy(out, from, count * size);
    else if (size == 4)
        GATHER(4);
    else if (size == 2)
        GATHER(2);
    else if (size == 8)
        GATHER(8);
    else
        GATHER(1);
#undef GATHER
}

/* An odometer over the dimensions but the last, whose elements are taken together. */
static void read_strided(const tm_tensor_view *view, size_t begin, size_t count, unsigned char *out)
{
    size_t size = tm_dtype_size(view->dtype), at[TM_TENSOR_RANK_MAX] = {0};
    const unsigned char *data = data_of(view);
    int last = view->rank - 1;
    for (int i = last; i >= 0; i--) {
        at[i] = begin % (size_t)view->shape[i];
        begin /= (size_t)view->shape[i];
    }
    while (count > 0) {
        size_t row = (size_t)view->shape[last] - at[last], offset = 0;
        row = row < count ? row : count;
        for (int i = 0; i <= last; i++)
            offset += at[i] * (size_t)view->stride[i];
        gather(data + offset * size, view->stride[last], size, row, out);
        out += row * size;
        count -= row;
        at[last] = 0;
        for (int i = last - 1; i >= 0 && ++at[i] == (size_t)view->shape[i]; i--)
            at[i] = 0;
    }
}

static void read_parts(const tm_tensor_view *view, size_t begin, size_t count, unsigned char *out)
{
    size_t size = tm_dtype_size(view->dtype);
    for (size_t p = 0; p < view->part_count && count > 0; p++) {
        size_t elements = tm_view_elements(&view->parts[p]);
        if (begin >= elements) {
            begin -= elements;
            continue;
        }
        size_t here = elements - begin < count ? elements - begin : count;
        tm_view_read_raw(&view->parts[p], begin, here, out);
        out += here * size;
        count -= here;
        begin = 0;
    }
}

void tm_view_read_raw(const tm_tensor_view *view, size_t begin, size_t count, unsigned char *out)
{
    if (count == 0)
        return;
    if (view->part_count)
        read_parts(view, begin, count, out);
    else if (tm_view_is_contiguous(view))
        memcpy(out, data_of(view) + begin * tm_dtype_size(view->dtype),
               count * tm_dtype_size(view->dtype));
    else
        read_strided(view, begin, count, out);
}

void tm_view_read_f32(const tm_tensor_view *view, size_t begin, size_t count, float *out)
{
    unsigned char raw[4096];
    size_t size = tm_dtype_size(view->dtype), room = sizeof raw / size;
    if (count == 0)
        return;
    if (tm_view_is_contiguous(view)) {
        tm_convert_f32(view->dtype, data_of(view) + begin * size, out, count);
        return;
    }
    for (; count > 0; begin += room, out += room, count -= room) {
        room = room < count ? room : count;
        tm_view_read_raw(view, begin, room, raw);
        tm_convert_f32(view->dtype, raw, out, room);
    }
}
