/* SPDX-License-Identifier: Apache-2.0 */
/* timm's csatv2.py: CSATv2, on the frequencies of 8x8 pixels. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "layers/classifier.h"
#include "layers/grn.h"
#include "layers/mlp.h"
#include "layers/patch_embed.h"
#include "layers/taps.h"
#include "layers/upsample.h"
#include "models/filters.h"
#include "models/model.h"

enum { STAGES = 4, BLOCK = 8, FREQUENCIES = BLOCK * BLOCK, GRID = 7, HEADS = 8, HEAD_DIM = 32 };

typedef struct csat_variant {
    const char *name;
    int dims[STAGES], depths[STAGES];
    int transformers[STAGES]; /* blocks at a stage's end */
} csat_variant;

static const csat_variant variants[] = {
    {"csatv2", {32, 72, 168, 386}, {2, 2, 8, 6}, {0, 0, 2, 2}},
    {"csatv2_21m", {48, 96, 224, 448}, {3, 3, 10, 8}, {0, 0, 4, 3}},
};

static const tm_norm norm = {.kind = TM_NORM_LAYER, .eps = 1e-6f};
static const tm_norm token_norm = {.kind = TM_NORM_LAYER, .eps = 1e-5f};

/* clang-format off */
/* of the coefficients of Y, Cb and Cr, as timm has measured them */
static const float means[3][FREQUENCIES] = {
    {932.42657f, -0.0026f, 0.33415f, -0.0284f, 3e-05f, -0.02792f, -0.00183f, 6e-05f, 0.00032f,
     0.03402f, -0.00571f, 0.0002f, 6e-05f, -0.00038f, -0.00558f, -0.00116f, 0, -0.00047f, -8e-05f,
     -0.0003f, 0.00942f, 0.00161f, -9e-05f, -6e-05f, -0.00014f, -0.00035f, 1e-05f, -0.0022f,
     0.00033f, -2e-05f, -3e-05f, -0.0002f, 7e-05f, 0, 5e-05f, 0.00293f, -4e-05f, 6e-05f, 0.00019f,
     4e-05f, 6e-05f, -0.00015f, -2e-05f, 7e-05f, 0.0001f, -4e-05f, 8e-05f, 0, 8e-05f, -1e-05f,
     0.00015f, 2e-05f, 7e-05f, 3e-05f, 4e-05f, -1e-05f, 4e-05f, 0, 2e-05f, 0, -8e-05f, 0, -3e-05f,
     3e-05f},
    {962.34735f, -0.00428f, 0.09835f, 0.00152f, -9e-05f, 0.00312f, -0.00141f, -1e-05f, -0.00013f,
     0.0105f, 0.00065f, 6e-05f, 0, 3e-05f, 0.00264f, 0, 1e-05f, 7e-05f, -6e-05f, 3e-05f, 0.00341f,
     0.00163f, 4e-05f, 3e-05f, -1e-05f, 8e-05f, 0, 0.0009f, 0.00018f, -6e-05f, -1e-05f, 7e-05f,
     -3e-05f, -1e-05f, 6e-05f, 0.00084f, 0, -1e-05f, 0, 4e-05f, -1e-05f, -2e-05f, 0, 1e-05f, 2e-05f,
     1e-05f, 4e-05f, 0.00011f, 0, -3e-05f, 0.00011f, -2e-05f, 1e-05f, 1e-05f, 1e-05f, 1e-05f,
     -7e-05f, -3e-05f, 1e-05f, 0, 1e-05f, 2e-05f, 1e-05f, 0},
    {1053.161f, -0.00213f, -0.09207f, 0.00186f, 0.00013f, 0.00034f, -0.00119f, 2e-05f, 0.00011f,
     -0.00984f, 0.00046f, -7e-05f, -1e-05f, -5e-05f, 0.0018f, 0.00042f, 2e-05f, -0.0001f, 4e-05f,
     3e-05f, -0.00301f, 0.00125f, -2e-05f, -3e-05f, -1e-05f, -1e-05f, -1e-05f, 0.00056f, 0.00021f,
     1e-05f, -1e-05f, 2e-05f, -1e-05f, -1e-05f, 5e-05f, -0.0007f, -2e-05f, -2e-05f, 5e-05f, -4e-05f,
     0, 2e-05f, -2e-05f, 1e-05f, 0, -3e-05f, 4e-05f, 7e-05f, 1e-05f, 0, 0.00013f, 0, 0, 2e-05f, 0,
     -1e-05f, -4e-05f, -3e-05f, 0, 1e-05f, -1e-05f, 1e-05f, 0, 0},
};

