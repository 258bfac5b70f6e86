/* SPDX-License-Identifier: Apache-2.0 */
#include "models/block_strings.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"

static int whole(const char **text)
{
    TM_ASSERT(**text >= '0' && **text <= '9');
    int value = 0;
    for (; **text >= '0' && **text <= '9'; ++*text)
        value = value * 10 + (**text - '0');
    return value;
}

/* not strtod: its decimal point depends on the locale */
static double decimal(const char **text)
{
    int value = whole(text);
    if (**text != '.')
        return value;
    const char *fraction = ++*text;
    int digits = whole(text);
    double scale = pow(10.0, (double)(*text - fraction));
    return (value * scale + digits) / scale;
}

static tm_kernel_sizes kernel_sizes(const char **text)
{
    tm_kernel_sizes kernel = {.count = 1, .sizes = {whole(text)}};
    while (**text == '.') {
        ++*text;
        TM_ASSERT(kernel.count < TM_MAX_MIXED);
        kernel.sizes[kernel.count++] = whole(text);
    }
    return kernel;
}

static tm_act_kind activation(const char *name)
{
    static const struct {
        const char *name;
        tm_act_kind act;
    } names[] = {{"re", TM_ACT_RELU},
                 {"r6", TM_ACT_RELU6},
                 {"hs", TM_ACT_HARD_SWISH},
                 {"sw", TM_ACT_SILU},
                 {"mi", TM_ACT_MISH}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(name, names[i].name, 2) == 0)
            return names[i].act;
    TM_BUG("a block string with an unknown activation");
}

static bool starts(const char **text, const char *word)
{
    size_t n = strlen(word);
    if (strncmp(*text, word, n) != 0)
        return false;
    *text += n;
    return true;
}

/* where a key is the beginning of another one, the longer stands first */
static void decode_option(const char **text, tm_block_args *block)
{
    if (starts(text, "noskip")) {
        block->no_skip = true;
    } else if (starts(text, "skip")) {
        block->skip = true;
    } else if (starts(text, "n")) {
        block->act = activation(*text);
        *text += 2;
    } else if (starts(text, "se")) {
        block->se_ratio = decimal(text);
    } else if (starts(text, "s")) {
        block->stride = whole(text);
    } else if (starts(text, "r")) {
        block->repeat = whole(text);
    } else if (starts(text, "k")) {
        block->kernel = kernel_sizes(text);
    } else if (starts(text, "a")) {
        block->expansion_kernel = kernel_sizes(text);
    } else if (starts(text, "p")) {
        block->projection_kernel = kernel_sizes(text);
    } else if (starts(text, "e")) {
        block->expansion = decimal(text);
    } else if (starts(text, "cc")) {
        block->experts = whole(text);
    } else if (starts(text, "c")) {
        block->out = whole(text);
    } else if (starts(text, "fc")) {
        block->expansion_in = whole(text);
    } else if (starts(text, "gs")) {
        block->group_size = whole(text);
    } else if (starts(text, "h")) {
        block->heads = whole(text);
    } else if (starts(text, "v")) {
        block->kv_stride = whole(text);
    } else if (block->type == TM_BLOCK_MQA && starts(text, "d")) {
        block->head_width = whole(text);
    } else if (starts(text, "d")) {
        block->space_to_depth = whole(text) > 0;
    } else {
        TM_BUG("a block string with an unknown option");
    }
}

static void decode_type(const char **text, tm_block_args *block)
{
    if (starts(text, "dsa")) {
        block->type = TM_BLOCK_DS;
        block->end_act = block->no_skip = true;
    } else if (starts(text, "ds")) {
        block->type = TM_BLOCK_DS;
    } else if (starts(text, "ir")) {
        block->type = TM_BLOCK_IR;
    } else if (starts(text, "er")) {
        block->type = TM_BLOCK_ER;
    } else if (starts(text, "cn")) {
        block->type = TM_BLOCK_CN;
    } else if (starts(text, "uir")) {
        block->type = TM_BLOCK_UIR;
        block->expansion_kernel.sizes[0] = block->projection_kernel.sizes[0] = 0;
    } else if (starts(text, "mqa")) {
        block->type = TM_BLOCK_MQA;
        block->kv_stride = 1;
    } else {
        TM_BUG("a block string of unknown type");
    }
}

static tm_block_args decode_block(const char **text)
{
    static const tm_kernel_sizes pointwise = {.count = 1, .sizes = {1}};
    tm_block_args block = {.expansion_kernel = pointwise,
                           .projection_kernel = pointwise,
                           .expansion = 1.0,
                           .group_size = -1};
    decode_type(text, &block);
    while (starts(text, "_"))
        decode_option(text, &block);
    TM_ASSERT(**text == ' ' || **text == '\0');
    TM_ASSERT(block.repeat && block.out && block.kernel.count);
    TM_ASSERT(block.stride == 1 || block.stride == 2);
    return block;
}

void tm_decode_stage(const char *strings, tm_stage_args *stage)
{
    stage->count = 0;
    do {
        TM_ASSERT(stage->count < TM_MAX_STAGE_BLOCKS);
        stage->blocks[stage->count++] = decode_block(&strings);
    } while (starts(&strings, " "));
}

/* Python's round is C's rint: halves go to the even number. */
void tm_scale_depth(tm_stage_args *stage, double multiplier, bool round_depth)
{
    int total = 0;
    for (int i = 0; i < stage->count; i++)
        total += stage->blocks[i].repeat;
    double depth = total * multiplier;
    int scaled = round_depth ? (int)fmax(1.0, rint(depth)) : (int)ceil(depth);
    for (int i = stage->count - 1; i >= 0; i--) {
        int repeat = stage->blocks[i].repeat;
        int share = (int)fmax(1.0, rint((double)repeat / total * scaled));
        stage->blocks[i].repeat = share;
        total -= repeat;
        scaled -= share;
    }
}
