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
#define MODEL(kind, member) TM_OPTION_VALUE(kind, tm_model_options, member)
static const tm_option model_options[] = {
    {'m', "model", "MODEL", "arch, arch.tag, an old timm name, hf-hub:org/name[@rev] or "
        "local-dir:PATH (default: the built-in " TM_BUILTIN_MODEL ")",
        MODEL(TEXT, model), 0, 0},
    {'w', "weights", "FILE", "weights file: .safetensors, .pth, .npz, ...; or formula:SEED[:GAIN] "
        "for made-up numbers", MODEL(TEXT, weights), 0, 0},
    {0, "strict", NULL, "refuse weights with missing, unexpected or mismatched tensors (default)",
        MODEL(FLAG_OFF, allow_missing), 0, 0},
    {0, "allow-missing", NULL, "take what fits, if it is at least half, and warn; the rest gets the "
        "formula's values, but no class is told of a classifier that has",
        MODEL(FLAG, allow_missing), 0, 0},
    {0, "drop-head", NULL, "leave a classifier of another size out of the weights; then there are "
        "features, no classes",
        MODEL(FLAG, drop_head), 0, 0},
    {0, "no-pretrained", NULL, "fill the weights by the formula, seed 0",
        MODEL(FLAG, no_pretrained), 0, 0},
    {0, "cache-dir", "DIR", "where downloaded models are (default: HF_HUB_CACHE)",
        MODEL(TEXT, cache_dir), 0, 0},
    {0, "offline", NULL, "use what is cached, ask no server",
        MODEL(FLAG, offline), 0, 0},
};

static const tm_option tensor_options[] = {
    {0, "weights-key", "KEY", "of a training checkpoint the entry that holds the model",
        MODEL(TEXT, weights_key), 0, 0},
    {0, "weights-prefix", "PREFIX", "only tensors whose names begin so, without it: model.",
        MODEL(TEXT, weights_prefix), 0, 0},
    {0, "no-ema", NULL, "of a training checkpoint the trained values, not their average",
        MODEL(FLAG, no_ema), 0, 0},
    {0, "num-classes", "N", "size of the head; 0 removes it",
        MODEL(INT, num_classes), 0, 1000000},
    {0, "output-stride", "8|16|32", "input pixels per pixel of the last map; in some families also "
        "2 or 4, as timm has them", MODEL(INT, output_stride), 2, 32},
    {0, "in-chans", "N", "input channels", MODEL(INT, in_chans), 1, 4096},
    {0, "global-pool", "POOL", "pooling before the head, as the model's timm option",
        MODEL(TEXT, global_pool), 0, 0},
    {0, "model-arg", "KEY=VALUE", "an argument of timm's create_model that changes the model, such "
        "as depth=6; may be repeated", MODEL(TEXTS, model_args), 0, 0},
    {0, "img-size", "N|H,W", "input size in pixels",
        MODEL(IMG_SIZE, img_size), 1, 16384},
};

#define PICTURE(kind, member) TM_OPTION_VALUE(kind, tm_picture_options, member)
static const tm_option picture_options[] = {
    {0, "crop-pct", "X", "share of the resized picture that the crop keeps",
        PICTURE(NUMBER, crop_pct), 0.01, 10},
    {0, "crop-mode", "center|squash|border", "how a picture is brought to the input's shape",
        PICTURE(CHOICE, crop_mode), 0, 0},
    {0, "mean", "X,X,X", "subtracted from each channel; one value serves all",
        PICTURE(NUMBERS, mean), -1e6, 1e6},
    {0, "std", "X,X,X", "divides each channel; one value serves all",
        PICTURE(NUMBERS, std), 1e-6, 1e6},
    {0, "interpolation", "nearest|bilinear|bicubic|box|hamming|lanczos", "filter of the resize",
        PICTURE(CHOICE, interpolation), 0, 0},
    {0, "size", "train|test", "the config's input size to use (default: train)",
        PICTURE(CHOICE, size), 0, 0},
    {0, "max-seq-len", "N", "NaFlex models: each picture whole and in its own aspect ratio, at the "
        "largest size of at most N patches (timm's validation: 576), in place of one size for all",
        PICTURE(INT, max_seq_len), 1, 65536},
    {0, "exif-orient", NULL, "turn pictures as their EXIF orientation says",
        PICTURE(FLAG, exif_orient), 0, 0},
    {0, "strict-decode", NULL, "refuse pictures that a decoder warns of: damaged or cut data",
        PICTURE(FLAG, strict_decode), 0, 0},
    {0, "fast-decode", NULL, "decode a JPEG at 1/2, 1/4 or 1/8 where it then still has twice the pixels a "
        "side that it is resized to: faster, and no longer timm's bits",
        PICTURE(FLAG, fast_decode), 0, 0},
    {0, "max-pixels", "N", "refuse larger pictures",
        PICTURE(COUNT, max_pixels), 1, 1e12},
    {0, "max-memory", "MB", "for pictures while they are decoded, of all threads together; they "
        "wait for each other, and one that needs more is refused (default: half of what the "
        "machine or container has, at most 4000)",
        PICTURE(COUNT, max_memory), 1, 1e9},
};

