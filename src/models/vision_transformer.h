/* SPDX-License-Identifier: Apache-2.0 */
/* timm's VisionTransformer class, for the families that are made of it. */
#ifndef TM_MODELS_VISION_TRANSFORMER_H
#define TM_MODELS_VISION_TRANSFORMER_H

#include "layers/mlp.h"
#include "models/model.h"
#include "ops/nn.h"

struct tm_naflex;     /* naflex.h */
struct tm_state_dict; /* weights/state_dict.h */

typedef enum tm_vit_block_kind {
    TM_VIT_BLOCK,
    TM_VIT_RES_POST,
    TM_VIT_PARALLEL_THINGS,
    TM_VIT_PARALLEL_SCALING,
    TM_VIT_DIFF_PARALLEL_SCALING
} tm_vit_block_kind;

typedef enum tm_vit_fc_norm {
    TM_VIT_FC_NORM_POOLED, /* avg, avgmax, max */
    TM_VIT_FC_NORM_AVG,
    TM_VIT_FC_NORM_ALWAYS /* any, or none */
} tm_vit_fc_norm;

typedef struct tm_vit {
    const char *name, *same_as; /* see tm_family */
    int patch /* 16 */, width /* 768 */, depth /* 12 */, heads /* 12 */;
    double mlp_ratio; /* 4 */
    tm_vit_block_kind block;
    tm_ffn_kind ffn;
    tm_act_kind act; /* GELU */
    bool rms_norm;   /* RMS norms in place of layer norms */
    float norm_eps;  /* 1e-6 */
    bool embed_norm; /* on the patch embedding */
    int registers;
    const char *pool; /* "token" */
    bool no_class_token;
    bool no_pos_embed;      /* and no prefix tokens */
    bool no_embed_class;    /* position embedding for the patches only */
    bool no_fc_norm;        /* final norm before the pool even where its place is after it, */
    tm_vit_fc_norm fc_norm; /* which is after a pool of this kind */
    bool no_final_norm;
    bool pre_norm; /* before the blocks; no bias in the patch embedding */
    bool no_qkv_bias, no_proj_bias, qk_norm;
    bool sub_norms; /* norms before the last projection of attention and MLP */
    bool layer_scale;
    bool pool_prefix; /* the pool includes the prefix tokens */
    bool diff_attention;
    bool dynamic, dynamic_pad; /* timm's dynamic_img_size and dynamic_img_pad */
    bool naflex;               /* timm's NaFlexVit of the same blocks: see naflex.h */
    bool distilled; /* a distillation token and its own head; both heads' answers are averaged */
} tm_vit;

/* The arguments that change a tm_vit (tm_family's); the first and the last four are not for all
 * families that are made of it, the last one, use_naflex, is for one. */
enum { TM_VIT_ARGUMENTS = 19 };
extern const tm_argument tm_vit_arguments[TM_VIT_ARGUMENTS];

/* From the input to the taps. */
void tm_vit_build(tm_builder *b, const tm_vit *v);
/* From an embedding of one's own, h x w x width, of `reduction` input pixels a patch. */
void tm_vit_build_on(tm_builder *b, const tm_vit *v, tm_node *patches, int reduction);
/* From tokens of one's own, those of the prefix before h x w patches, all with their positions. */
void tm_vit_build_tokens(tm_builder *b, const tm_vit *v, tm_node *tokens, int h, int w,
                         int reduction);
/* timm's NaFlexVit, from the input to the taps. */
void tm_vit_build_naflex(tm_builder *b, const tm_vit *v, const struct tm_naflex *n);

/* How timm resamples position embeddings of that variant, which checkpoints have for another grid.
 */
tm_resampling tm_vit_resampling(const char *variant);
/* Brings every published checkpoint of the class to the model's names (tm_family's filter). */
void tm_vit_filter(struct tm_state_dict *dict, const tm_graph *graph, const tm_vit *v);

/* NVIDIA's RADIO (2312.06709) to the names of a ViT, positions on their own grid; what is not the
 * backbone's is dropped. */
void tm_vit_from_radio(struct tm_state_dict *dict);

#endif
