/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/synonyms.h"

#include <string.h>

#include "registry/nearest.h"

/* clang-format off */
static const tm_synonym commands[] = {
    {"predict", "classify", "classify", NULL},
    {"inference", "classify", "classify", NULL},
    {"infer", "classify", "classify", NULL},
    {"classification", "classify", "classify", NULL},
    {"run", "classify", "classify", NULL},
    {"eval", "validate", "validate", NULL},
    {"evaluate", "validate", "validate", NULL},
    {"accuracy", "validate", "validate", NULL},
    {"embed", "features", "features --kind pooled", NULL},
    {"embeddings", "features", "features --kind pooled", NULL},
    {"encode", "features", "features --kind pooled", NULL},
    {"vectorize", "features", "features --kind pooled", NULL},
    {"extract", "features", "features", NULL},
    {"feature-extraction", "features", "features", NULL},
    {"forward-features", "features", "features --kind unpooled", NULL},
    {"hidden-states", "forward-intermediates", "forward-intermediates", NULL},
    {"intermediates", "forward-intermediates", "forward-intermediates", NULL},
    {"get-intermediate-layers", "forward-intermediates", "forward-intermediates", NULL},
    {"transform", "preprocess", "preprocess", NULL},
    {"list-models", "list", "list", NULL},
    {"list-pretrained", "list", "list --pretrained", NULL},
    {"models", "list", "list", NULL},
    {"ls", "list", "list", NULL},
    {"search", "list", "list '*NAME*'", NULL},
    {"summary", "info", "info", NULL},
    {"describe", "info", "info", NULL},
    {"show", "info", "info", NULL},
    {"download", "pull", "pull", NULL},
    {"fetch", "pull", "pull", NULL},
    {"export", "convert", "convert", NULL},
    {"benchmark", "bench", "bench", NULL},
    {"profile", "bench", "bench --profile", NULL},
    {"time", "bench", "bench", NULL},
    {"train", NULL, "nothing: timmc only runs models", NULL},
    {"finetune", NULL, "nothing: timmc only runs models", NULL},
    {"serve", NULL, "nothing: there is no server; \"classify --files-from -\" reads names", NULL},
};

#define CPU_ONLY "leave it out: everything runs on the CPU"
#define NO_MODE "leave it out: the model is compiled and optimised as it is loaded"
#define STDOUT "the records go to the standard output: >FILE"
#define OPERANDS "inputs are operands: files and folders"

