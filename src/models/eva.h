/* SPDX-License-Identifier: Apache-2.0 */
/* timm's Eva class. */
#ifndef TM_MODELS_EVA_H
#define TM_MODELS_EVA_H

#include "layers/mlp.h"
#include "models/model.h"

typedef enum tm_rope_kind { TM_ROPE_NONE, TM_ROPE_CAT, TM_ROPE_MIXED, TM_ROPE_DINOV3 } tm_rope_kind;

typedef struct tm_eva {
    const char *name, *same_as; /* see tm_family */
    int patch /* 16 */, width /* 768 */, depth /* 12 */, heads /* 12 */;
    int kv_heads; /* keys and values of the blocks between the first and the last eight; 0: heads */
    int kv_depth; /* that this is said for */
    tm_int_list kv_by_block; /* in their place, of every block; one number for all; or none */
    double mlp_ratio;        /* 4 */
    tm_ffn_kind ffn;
    int align;                  /* of SwiGLU's hidden channels */
    bool scale_mlp, scale_attn; /* norms before the last projection */
    bool k_bias;                /* timm's AttentionRope in place of EvaAttention */
    bool split_qkv;             /* q_proj, k_proj, v_proj */
    bool no_qkv_bias, qk_norm;
    tm_rope_kind rope;
    int ref; /* these as in tm_rotary */
    float offset, temperature;
    bool xy;
    bool rel_pos; /* a learned bias for every offset between two patches, in every block */
    bool no_pos_embed, no_embed_class;
    int registers;
    bool no_class_token;
    bool pre_norm; /* before the blocks; no bias in the patch embedding */
    enum { POOL_NORM, FINAL_NORM, NO_NORM } norms; /* POOL_NORM: behind an avg pool, else FINAL */
    const char *pool;                              /* "avg" */
    int pool_heads;                                /* of "map"; 0: heads */
    bool layer_scale, attn_scale_only;             /* of both branches; of attention alone */
    bool post_norm;                                /* norms at the end of the branches */
    bool rms_norm;
    float norm_eps;            /* 1e-6 */
    bool dynamic, dynamic_pad; /* timm's dynamic_img_size and dynamic_img_pad */
    bool naflex;               /* timm's NaFlexVit of the same blocks: see naflex.h */
} tm_eva;

enum { TM_EVA_HEADS_MAX = 64 };

/* The arguments that change a tm_eva (tm_family's): the first is BEiT's alone, the next are of both
 * families, the last Eva's alone. */
enum { TM_EVA_ARGUMENTS = 21, TM_BEIT_ARGUMENTS = 9 };
extern const tm_argument tm_eva_arguments[TM_EVA_ARGUMENTS];

/* From the input to the taps; published checkpoints to the model's names (tm_family). */
void tm_eva_build(tm_builder *b, const void *variant);
void tm_eva_filter(struct tm_state_dict *dict, const tm_graph *graph, const void *variant);

#endif
