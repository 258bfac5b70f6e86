/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tensor_size.h"

#include "api/arguments.h"
#include "base/text.h"
#include "weights/npy.h"

static bool all_are_tensors(const tm_session *session, const tm_arguments *arguments)
{
    bool all = arguments->operand_count > 0 && !session->options->input.files_from;
    for (size_t i = 0; i < (size_t)arguments->operand_count && all; i++)
        all = tm_has_ending(arguments->operands[i], ".npy");
    return all;
}

/* [C,H,W] or [N,C,H,W] of the model's channels; what is no such file is told when it is read. */
static bool find_size(const char *file, int64_t channels, int64_t size[2])
{
    tm_npy npy;
    tm_error unread = {0};
    if (tm_npy_open(file, &npy, &unread))
        return false;
    bool good = (npy.rank == 3 || npy.rank == 4) && npy.shape[npy.rank - 3] == channels;
    for (int i = 0; i < 2 && good; i++) {
        size[i] = npy.shape[npy.rank - 2 + i];
        good = size[i] > 0 && size[i] <= TM_SIDE_MAX;
    }
    tm_npy_close(&npy);
    return good;
}

tm_status tm_open_at_tensor_size(tm_session *session, const char *name, const tm_open_options *open,
                                 const tm_arguments *arguments, tm_error *error)
{
    int64_t own[3], size[2];
    if (open->img_height || open->test_size || open->from_features ||
        !all_are_tensors(session, arguments) || !tm_model_takes_any_size(session->model))
        return TM_OK;
    tm_model_input_shape(session->model, own);
    if (!find_size(arguments->operands[0], own[0], size) ||
        (size[0] == own[1] && size[1] == own[2]))
        return TM_OK;
    tm_open_options sized = *open;
    sized.img_height = (int)size[0];
    sized.img_width = (int)size[1];
    tm_model_close(session->model);
    session->model = NULL;
    return tm_model_open(name, &sized, &session->model, error);
}
