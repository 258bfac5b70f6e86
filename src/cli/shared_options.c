/* SPDX-License-Identifier: Apache-2.0 */
/* Options that several commands have. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "cli/progress.h"
#include "registry/registry.h"

enum { THREADS_MAX = 1024 };

/* clang-format off */
#define MODEL(member) offsetof(tm_model_options, member)
static const tm_option model_options[] = {
    {'m', "model", "MODEL", "arch, arch.tag, an old timm name, hf-hub:org/name[@rev] or "
        "local-dir:PATH (default: the built-in " TM_BUILTIN_MODEL ")",
        TM_OPTION_TEXT, MODEL(model), 0, 0},
    {'w', "weights", "FILE", "weights file: .safetensors, .pth, .npz, ...; or formula:SEED[:GAIN] "
        "for made-up numbers", TM_OPTION_TEXT, MODEL(weights), 0, 0},
    {0, "weights-key", "KEY", "of a training checkpoint the entry that holds the model",
        TM_OPTION_TEXT, MODEL(weights_key), 0, 0},
    {0, "weights-prefix", "PREFIX", "only tensors whose names begin so, without it: model.",
        TM_OPTION_TEXT, MODEL(weights_prefix), 0, 0},
    {0, "no-ema", NULL, "of a training checkpoint the trained values, not their average",
        TM_OPTION_FLAG, MODEL(no_ema), 0, 0},
    {0, "strict", NULL, "refuse weights with missing, unexpected or mismatched tensors (default)",
        TM_OPTION_FLAG_OFF, MODEL(allow_missing), 0, 0},
    {0, "allow-missing", NULL, "take what fits, if it is at least half, and warn; the rest gets the "
        "formula's values, but no class is told of a classifier that has",
        TM_OPTION_FLAG, MODEL(allow_missing), 0, 0},
    {0, "num-classes", "N", "size of the head; 0 removes it",
        TM_OPTION_INT, MODEL(num_classes), 0, 1000000},
    {0, "drop-head", NULL, "leave a classifier of another size out of the weights; then there are "
        "features, no classes",
        TM_OPTION_FLAG, MODEL(drop_head), 0, 0},
    {0, "output-stride", "8|16|32", "input pixels per pixel of the last map; in some families also "
        "2 or 4, as timm has them", TM_OPTION_INT, MODEL(output_stride), 2, 32},
    {0, "in-chans", "N", "input channels", TM_OPTION_INT, MODEL(in_chans), 1, 4096},
    {0, "global-pool", "POOL", "pooling before the head, as the model's timm option",
        TM_OPTION_TEXT, MODEL(global_pool), 0, 0},
    {0, "img-size", "N|H,W", "input size in pixels",
        TM_OPTION_IMG_SIZE, MODEL(img_size), 1, 16384},
    {0, "no-pretrained", NULL, "fill the weights by the formula, seed 0",
        TM_OPTION_FLAG, MODEL(no_pretrained), 0, 0},
    {0, "cache-dir", "DIR", "where downloaded models are (default: HF_HUB_CACHE)",
        TM_OPTION_TEXT, MODEL(cache_dir), 0, 0},
    {0, "offline", NULL, "use what is cached, ask no server",
        TM_OPTION_FLAG, MODEL(offline), 0, 0},
};

#define PICTURE(member) offsetof(tm_picture_options, member)
static const tm_option picture_options[] = {
    {0, "crop-pct", "X", "share of the resized picture that the crop keeps",
        TM_OPTION_NUMBER, PICTURE(crop_pct), 0.01, 10},
    {0, "crop-mode", "center|squash|border", "how a picture is brought to the input's shape",
        TM_OPTION_CHOICE, PICTURE(crop_mode), 0, 0},
    {0, "mean", "X,X,X", "subtracted from each channel; one value serves all",
        TM_OPTION_NUMBERS, PICTURE(mean), -1e6, 1e6},
    {0, "std", "X,X,X", "divides each channel; one value serves all",
        TM_OPTION_NUMBERS, PICTURE(std), 1e-6, 1e6},
    {0, "interpolation", "nearest|bilinear|bicubic|box|hamming|lanczos", "filter of the resize",
        TM_OPTION_CHOICE, PICTURE(interpolation), 0, 0},
    {0, "size", "train|test", "the config's input size to use (default: train)",
        TM_OPTION_CHOICE, PICTURE(size), 0, 0},
    {0, "exif-orient", NULL, "turn pictures as their EXIF orientation says",
        TM_OPTION_FLAG, PICTURE(exif_orient), 0, 0},
    {0, "strict-decode", NULL, "refuse pictures that a decoder warns of: damaged or cut data",
        TM_OPTION_FLAG, PICTURE(strict_decode), 0, 0},
    {0, "max-pixels", "N", "refuse larger pictures",
        TM_OPTION_COUNT, PICTURE(max_pixels), 1, 1e12},
    {0, "max-memory", "MB", "for pictures while they are decoded, of all threads together; they "
        "wait for each other, and one that needs more is refused (default: half of what the "
        "machine or container has, at most 4000)",
        TM_OPTION_COUNT, PICTURE(max_memory), 1, 1e9},
};