static const float variances[3][FREQUENCIES] = {
    {270372.38f, 6287.1065f, 5974.9404f, 1653.1089f, 1463.9175f, 1832.59f, 755.92468f, 692.41528f,
     648.57184f, 641.46881f, 285.79288f, 301.621f, 380.43405f, 349.84027f, 374.15891f, 190.3096f,
     190.76746f, 221.64578f, 200.82646f, 145.87979f, 126.92046f, 62.14622f, 67.75562f, 102.42001f,
     129.74922f, 130.04631f, 103.12189f, 97.76417f, 53.17402f, 54.81048f, 73.48712f, 81.04342f,
     69.351f, 49.06024f, 33.96053f, 37.03279f, 20.48858f, 24.9483f, 33.90822f, 44.54912f, 47.56363f,
     40.0316f, 30.43313f, 22.63899f, 26.53739f, 26.57114f, 21.84404f, 17.41557f, 15.18253f,
     10.69678f, 11.24111f, 12.97229f, 15.08971f, 15.31646f, 8.90409f, 7.44213f, 6.66096f, 6.97719f,
     4.17834f, 3.83882f, 4.51073f, 2.36646f, 2.41363f, 1.48266f},
    {18839.211f, 321.70932f, 300.15259f, 77.4783f, 76.02293f, 89.04748f, 33.99642f, 34.74807f,
     32.12333f, 28.19588f, 12.04675f, 14.26871f, 18.45779f, 16.59588f, 15.67892f, 7.37718f,
     8.56312f, 10.28946f, 9.41013f, 6.6909f, 5.16453f, 2.55186f, 3.03073f, 4.66765f, 5.85418f,
     5.74644f, 4.33702f, 3.66948f, 1.95107f, 2.26034f, 3.0638f, 3.50705f, 3.06359f, 2.19284f,
     1.54454f, 1.5786f, 0.97078f, 1.13941f, 1.48653f, 1.89996f, 1.95544f, 1.6495f, 1.24754f,
     0.93677f, 1.09267f, 1.09516f, 0.94163f, 0.78966f, 0.72489f, 0.50841f, 0.50909f, 0.55664f,
     0.63111f, 0.64125f, 0.38847f, 0.33378f, 0.30918f, 0.33463f, 0.20875f, 0.19298f, 0.21903f,
     0.1338f, 0.13444f, 0.09554f},
    {17127.398f, 292.81421f, 271.45209f, 66.64056f, 63.60253f, 76.35437f, 28.06587f, 27.84831f,
     25.96656f, 23.6037f, 9.99173f, 11.34992f, 14.46955f, 12.92553f, 12.69353f, 5.91537f, 6.60187f,
     7.90891f, 7.32825f, 5.32785f, 4.2966f, 2.13459f, 2.44135f, 3.66021f, 4.50335f, 4.38959f,
     3.34888f, 2.97181f, 1.60633f, 1.7701f, 2.35118f, 2.69018f, 2.38189f, 1.74596f, 1.26014f,
     1.31684f, 0.79327f, 0.92046f, 1.1767f, 1.47609f, 1.50914f, 1.28725f, 0.99898f, 0.74832f,
     0.85736f, 0.858f, 0.74663f, 0.63508f, 0.58748f, 0.41098f, 0.41121f, 0.44663f, 0.50277f,
     0.51519f, 0.31729f, 0.27336f, 0.25399f, 0.27241f, 0.17353f, 0.16255f, 0.1844f, 0.11602f,
     0.11511f, 0.0845f},
};
/* clang-format on */

/* ---- stem: from normalized RGB back to bytes, to YCbCr, to frequencies, normalized, to channels;
 * as all of it is linear, it is one convolution ---- */

static const float rgb_mean[3] = {0.485f, 0.456f, 0.406f}, rgb_std[3] = {0.229f, 0.224f, 0.225f};

/* What red, green and blue, and 1, are to Y, Cb and Cr. */
static void to_ycbcr(double to[3][4])
{
    static const double y[3] = {0.299, 0.587, 0.114};
    for (int i = 0; i < 3; i++) {
        to[0][i] = y[i];
        to[1][i] = 0.564 * ((i == 2) - y[i]);
        to[2][i] = 0.713 * ((i == 0) - y[i]);
    }
    to[0][3] = 0;
    to[1][3] = to[2][3] = 128;
}

