/* SPDX-License-Identifier: Apache-2.0 */
/* timm's coat.py: Co-Scale Conv-Attentional Image Transformers (2104.06399). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "layers/classifier.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/pool1d.h"
#include "layers/talking_heads.h"
#include "layers/taps.h"
#include "layers/upsample.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 4, HEADS = 8, PATCH = 4, PARALLEL = 6, WINDOWS = 3 };

typedef struct coat_variant {
    const char *name, *same_as;
    int dims[STAGES], depths[STAGES];
    bool parallel;  /* blocks in which the last three scales, of one width, see one another */
    bool wide_mlps; /* eight times the width in the first two stages, not four times */
} coat_variant;

/* clang-format off */
#define LITE .dims = {64, 128, 320, 512}, .wide_mlps = true
#define FULL .depths = {2, 2, 2, 2}, .parallel = true

static const coat_variant variants[] = {
    {.name = "coat_lite_medium", .dims = {128, 256, 320, 512}, .depths = {3, 6, 10, 8}},
    {.name = "coat_lite_medium_384", .same_as = "coat_lite_medium"},
    {.name = "coat_lite_mini", LITE, .depths = {2, 2, 2, 2}},
    {.name = "coat_lite_small", LITE, .depths = {3, 4, 6, 3}},
    {.name = "coat_lite_tiny", .dims = {64, 128, 256, 320}, .depths = {2, 2, 2, 2},
     .wide_mlps = true},
    {.name = "coat_mini", .dims = {152, 216, 216, 216}, FULL},
    {.name = "coat_small", .dims = {152, 320, 320, 320}, FULL},
    {.name = "coat_tiny", .dims = {152, 152, 152, 152}, FULL},
};
/* clang-format on */

/* Heads see their neighbours through windows of this size: so many heads each. */
static const struct {
    int kernel, heads;
} windows[WINDOWS] = {{3, 2}, {5, 3}, {7, 3}};

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};
static const tm_norm embed_norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};

/* Tokens of a scale, the class's first. */
typedef struct scale {
    tm_node *x;
    int h, w;
} scale;

static tm_node *map_of(tm_builder *b, tm_node *x, int h, int w)
{
    return tm_reshape(b, tm_slice_w(b, x, 1, h * w), h, w, x->shape.c);
}

static tm_node *with_token(tm_builder *b, tm_node *token, tm_node *map)
{
    return tm_concat_w(b, 2, (tm_node *[]){token, tm_map_tokens(b, map)});
}

/* ---- tensors of several names ----
 * Blocks share what encodes positions, and the last of them in timm's order names it here: of a
 * checkpoint whose copies differ, it is the one that timm's model has in the end. */

typedef void declare_fn(tm_builder *b, int width);

static void declare_pair(tm_builder *b, const char *name, int channels, int kernel)
{
    int64_t dims[] = {channels, 1, kernel, kernel};
    tm_push(b, "%s", name);
    tm_unused_param(b, "weight", 4, dims, false);
    tm_unused_param(b, "bias", 1, dims, false);
    tm_pop(b);
}

static void declare_cpe(tm_builder *b, int width)
{
    declare_pair(b, "proj", width, 3);
}

static void declare_crpe(tm_builder *b, int width)
{
    for (int i = 0; i < WINDOWS; i++) {
        char name[16];
        snprintf(name, sizeof name, "conv_list.%d", i);
        declare_pair(b, name, width / HEADS * windows[i].heads, windows[i].kernel);
    }
}

static void declare_mlp(tm_builder *b, int width)
{
    int64_t in[] = {4 * width, width}, out[] = {width, 4 * width};
    tm_unused_param(b, "fc1.weight", 2, in, false);
    tm_unused_param(b, "fc1.bias", 1, in, false);
    tm_unused_param(b, "fc2.weight", 2, out, false);
    tm_unused_param(b, "fc2.bias", 1, out, false);
}

static void declare(tm_builder *b, declare_fn *what, int width, const char *scope)
{
    tm_push(b, "%s", scope);
    what(b, width);
    tm_pop(b);
}