#define INPUT(member) offsetof(tm_input_options, member)
static const tm_option input_options[] = {
    {0, "files-from", "FILE", "read input names from a file, one a line; - is stdin",
        TM_OPTION_TEXT, INPUT(files_from), 0, 0},
    {'0', "null", NULL, "those names end with a NUL instead",
        TM_OPTION_FLAG, INPUT(null_separated), 0, 0},
    {0, "shard", "I/N|auto", "only the I-th of every N inputs; auto: tasks of a Slurm "
        "array times ranks of srun or MPI",
        TM_OPTION_SHARD, INPUT(shard), 0, 0},
    {0, "skip", "N", "leave out the first N inputs", TM_OPTION_COUNT, INPUT(skip), 0, 0},
    {0, "limit", "N", "stop after N inputs", TM_OPTION_COUNT, INPUT(limit), 1, 1e15},
};

#define RUN(member) offsetof(tm_run_options, member)
static const tm_option run_options[] = {
    {'t', "threads", "N", "default: what the process may use",
        TM_OPTION_INT, RUN(threads), 1, THREADS_MAX},
    {'b', "batch", "N", "pictures at once", TM_OPTION_INT, RUN(batch), 1, 65536},
    {0, "precision", "f32|bf16x3|bf16", "arithmetic of the products (default: f32)",
        TM_OPTION_CHOICE, RUN(precision), 0, 0},
    {0, "isa", TM_ISA_NAMES, "use no newer instructions than these",
        TM_OPTION_CHOICE, RUN(isa), 0, 0},
    {0, "timings", NULL, "tell how long each part took", TM_OPTION_FLAG, RUN(timings), 0, 0},
    {'q', "quiet", NULL, "no progress, and nothing of what folders leave out",
        TM_OPTION_FLAG, RUN(quiet), 0, 0},
    {'v', "verbose", NULL, "tell the model, its weights and how it is run on stderr",
        TM_OPTION_FLAG, RUN(verbose), 0, 0},
};

#define OUTPUT(member) offsetof(tm_output_options, member)
static const tm_option output_options[] = {
    {'o', "output-file", "FILE", "write to a file; its ending says the format",
        TM_OPTION_TEXT, OUTPUT(output), 0, 0},
    {0, "force", NULL, "overwrite an existing file", TM_OPTION_FLAG, OUTPUT(force), 0, 0},
};
/* clang-format on */

const tm_option_group tm_model_group = TM_OPTION_GROUP("Model", model_options);
const tm_option_group tm_picture_group = TM_OPTION_GROUP("Pictures", picture_options);
const tm_option_group tm_input_group = TM_OPTION_GROUP("Input", input_options);
const tm_option_group tm_run_group = TM_OPTION_GROUP("Run", run_options);
const tm_option_group tm_output_group = TM_OPTION_GROUP("Output", output_options);

static int thread_count(const tm_run_options *run)
{
    const char *text = getenv("OMP_NUM_THREADS");
    int count = run && run->threads ? run->threads : text ? atoi(text) : 0;
    return count > THREADS_MAX ? THREADS_MAX : count > 0 ? count : tm_cpu_threads();
}

tm_open_options tm_open_options_of(const tm_model_options *model, const tm_run_options *run)
{
    bool formula = model->no_pretrained && !model->weights;
    return (tm_open_options){.weights = formula ? "formula:0" : model->weights,
                             .weights_key = model->weights_key,
                             .weights_prefix = model->weights_prefix,
                             .no_ema = model->no_ema,
                             .allow_missing = model->allow_missing,
                             .cache_dir = model->cache_dir,
                             .offline = model->offline,
                             .progress = run && run->quiet ? NULL : tm_progress_show,
                             .num_classes = model->num_classes,
                             .in_chans = model->in_chans,
                             .img_height = model->img_size.height,
                             .img_width = model->img_size.width,
                             .drop_head = model->drop_head,
                             .global_pool = model->global_pool,
                             .output_stride = model->output_stride,
                             .threads = thread_count(run),
                             .isa = run ? run->isa : NULL,
                             .precision = run ? run->precision : NULL};
}

tm_status tm_check_output(const tm_output_options *output, tm_error *error)
{
    static const char *const formats[] = {"csv", "tsv", "json", "jsonl", "txt"};
    const char *dot = output->output ? strrchr(output->output, '.') : NULL;
    for (size_t i = 0; dot && i < sizeof formats / sizeof *formats; i++)
        if (strcmp(dot + 1, formats[i]) == 0)
            return tm_fail(error, TM_USAGE,
                           "%.200s: -o takes arrays (.npy, .npz, .safetensors); records go to the "
                           "standard output: -f %s >%.200s",
                           output->output, i == 4 ? "text" : formats[i], output->output);
    return TM_OK;
}

tm_status tm_resolve_indices(const tm_ints *given, int count, const char *what, const char *model,
                             int *resolved, tm_error *error)
{
    if (given->count > TM_INDICES_MAX)
        return tm_fail(error, TM_USAGE, "%zu indices: expected at most %d", given->count,
                       TM_INDICES_MAX);
    for (size_t i = 0; i < given->count; i++) {
        int index = given->values[i];
        if (index < -count || index >= count)
            return tm_fail(error, TM_USAGE, "%s has no %s %d: expected %d to %d", model, what,
                           index, -count, count - 1);
        resolved[i] = index < 0 ? index + count : index;
    }
    return TM_OK;
}
