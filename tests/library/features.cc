/* SPDX-License-Identifier: Apache-2.0 */
/* A program of a stranger's in C++17: an embedding's length of each picture, also of one in memory. */
#include <cmath>
#include <cstdio>
#include <vector>

#include <timmc.h>

namespace {

struct answers {
    tm_context *context;
    std::vector<float> values;
};

bool tell(void *user, std::size_t index, int place, const tm_error *error)
{
    auto *a = static_cast<answers *>(user);
    if (place < 0) {
        std::printf("%zu %s\n", index, tm_status_name(error->status));
        return true;
    }
    if (tm_context_read(a->context, 0, place, a->values.data(), nullptr))
        return false;
    double sum = 0;
    for (float value : a->values)
        sum += static_cast<double>(value) * static_cast<double>(value);
    std::printf("%zu %.4f\n", index, std::sqrt(sum));
    return true;
}

int fail(const tm_error &error)
{
    std::fprintf(stderr, "%s: %s\n", tm_status_name(error.status), error.message);
    return 1;
}

} // namespace

int main(int argc, char **argv)
{
    tm_error error;
    tm_model *model = nullptr;
    answers a = {};
    tm_output output;
    tm_open_options options = TM_OPEN_OPTIONS_DEFAULT;
    tm_preprocess_options how = TM_PREPROCESS_OPTIONS_DEFAULT;
    options.max_batch = 4;
    how.crop_pct = 1;
    if (tm_model_open(nullptr, &options, &model, &error) ||
        tm_model_set_preprocess(model, &how, &error) ||
        tm_model_select(model, "pre_logits", &error) || tm_model_load(model, &error) ||
        tm_model_output(model, 0, &output, &error) || tm_context_open(model, &a.context, &error))
        return fail(error);
    a.values.resize(static_cast<std::size_t>(output.shape[output.channel_axis]));
    std::vector<unsigned char> gray(20 * 30 * 3, 127);
    std::vector<tm_picture> pictures(static_cast<std::size_t>(argc));
    pictures[0].rgb = gray.data();
    pictures[0].width = 20;
    pictures[0].height = 30;
    for (int i = 1; i < argc; i++)
        pictures[static_cast<std::size_t>(i)].path = argv[i];
    if (tm_context_run_pictures(a.context, pictures.data(), pictures.size(), tell, &a, &error))
        return fail(error);
    tm_context_close(a.context);
    tm_model_close(model);
    return 0;
}