/* All names of what is shared; those that the network has made are there already. */
static void declare_shared(tm_builder *b, const coat_variant *v)
{
    char scope[64];
    for (int s = 0; s < STAGES; s++) {
        snprintf(scope, sizeof scope, "cpe%d", s + 1);
        declare(b, declare_cpe, v->dims[s], scope);
        snprintf(scope, sizeof scope, "crpe%d", s + 1);
        declare(b, declare_crpe, v->dims[s], scope);
        for (int i = 0; i < v->depths[s]; i++) {
            snprintf(scope, sizeof scope, "serial_blocks%d.%d.cpe", s + 1, i);
            declare(b, declare_cpe, v->dims[s], scope);
            snprintf(scope, sizeof scope, "serial_blocks%d.%d.factoratt_crpe.crpe", s + 1, i);
            declare(b, declare_crpe, v->dims[s], scope);
        }
        for (int i = 0; i < PARALLEL && v->parallel && s; i++) {
            snprintf(scope, sizeof scope, "parallel_blocks.%d.factoratt_crpe%d.crpe", i, s + 1);
            declare(b, declare_crpe, v->dims[s], scope);
            snprintf(scope, sizeof scope, "parallel_blocks.%d.mlp%d", i, s + 1);
            declare(b, declare_mlp, v->dims[s], scope);
        }
    }
}

static void push_crpe(tm_builder *b, const coat_variant *v, int stage)
{
    if (v->parallel && stage)
        tm_push(b, "parallel_blocks.%d.factoratt_crpe%d.crpe", PARALLEL - 1, stage + 1);
    else
        tm_push(b, "serial_blocks%d.%d.factoratt_crpe.crpe", stage + 1, v->depths[stage] - 1);
}

/* ---- blocks ---- */

/* Convolutional position encoding of the map: x + a depthwise convolution. */
static tm_node *encode_positions(tm_builder *b, const coat_variant *v, scale at, int stage)
{
    tm_node *map = map_of(b, at.x, at.h, at.w);
    tm_push(b, "serial_blocks%d.%d.cpe", stage + 1, v->depths[stage] - 1);
    tm_node *y = tm_conv2d(
        b, "proj", map,
        (tm_conv){.out = map->shape.c, .kernel = 3, .groups = TM_DEPTHWISE, .bias = true});
    tm_pop(b);
    return with_token(b, tm_slice_w(b, at.x, 0, 1), tm_add(b, map, y));
}

/* What heads see of v around their pixel, times q; nothing for the class token. */
static tm_node *relative_positions(tm_builder *b, const coat_variant *v, tm_node *q, tm_node *value,
                                   scale at, int stage)
{
    int c = value->shape.c, begin = 0;
    tm_node *map = map_of(b, value, at.h, at.w), *parts[WINDOWS];
    push_crpe(b, v, stage);
    for (int i = 0; i < WINDOWS; i++) {
        char name[16];
        int channels = c / HEADS * windows[i].heads;
        snprintf(name, sizeof name, "conv_list.%d", i);
        parts[i] = tm_conv2d(b, name, tm_slice_c(b, map, begin, channels),
                             (tm_conv){.out = channels,
                                       .kernel = windows[i].kernel,
                                       .groups = TM_DEPTHWISE,
                                       .bias = true});
        begin += channels;
    }
    tm_pop(b);
    tm_node *seen = tm_mul(b, tm_concat_c(b, WINDOWS, parts), map_of(b, q, at.h, at.w));
    tm_node *nothing = tm_literal(b, 1, (int64_t[]){1}, (float[]){0.0f});
    return with_token(b, tm_const_repeat(b, nothing, c), seen);
}

/* timm's FactorAttnConvRelPosEnc: scale * q (softmax(k)^T v), the softmax over the tokens */
static tm_node *attend(tm_builder *b, const coat_variant *v, const char *scope, tm_node *x,
                       scale at, int stage)
{
    int c = x->shape.c, tokens = x->shape.w;
    float factor = (float)(1 / sqrt((double)c / HEADS));
    tm_push(b, "%s", scope);
    tm_node *qkv = tm_linear(b, "qkv", x, 3 * c, true);
    tm_pop(b);
    tm_node *q = tm_slice_c(b, qkv, 0, c), *value = tm_slice_c(b, qkv, 2 * c, c);
    tm_node *k = tm_softmax_c(b, tm_transpose(b, tm_slice_c(b, qkv, c, c)), 1);
    k = tm_reshape(b, k, HEADS, c / HEADS, tokens);
    tm_node *y = tm_matmul(b, k, tm_head_rows(b, value, HEADS));
    y = tm_join_head_rows(b, tm_matmul(b, tm_head_rows(b, q, HEADS), y));
    y = tm_affine(b, y, factor, 0.0f);
    y = tm_add(b, y, relative_positions(b, v, q, value, at, stage));
    tm_push(b, "%s", scope);
    y = tm_linear(b, "proj", y, c, true);
    tm_pop(b);
    return y;
}