/* Row `order` of the coefficients in the order of JPEG's zigzag: diagonal by diagonal. */
static void zigzag(int order[FREQUENCIES])
{
    int count = 0;
    for (int sum = 0; sum < 2 * BLOCK - 1; sum++)
        for (int k = 0; k < BLOCK; k++) {
            int i = sum % 2 ? k : BLOCK - 1 - k, j = sum - i;
            if (j >= 0 && j < BLOCK)
                order[count++] = i * BLOCK + j;
        }
}

/* The weights that each coefficient has of the pixels: [pixel, coefficient]. */
static tm_node *transform(tm_builder *b)
{
    int order[FREQUENCIES];
    int64_t square[] = {FREQUENCIES, FREQUENCIES};
    tm_node *one = tm_buffer_param(b, "transform.transform.weights", 2, (int64_t[]){BLOCK, BLOCK});
    tm_node *rows = tm_const_reshape(b, one, 4, (int64_t[]){BLOCK, 1, BLOCK, 1});
    tm_node *columns = tm_const_reshape(b, one, 4, (int64_t[]){1, BLOCK, 1, BLOCK});
    tm_node *both = tm_const_reshape(b, tm_const_mul(b, rows, columns), 2, square);
    zigzag(order);
    both = tm_const_gather(b, both, FREQUENCIES, order);
    return tm_const_permute(b, both, (int[]){1, 0});
}

/* What a 1x1 convolution makes of the normalized coefficients of a plane (Y, Cb or Cr), as a
 * convolution of the picture. */
static tm_branch plane_branch(tm_builder *b, const char *name, int out, int plane, tm_node *pixels)
{
    float scale[FREQUENCIES], shift[FREQUENCIES], constant[FREQUENCIES], rgb[3];
    double to[3][4], level;
    int64_t row[] = {1, FREQUENCIES}, biases = out;
    to_ycbcr(to);
    level = to[plane][3];
    for (int i = 0; i < 3; i++) {
        level += 255 * rgb_mean[i] * to[plane][i];
        rgb[i] = (float)(255 * rgb_std[i] * to[plane][i]);
    }
    for (int i = 0; i < FREQUENCIES; i++) {
        double std = sqrt((double)variances[plane][i]) + 1e-8;
        scale[i] = (float)(1 / std);
        shift[i] = (float)(-means[plane][i] / std);
        constant[i] = (float)level;
    }
    tm_push(b, "%s", name);
    tm_node *weight = tm_param4(b, "weight", out, FREQUENCIES, 1, 1);
    tm_node *bias = tm_param1(b, "bias", out);
    tm_pop(b);
    weight = tm_const_reshape(b, weight, 2, (int64_t[]){out, FREQUENCIES});
    tm_node *shifts = tm_const_linear(b, weight, tm_literal(b, 2, row, shift), NULL);
    weight = tm_const_mul(b, weight, tm_literal(b, 2, row, scale));
    weight = tm_const_linear(b, weight, pixels, NULL);
    tm_node *levels = tm_const_linear(b, weight, tm_literal(b, 2, row, constant), NULL);
    shifts = tm_const_reshape(b, tm_const_add(b, shifts, levels), 1, &biases);
    weight = tm_const_reshape(b, weight, 3, (int64_t[]){out, 1, FREQUENCIES});
    weight = tm_const_mul(b, weight, tm_literal(b, 3, (int64_t[]){1, 3, 1}, rgb));
    weight = tm_const_reshape(b, weight, 4, (int64_t[]){out, 3, BLOCK, BLOCK});
    return (tm_branch){weight, tm_const_add(b, bias, shifts)};
}

