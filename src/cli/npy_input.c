/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/npy_input.h"

#include <stdlib.h>

static void print_dims(tm_buffer *out, const int64_t *dims, int rank)
{
    for (int i = 0; i < rank; i++)
        tm_buffer_printf(out, "%s%lld", i ? "," : "", (long long)dims[i]);
}

/* "[N,3,224,224]", and where the size alone is another one, what timm says of it. */
static void print_expected(tm_buffer *out, const tm_model *model, const int64_t *have,
                           const int64_t *want, int rank)
{
    bool picture = rank == 3 && !model->options.from_features;
    tm_buffer_puts(out, "[N,");
    print_dims(out, want, rank);
    tm_buffer_putc(out, ']');
    if (!picture || !have || have[0] != want[0])
        return;
    int axis = have[1] != want[1] ? 1 : 2;
    tm_buffer_printf(out, ": Input %s (%lld) doesn't match model (%lld).",
                     axis == 1 ? "height" : "width", (long long)have[axis], (long long)want[axis]);
}

tm_status tm_npy_input_check(const tm_model *model, const char *file, const tm_npy *npy,
                             tm_error *error)
{
    int64_t want[3];
    int rank = tm_model_input_shape(model, want);
    const int64_t *have = npy->shape + (npy->rank - rank);
    bool good = npy->rank == rank || (npy->rank == rank + 1 && npy->shape[0] > 0);
    for (int i = 0; i < rank && good; i++)
        good = have[i] == want[i];
    if (!tm_dtype_is_float(npy->dtype))
        return tm_fail(
            error, TM_SHAPE,
            "%s: an array of %s, expected floating-point numbers, resized and normalized "
            "as the model takes them: give pictures as PNG or JPEG, or what 'timmc "
            "preprocess' makes of them",
            file, tm_dtype_name(npy->dtype));
    if (good)
        return TM_OK;
    tm_buffer found = {0}, expected = {0};
    print_dims(&found, npy->shape, npy->rank);
    print_expected(&expected, model, npy->rank < rank ? NULL : have, want, rank);
    const char *is = tm_buffer_text(&found, error), *wanted = tm_buffer_text(&expected, error);
    tm_status status =
        is && wanted
            ? tm_fail(error, TM_SHAPE, "%s: a tensor of shape [%s], expected %s", file, is, wanted)
            : TM_NO_MEMORY;
    tm_buffer_free(&found);
    tm_buffer_free(&expected);
    return status;
}

bool tm_npy_input_is_single(const tm_model *model, const tm_npy *npy)
{
    int64_t shape[3];
    return npy->rank == tm_model_input_shape(model, shape) || npy->shape[0] == 1;
}

size_t tm_input_floats(const tm_model *model)
{
    int64_t shape[3];
    int rank = tm_model_input_shape(model, shape);
    size_t floats = 1;
    for (int i = 0; i < rank; i++)
        floats *= (size_t)shape[i];
    return floats;
}

tm_status tm_npy_input_read(const tm_model *model, const tm_npy *npy, int index, float **values,
                            tm_error *error)
{
    size_t floats = tm_input_floats(model);
    *values = malloc(floats * sizeof **values);
    if (!*values)
        return tm_fail(error, TM_NO_MEMORY, "no memory for a tensor of %zu numbers", floats);
    return tm_npy_read_f32(npy, (size_t)index * floats, floats, *values, error);
}