#define INPUT(kind, member) TM_OPTION_VALUE(kind, tm_input_options, member)
static const tm_option input_options[] = {
    {0, "files-from", "FILE", "read input names from a file, one a line; - is stdin",
        INPUT(TEXT, files_from), 0, 0},
    {'0', "null", NULL, "those names end with a NUL instead",
        INPUT(FLAG, null_separated), 0, 0},
    {0, "stdin-format", "rgb24:WxH", "the input - is frames of so many pixels, three bytes each, one after "
        "another, as video tools write them", INPUT(TEXT, stdin_format), 0, 0},
    {0, "siblings", "ENDING,...", "of a tar: tell members such as 0001.cls and 0001.json in the record "
        "of 0001.jpg; texts, and .json as JSON", INPUT(TEXT, siblings), 0, 0},
    {0, "shard", "I/N|auto", "only the I-th of every N inputs; auto: tasks of a Slurm "
        "array times ranks of srun or MPI",
        INPUT(SHARD, shard), 0, 0},
    {0, "skip", "N", "leave out the first N inputs", INPUT(COUNT, skip), 0, 0},
    {0, "limit", "N", "stop after N inputs", INPUT(COUNT, limit), 1, 1e15},
};

#define RUN(kind, member) TM_OPTION_VALUE(kind, tm_run_options, member)
static const tm_option run_options[] = {
    {'t', "threads", "N|auto", "auto, the default: what the process may use",
        RUN(AUTO, threads), 1, THREADS_MAX},
    {'b', "batch", "N|auto", "pictures at once; auto, the default: as many as are there, up to a good "
        "number for the model and the threads", RUN(AUTO, batch), 1, 65536},
    {0, "precision", "f32|bf16x3|bf16|int8", "arithmetic of the products (default: f32)",
        RUN(CHOICE, precision), 0, 0},
    {0, "isa", TM_ISA_NAMES, "use no newer instructions than these",
        RUN(CHOICE, isa), 0, 0},
    {0, "timings", NULL, "tell how long each part took", RUN(FLAG, timings), 0, 0},
    {'q', "quiet", NULL, "no progress, and nothing of what folders leave out",
        RUN(FLAG, quiet), 0, 0},
    {'v', "verbose", NULL, "tell the model, its weights and how it is run on stderr",
        RUN(FLAG, verbose), 0, 0},
};

#define OUTPUT(kind, member) TM_OPTION_VALUE(kind, tm_output_options, member)
static const tm_option output_options[] = {
    {'o', "output-file", "FILE", "write to a file; its ending says the format",
        OUTPUT(TEXT, output), 0, 0},
    TM_FORCE_OPTION(OUTPUT(FLAG, force)),
};

static const tm_option job_options[] = {
    {0, "resume", NULL, "go on with what an ended or finished run of the same command left in -o "
        "FILE.npy, FOLDER or FILE.jsonl; without any, begin",
        OUTPUT(FLAG, resume), 0, 0},
    {0, "dtype", "f32|f16", "of the arrays of -o (default: f32); what f16 cannot hold ends the run",
        OUTPUT(CHOICE, dtype), 0, 0},
};
/* clang-format on */

const tm_option_group tm_model_group = TM_OPTION_GROUP("Model", model_options);
const tm_option_group tm_tensor_group = TM_OPTION_GROUP("Model", tensor_options);
const tm_option_group tm_picture_group = TM_OPTION_GROUP("Pictures", picture_options);
const tm_option_group tm_input_group = TM_OPTION_GROUP("Input", input_options);
const tm_option_group tm_run_group = TM_OPTION_GROUP("Run", run_options);
const tm_option_group tm_output_group = TM_OPTION_GROUP("Output", output_options);
const tm_option_group tm_job_group = TM_OPTION_GROUP("Output", job_options);

static int thread_count(const tm_run_options *run)
{
    const char *text = getenv("OMP_NUM_THREADS");
    int count = run && run->threads ? run->threads : text ? atoi(text) : 0;
    return count > THREADS_MAX ? THREADS_MAX : count > 0 ? count : tm_cpu_threads();
}

tm_open_options tm_open_options_of(const tm_model_options *model, const tm_run_options *run)
{
    bool formula = model->no_pretrained && !model->weights;
    return (tm_open_options){.size = sizeof(tm_open_options),
                             .weights = formula ? "formula:0" : model->weights,
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
                             .model_args = model->model_args.values,
                             .threads = thread_count(run),
                             .isa = run ? run->isa : NULL,
                             .precision = run ? run->precision : NULL};
}

tm_status tm_check_output(const tm_output_options *output, bool jsonl, tm_error *error)
{
    static const struct {
        const char *ending, *format;
    } formats[] = {
        {"csv", "csv"}, {"tsv", "tsv"}, {"json", "json"}, {"txt", "text"}, {"jsonl", "jsonl"}};
    const char *dot = output->output ? strrchr(output->output, '.') : NULL;
    for (size_t i = 0; dot && i < sizeof formats / sizeof *formats - jsonl; i++)
        if (strcmp(dot + 1, formats[i].ending) == 0)
            return tm_fail(error, TM_USAGE,
                           "%.200s: -o takes arrays (.npy, .npz, .safetensors)%s; other records go "
                           "to the standard output: -f %s >%.200s",
                           output->output, jsonl ? " and records in .jsonl" : "", formats[i].format,
                           output->output);
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