static tm_node *stem(tm_builder *b, int width)
{
    static const char *const names[] = {"conv_y", "conv_cb", "conv_cr"};
    tm_node *x = b->graph->input, *weights[3], *biases[3];
    if (x->shape.c != 3)
        tm_refuse(b, "%d input channels: the stem takes red, green and blue", x->shape.c);
    if (x->shape.h % BLOCK || x->shape.w % BLOCK)
        tm_refuse(b, "picture %dx%d: the stem cuts it into blocks of %dx%d pixels", x->shape.h,
                  x->shape.w, BLOCK, BLOCK);
    tm_push(b, "stem_dct");
    tm_node *pixels = transform(b);
    for (int i = 0; i < 3; i++) {
        tm_branch plane = plane_branch(b, names[i], i ? width / 8 : width / 8 * 6, i, pixels);
        weights[i] = plane.weight;
        biases[i] = plane.bias;
    }
    tm_pop(b);
    return tm_conv2d_with(
        b, "stem_dct", x, tm_const_concat(b, 3, weights, 0), tm_const_concat(b, 3, biases, 0),
        (tm_conv){.out = width, .kernel = BLOCK, .stride = BLOCK, .padding = TM_PAD_VALID});
}

/* ---- blocks ---- */

/* timm's PosConv, by a depthwise convolution added to the map */
static tm_node *encode_positions(tm_builder *b, tm_node *x)
{
    tm_conv conv = {.out = x->shape.c, .kernel = 3, .groups = TM_DEPTHWISE, .bias = true};
    return tm_add(b, tm_conv2d(b, "pos_embed.proj", x, conv), x);
}

/* timm's SpatialTransformerBlock, on a map of one channel. It attends across the pictures of a
 * batch: one picture alone sees itself, so that v is the answer. */
static tm_node *attend_spatially(tm_builder *b, tm_node *x)
{
    tm_ffn ffn = {.hidden = 4, .act = TM_ACT_GELU};
    tm_node *y = encode_positions(b, tm_normalize(b, "norm1", x, token_norm));
    x = tm_add(b, x, tm_slice_c(b, tm_linear(b, "qkv", y, 3, false), 2, 1));
    return tm_add(b, x, tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, token_norm), ffn));
}

/* A factor for each pixel. */
static tm_node *spatial_attention(tm_builder *b, tm_node *x)
{
    int h = x->shape.h, w = x->shape.w;
    tm_node *parts[] = {tm_reduce_c(b, x, TM_REDUCE_AVG), tm_reduce_c(b, x, TM_REDUCE_MAX)};
    tm_push(b, "attn");
    tm_node *y = tm_adaptive_avg_pool2d(b, tm_concat_c(b, 2, parts), GRID, GRID);
    y = tm_conv2d(b, "conv", y, (tm_conv){.out = 1, .kernel = 7, .bias = true});
    tm_push(b, "attn");
    y = attend_spatially(b, y);
    tm_pop(b);
    tm_pop(b);
    return tm_mul(b, x, tm_resize_bilinear(b, y, h, w, true));
}

static tm_node *conv_block(tm_builder *b, tm_node *x)
{
    int c = x->shape.c;
    tm_conv depthwise = {.out = c, .kernel = 7, .groups = TM_DEPTHWISE, .bias = true};
    tm_node *y = tm_normalize(b, "norm", tm_conv2d(b, "dwconv", x, depthwise), norm);
    y = tm_activate(b, tm_linear(b, "pwconv1", y, 4 * c, true), TM_ACT_GELU);
    y = tm_linear(b, "pwconv2", tm_global_response_norm(b, "grn", y), c, true);
    return tm_add(b, x, spatial_attention(b, y));
}

static tm_node *transformer_block(tm_builder *b, tm_node *x)
{
    int h = x->shape.h, w = x->shape.w, c = x->shape.c, all = HEADS * HEAD_DIM;
    tm_ffn ffn = {.hidden = 4 * c, .act = TM_ACT_GELU};
    tm_node *y = encode_positions(b, tm_normalize(b, "norm1", x, token_norm));
    tm_push(b, "attn");
    y = tm_linear(b, "qkv", tm_map_tokens(b, y), 3 * all, false);
    y = tm_attend(b, tm_slice_c(b, y, 0, all), tm_slice_c(b, y, all, all),
                  tm_slice_c(b, y, 2 * all, all), (tm_attention){.heads = HEADS});
    y = tm_linear(b, "proj", tm_reshape(b, y, h, w, all), c, true);
    tm_pop(b);
    x = tm_add(b, x, y);
    return tm_add(b, x, tm_feed_forward(b, "mlp", tm_normalize(b, "norm2", x, token_norm), ffn));
}