static tm_node *normalize(tm_builder *b, const char *scope, const char *name, tm_node *x)
{
    tm_push(b, "%s", scope);
    x = tm_normalize(b, name, x, norm);
    tm_pop(b);
    return x;
}

static tm_node *feed_forward(tm_builder *b, const char *scope, const char *name, tm_node *x,
                             int ratio)
{
    tm_push(b, "%s", scope);
    x = tm_feed_forward(b, name, x, (tm_ffn){.hidden = ratio * x->shape.c, .act = TM_ACT_GELU});
    tm_pop(b);
    return x;
}

static tm_node *serial_block(tm_builder *b, const coat_variant *v, scale at, int stage, int index)
{
    char scope[32], attention[64];
    snprintf(scope, sizeof scope, "serial_blocks%d.%d", stage + 1, index);
    snprintf(attention, sizeof attention, "%s.factoratt_crpe", scope);
    tm_node *x = encode_positions(b, v, at, stage);
    tm_node *y = attend(b, v, attention, normalize(b, scope, "norm1", x), at, stage);
    x = tm_add(b, x, y);
    y = normalize(b, scope, "norm2", x);
    return tm_add(b, x, feed_forward(b, scope, "mlp", y, v->wide_mlps && stage < 2 ? 8 : 4));
}

/* Every scale's answer is the sum of all of them at its size; those of the class token likewise. */
static void exchange(tm_builder *b, const scale *scales, tm_node **x)
{
    tm_node *token = tm_slice_w(b, x[1], 0, 1), *maps[STAGES], *sum;
    for (int s = 1; s < STAGES; s++)
        maps[s] = map_of(b, x[s], scales[s].h, scales[s].w);
    for (int s = 2; s < STAGES; s++)
        token = tm_add(b, token, tm_slice_w(b, x[s], 0, 1));
    for (int s = 1; s < STAGES; s++) {
        sum = maps[s];
        for (int other = 1; other < STAGES; other++)
            if (other != s)
                sum = tm_add(b, sum,
                             tm_resize_bilinear(b, maps[other], scales[s].h, scales[s].w, false));
        x[s] = with_token(b, token, sum);
    }
}

static void parallel_block(tm_builder *b, const coat_variant *v, scale *scales, int index)
{
    char scope[32], name[16], attention[64];
    tm_node *y[STAGES] = {0};
    snprintf(scope, sizeof scope, "parallel_blocks.%d", index);
    for (int s = 1; s < STAGES; s++) {
        scales[s].x = encode_positions(b, v, scales[s], s);
        snprintf(name, sizeof name, "norm1%d", s + 1);
        snprintf(attention, sizeof attention, "%s.factoratt_crpe%d", scope, s + 1);
        y[s] = attend(b, v, attention, normalize(b, scope, name, scales[s].x), scales[s], s);
    }
    exchange(b, scales, y);
    for (int s = 1; s < STAGES; s++) {
        scales[s].x = tm_add(b, scales[s].x, y[s]);
        snprintf(name, sizeof name, "norm2%d", s + 1);
        y[s] = feed_forward(b, scope, "mlp4", normalize(b, scope, name, scales[s].x), 4);
        scales[s].x = tm_add(b, scales[s].x, y[s]);
    }
}

/* ---- the network ---- */

static scale serial_stage(tm_builder *b, const coat_variant *v, tm_node *map, int stage)
{
    char name[16];
    snprintf(name, sizeof name, "patch_embed%d", stage + 1);
    map = tm_patch_embed(b, name, map, v->dims[stage], stage ? 2 : PATCH, true);
    tm_push(b, "%s", name);
    map = tm_normalize(b, "norm", map, embed_norm);
    tm_pop(b);
    snprintf(name, sizeof name, "cls_token%d", stage + 1);
    scale at = {.h = map->shape.h, .w = map->shape.w};
    at.x = with_token(b, tm_param3(b, name, 1, 1, v->dims[stage]), map);
    for (int i = 0; i < v->depths[stage]; i++)
        at.x = serial_block(b, v, at, stage, i);
    return at;
}