static const tm_synonym options[] = {
    {"batch-size", "batch", NULL, NULL},
    {"bs", "batch", NULL, NULL},
    {"j", "threads", NULL, NULL},
    {"jobs", "threads", NULL, NULL},
    {"workers", "threads", NULL, NULL},
    {"num-workers", "threads", NULL, NULL},
    {"num-threads", "threads", NULL, NULL},
    {"nthreads", "threads", NULL, NULL},
    {"intra-op-num-threads", "threads", NULL, NULL},
    {"json", "format", NULL, NULL},
    {"jsonl", "format", NULL, NULL},
    {"csv", "format", NULL, NULL},
    {"results-format", "format", NULL, NULL},
    {"output-format", "format", NULL, NULL},
    {"results-file", NULL, STDOUT, NULL},
    {"results-dir", NULL, STDOUT, NULL},
    {"no-console-results", "quiet", NULL, NULL},
    {"silent", "quiet", NULL, NULL},
    {"log-freq", "quiet", NULL, NULL},
    {"output", "output-file", "-o FILE", "classify -o FILE"},
    {"out", "output-file", "-o FILE", "classify -o FILE"},
    {"save", "output-file", "-o FILE", "classify -o FILE"},
    {"overwrite", "force", NULL, NULL},
    {"pooled", "kind", "--kind pooled", "features --kind pooled"},
    {"pool", "kind", "--kind pooled", "features --kind pooled"},
    {"embeddings", "kind", "--kind pooled", "features --kind pooled"},
    {"unpooled", "kind", "--kind unpooled", "features --kind unpooled"},
    {"normalize", "l2", NULL, "features --l2"},
    {"features-only", NULL, "\"timmc features\" is the command", NULL},
    {"return-prefix-tokens", "prefix-tokens", NULL, "forward-intermediates --prefix-tokens"},
    {"topk", "top", NULL, "classify --top K"},
    {"top-k", "top", NULL, "classify --top K"},
    {"output-type", "output", NULL, "classify --output prob|logit"},
    {"logits", "output", "--output logit", "classify --output logit"},
    {"label-type", "labels", NULL, "classify --labels FILE"},
    {"class-map", "labels", NULL, "classify --labels FILE"},
    {"class-names", "labels", NULL, "classify --labels FILE"},
    {"arch", "model", NULL, NULL},
    {"checkpoint", "weights", NULL, NULL},
    {"ckpt", "weights", NULL, NULL},
    {"resume", "weights", NULL, NULL},
    {"pretrained", NULL, "leave it out: weights are the pretrained ones unless --no-pretrained",
        NULL},
    {"use-ema", NULL, "leave it out: averaged weights come first, --no-ema takes the others", NULL},
    {"gp", "global-pool", NULL, NULL},
    {"test-pool", NULL, "there is no pooling of larger pictures at test time", NULL},
    {"input-size", "img-size", "--img-size N|H,W and --in-chans N", NULL},
    {"image-size", "img-size", NULL, NULL},
    {"imgsz", "img-size", NULL, NULL},
    {"resolution", "img-size", NULL, NULL},
    {"use-train-size", "size", "--size train", NULL},
    {"use-test-size", "size", "--size test", NULL},
    {"channels", "in-chans", NULL, NULL},
    {"resize-mode", "crop-mode", NULL, NULL},
    {"data", NULL, OPERANDS, NULL},
    {"data-dir", NULL, OPERANDS, NULL},
    {"dataset", NULL, OPERANDS, NULL},
    {"split", NULL, OPERANDS, NULL},
    {"input", NULL, OPERANDS, NULL},
    {"image", NULL, OPERANDS, NULL},
    {"i", NULL, OPERANDS, NULL},
    {"filelist", "files-from", NULL, NULL},
    {"num-samples", "limit", NULL, NULL},
    {"model-dir", "cache-dir", NULL, NULL},
    {"hf-home", "cache-dir", NULL, NULL},
    {"local-files-only", "offline", NULL, NULL},
    {"amp", "precision", "--precision bf16", NULL},
    {"amp-dtype", "precision", NULL, NULL},
    {"model-dtype", "precision", NULL, NULL},
    {"dtype", "precision", NULL, NULL},
    {"half", "precision", "--precision bf16", NULL},
    {"fp16", "precision", "--precision bf16", NULL},
    {"bf16", "precision", "--precision bf16", NULL},
    {"device", NULL, CPU_ONLY, NULL},
    {"gpu", NULL, CPU_ONLY, NULL},
    {"cuda", NULL, CPU_ONLY, NULL},
    {"num-gpu", NULL, CPU_ONLY, NULL},
    {"pin-mem", NULL, CPU_ONLY, NULL},
    {"no-prefetcher", NULL, CPU_ONLY, NULL},
    {"providers", NULL, CPU_ONLY, NULL},
    {"execution-provider", NULL, CPU_ONLY, NULL},
    {"channels-last", NULL, NO_MODE, NULL},
    {"torchscript", NULL, NO_MODE, NULL},
    {"torchcompile", NULL, NO_MODE, NULL},
    {"compile", NULL, NO_MODE, NULL},
    {"aot-autograd", NULL, NO_MODE, NULL},
    {"fuser", NULL, NO_MODE, NULL},
    {"fast-norm", NULL, NO_MODE, NULL},
    {"reparam", NULL, NO_MODE, NULL},
    {"seed", NULL, "nothing is random; made-up weights are --weights formula:SEED", NULL},
};
/* clang-format on */

static const tm_synonym *find(const tm_synonym *table, size_t count, const char *name)
{
    char wanted[64], theirs[64];
    tm_fold_name(name, wanted, sizeof wanted);
    const tm_synonym *begun = NULL;
    size_t length = strlen(wanted);
    for (size_t i = 0; i < count; i++) {
        tm_fold_name(table[i].theirs, theirs, sizeof theirs);
        if (strcmp(theirs, wanted) == 0)
            return &table[i];
        if (!begun && length >= 3 && strncmp(theirs, wanted, length) == 0)
            begun = &table[i];
    }
    return begun;
}

const tm_synonym *tm_command_synonym(const char *name)
{
    return find(commands, sizeof commands / sizeof *commands, name);
}

const tm_synonym *tm_option_synonym(const char *name)
{
    return find(options, sizeof options / sizeof *options, name);
}

const char *tm_misplaced_value(const char *option)
{
    static const struct {
        const char *option, *meant;
    } table[] = {
        {"output", "-o FILE writes the numbers to a file"},
        {"size", "--img-size N|H,W sets the input's size"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].option, option) == 0)
            return table[i].meant;
    return NULL;
}