static tm_node *stage(tm_builder *b, const csat_variant *v, tm_node *x, int index)
{
    int depth = v->depths[index], convs = depth - v->transformers[index], first = index > 0;
    char name[16];
    tm_push(b, "stages.%d", index);
    if (index)
        x = tm_conv2d(b, "0", x,
                      (tm_conv){.out = v->dims[index],
                                .kernel = 2,
                                .stride = 2,
                                .padding = TM_PAD_VALID,
                                .bias = true});
    for (int i = 0; i < depth; i++) {
        tm_push(b, "%d", first + i);
        x = i < convs ? conv_block(b, x) : transformer_block(b, x);
        tm_pop(b);
    }
    snprintf(name, sizeof name, "%d", first + depth);
    if (index < STAGES - 1)
        x = tm_normalize(b, name, x, norm);
    tm_pop(b);
    return x;
}

static void build(tm_builder *b, const void *variant)
{
    const csat_variant *v = variant;
    tm_node *x = stem(b, v->dims[0]);
    tm_tap_stage(b, "stem_dct", x, BLOCK);
    for (int i = 0; i < STAGES; i++) {
        x = stage(b, v, x, i);
        tm_tap_stage_of(b, "stages", i, x, BLOCK << i);
    }
    b->graph->default_features = STAGES;
    b->graph->pruning = TM_PRUNING_OWN; /* its norm, too, is part of the head */
    tm_tap_final(b, x);
    tm_norm_mlp_head(b, "head", x, (tm_mlp_head){.pool = "avg", .norm = norm});
}

/* ---- checkpoints ---- */

/* The authors number stages from 1, and what is between two ends the first of them (where it does
 * in csatv2). */
static void rename_stage(tm_state_dict *dict, tm_tensor_view *view)
{
    static const int last[] = {0, 3, 3, 9};
    int stage, part, end = 0;
    sscanf(view->name, "stages%1d.%4d.%n", &stage, &part, &end);
    if (!end || stage < 1 || stage > STAGES)
        return;
    if (stage < STAGES && part == last[stage])
        tm_state_rename(dict, view, "stages.%d.0.%s", stage, view->name + end);
    else
        tm_state_rename(dict, view, "stages.%d.%d.%s", stage - 1, part + (stage > 1),
                        view->name + end);
}

static void flatten(tm_state_dict *dict, tm_tensor_view *view)
{
    int64_t elements = (int64_t)tm_view_elements(view);
    tm_state_reshape(dict, view, 1, &elements);
}

static void filter(tm_state_dict *dict, const tm_graph *graph, const void *variant)
{
    static const tm_replacement names[] = {{".Y_Conv.", ".conv_y."},
                                           {".Cb_Conv.", ".conv_cb."},
                                           {".Cr_Conv.", ".conv_cr."},
                                           {"grn.gamma", "grn.weight"},
                                           {"grn.beta", "grn.bias"},
                                           {".ff.net.0.", ".mlp.fc1."},
                                           {".ff.net.3.", ".mlp.fc2."},
                                           {".ff_norm.", ".norm2."},
                                           {".attn_norm.", ".norm1."},
                                           {".attention.attention.attn.to_qkv.", ".attn.attn.qkv."},
                                           {".attention.attention.attn.", ".attn.attn."},
                                           {".attention.attention.", ".attn.attn."},
                                           {".attention.", ".attn."},
                                           {".attn.to_qkv.", ".attn.qkv."},
                                           {".attn.to_out.0.", ".attn.proj."}};
    (void)graph, (void)variant;
    if (tm_state_find(dict, "stages.0.0.grn.weight"))
        return;
    tm_state_replace_prefix(dict, "dct.", "stem_dct.");
    tm_replace_all(dict, names, sizeof names / sizeof *names);
    for (size_t i = 0; i < dict->count; i++) {
        tm_tensor_view *view = &dict->tensors[i];
        rename_stage(dict, view);
        if (strstr(view->name, "grn."))
            flatten(dict, view);
        const char *positions = strstr(view->name, ".attn.pos_embed.");
        if (positions && !strstr(view->name, ".attn.attn."))
            tm_state_rename(dict, view, "%.*s%s", (int)(positions - view->name), view->name,
                            positions + strlen(".attn"));
    }
    tm_state_replace_prefix(dict, "head.", "head.fc.");
    tm_state_replace_prefix(dict, "norm.", "head.norm.");
}

const tm_family tm_family_csatv2 = {
    .module = "csatv2", TM_VARIANTS(variants), .build = build, .filter = filter};