static void parallel_stage(tm_builder *b, const coat_variant *v, scale *scales)
{
    scale second = scales[1], last = scales[STAGES - 1];
    if (second.h != 4 * last.h || second.w != 4 * last.w)
        tm_refuse(b, "%dx%d and %dx%d patches: scales fit only where each halves the one before",
                  second.h, second.w, last.h, last.w);
    for (int i = 0; i < PARALLEL && !b->graph->error.status; i++)
        parallel_block(b, v, scales, i);
}

static tm_node *pooled(tm_builder *b, tm_node *x)
{
    const char *pool = tm_pool_kind(b, "token");
    if (strcmp(pool, "avg") != 0 && strcmp(pool, "token") != 0)
        tm_refuse(b, "global pool '%s': this family has token or avg", pool);
    return tm_pool_tokens(b, x, pool, 1);
}

/* `normed`: from the second scale on; one sum of the three, whose weights are learned, where they
 * are in parallel */
static void head(tm_builder *b, const coat_variant *v, tm_node *const *normed)
{
    tm_node *x = pooled(b, normed[STAGES - 1]);
    if (v->parallel) {
        tm_node *parts[] = {pooled(b, normed[1]), pooled(b, normed[2]), x};
        tm_push(b, "aggregate");
        tm_node *weight = tm_param3(b, "weight", 1, STAGES - 1, 1);
        weight = tm_constant_activation(b, weight, 1, 1, STAGES - 1);
        tm_node *bias = tm_constant_activation(b, tm_param1(b, "bias", 1), 1, 1, 1);
        x = tm_add(b, tm_matmul(b, weight, tm_concat_w(b, STAGES - 1, parts)), bias);
        tm_pop(b);
    }
    tm_classifier(b, x, TM_LAYOUT_VECTOR, "head");
}

static void tap_scale(tm_builder *b, const coat_variant *v, scale at, tm_node *normed, int stage)
{
    char module[32];
    snprintf(module, sizeof module, "serial_blocks%d", stage + 1);
    tm_node *map = map_of(b, at.x, at.h, at.w);
    tm_tap_feature(b, v->parallel && stage ? "parallel_blocks" : module, map, PATCH << stage);
    if (normed && tm_option_norm_intermediates(b))
        map = map_of(b, normed, at.h, at.w);
    tm_tap_intermediate(b, map, TM_LAYOUT_MAP);
}

static void build(tm_builder *b, const void *variant)
{
    const coat_variant *v = variant;
    scale scales[STAGES];
    tm_node *normed[STAGES] = {0}, *map = b->graph->input;
    for (int s = 0; s < STAGES; s++) {
        scales[s] = serial_stage(b, v, map, s);
        map = map_of(b, scales[s].x, scales[s].h, scales[s].w);
    }
    if (v->parallel)
        parallel_stage(b, v, scales);
    declare_shared(b, v);
    for (int s = 0; s < STAGES; s++) {
        char name[16];
        snprintf(name, sizeof name, "norm%d", s + 1);
        if (s == STAGES - 1 || (v->parallel && s))
            normed[s] = tm_normalize(b, name, scales[s].x, norm);
        tap_scale(b, v, scales[s], normed[s], s);
        if (normed[s])
            tm_tap_final_tokens(b, normed[s]);
    }
    b->graph->pruning = TM_PRUNING_OWN;
    head(b, v, normed);
}

/* The authors' models have norms that nothing reads. */
static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const char *const names[] = {"norm2", "norm3", "aggregate"};
    (void)graph;
    tm_state_drop_prefix(dict, "norm1");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!((const coat_variant *)variant)->parallel)
            tm_state_drop_prefix(dict, names[i]);
}

static const tm_argument arguments[] = {
    TM_TAKES(coat_variant, "embed_dims", LIST, dims, TM_WIDTHS, "coat_small"),
    TM_TAKES(coat_variant, "serial_depths", LIST, depths, TM_DEPTHS, "coat_small"),
};

const tm_family tm_family_coat = {.module = "coat",
                                  TM_VARIANTS(variants),
                                  TM_ARGUMENTS(arguments),
                                  .same_as = offsetof(coat_variant, same_as),
                                  .build = build,
                                  .filter = filter};
