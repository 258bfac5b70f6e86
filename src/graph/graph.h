/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph: nodes in topological order, the taps that can be asked for, and the builder that
 * models write with.
 *
 * An activation has one layout, NHWC: per picture h x w x c, channels innermost. A token matrix is
 * h = 1, w = tokens, c = width; a pooled vector is h = w = 1. The batch is a run-time number and
 * appears in no shape. A constant depends on weights alone, has torch's own dims (OIHW, ...) and
 * is computed once, at load.
 */
#ifndef TM_GRAPH_GRAPH_H
#define TM_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/memory.h"

enum { TM_MAX_RANK = 6 };

typedef struct tm_shape {
    int h, w, c; /* per picture */
} tm_shape;

typedef struct tm_op tm_op; /* ops/ops.h */
typedef struct tm_node tm_node;

struct tm_node {
    const tm_op *op;
    const char *name; /* dotted scope name, for people; parameters: the state-dict name */
    int id;           /* position in the graph */
    bool constant;    /* depends on weights alone: dims holds, else shape holds */
    tm_shape shape;
    tm_dtype type; /* of an activation; float32 until a pass says otherwise */
    int rank;
    int64_t dims[TM_MAX_RANK];
    int input_count;
    tm_node **inputs;
    void *attrs; /* the op's own struct, owned by the graph */
    int users;   /* passes count these */
    bool live;   /* reaches a selected tap; set by prune */
};

/* How a tap leaves the program. */
typedef enum tm_layout {
    TM_LAYOUT_MAP,    /* [N,C,H,W] */
    TM_LAYOUT_TOKENS, /* [N,L,C] */
    TM_LAYOUT_VECTOR, /* [N,C] */
    TM_LAYOUT_NHWC    /* [N,H,W,C]: the few families whose own layout this is */
} tm_layout;

typedef enum tm_tap_kind {
    TM_TAP_FEATURE,      /* features_only: index, module and reduction are feature_info's */
    TM_TAP_INTERMEDIATE, /* forward_intermediates: patch tokens or map of block `index` */
    TM_TAP_PREFIX,       /* the prefix tokens of block `index` */
    TM_TAP_FINAL,        /* the final state that forward_intermediates returns, or each of them */
    TM_TAP_FORWARD_FEATURES, /* forward_features(x), or each of its list */
    TM_TAP_PRE_LOGITS,       /* forward_head(features, pre_logits=True) */
    TM_TAP_LOGITS,
    TM_TAP_EMBEDDING,  /* the model itself, where it has no classifier */
    TM_TAP_CLASS_MAPS, /* the scores of each place of the last map, of which LOGITS are the mean */
    TM_TAP_CLASS_ATTENTION /* what the token that LOGITS are made of takes of each patch */
} tm_tap_kind;

typedef struct tm_tap {
    tm_tap_kind kind;
    int index;          /* of its kind; PREFIX: of the intermediate */
    const char *module; /* FEATURE: timm's module name */
    int reduction;      /* FEATURE: input pixels per feature pixel */
    tm_layout layout;
    tm_node *node;
    bool selected; /* wanted by this run */
} tm_tap;

/* What the caller decided; the API resolves every default but the variant's own. The size and the
 * channels of pictures are those of the graph's input. */
typedef struct tm_build_options {
    int num_classes; /* 0: identity classifier */
    int in_chans;
    int img_h, img_w;
    int own_h, own_w; /* of pictures that the model is made for, whatever these are */
    const char *tag;  /* of the pretrained config, NULL or "": none; some widths depend on it */
    bool pretrained;  /* trained weights follow: one of timm's epsilons depends on it */
    /* not every family has these: see tm_option_output_stride */
    int output_stride;       /* 2, 4, 8, 16 or 32 */
    const char *global_pool; /* NULL: the variant's own; "": none */
    bool norm_intermediates; /* final norm on every intermediate */
    bool changed;            /* arguments have changed the family's variant */
} tm_build_options;

/* What timm's prune_intermediate_layers leaves of the norm and the head behind the last block that
 * is kept. */
typedef enum tm_pruning {
    TM_PRUNING_BY_LAYOUT, /* both where the final state is tokens; of maps neither, when blocks are
                             cut */
    TM_PRUNING_CUT,       /* tokens, but as of maps */
    TM_PRUNING_KEPT,      /* a map, but as of tokens */
    TM_PRUNING_TOGETHER,  /* as of maps, and each goes with the other */
    TM_PRUNING_WITH_HEAD, /* as of maps, and all goes with the head alone */
    TM_PRUNING_OWN        /* a rule of the family's own, not known here */
} tm_pruning;

typedef struct tm_graph {
    tm_arena arena;
    tm_node **nodes;
    int node_count, node_capacity;
    tm_tap *taps;
    int tap_count, tap_capacity;
    tm_node **params; /* hash table of the parameters by name, open addressing */
    size_t param_count, param_capacity;
    tm_node *input;
    int default_features;     /* features_only's default: the last n taps, the first -n; 0: all */
    unsigned chosen_features; /* where it is no such run: bit i stands for tap i; else 0 */
    tm_pruning pruning;
    int sequence_patch; /* pictures may keep their aspect ratio, in square patches of so many
                           pixels; 0: timm has no such */
    bool token_blocks;  /* timm gives intermediates as tokens, too, on request */
    tm_error error;     /* the builder's sticky error; nodes are dummies once it is set */
    const char *no_features, *no_intermediates; /* why timm refuses; NULL: it does not */
    const char *unfit; /* why timm refuses pictures of the input's size, though it makes the model;
                          NULL: it does not */
    const char *no_logits; /* likewise, and pre_logits */
} tm_graph;

enum { TM_MAX_SCOPES = 32 };

/* Output channels of the convolution `name`, where they differ from what the code says. */
typedef struct tm_width {
    const char *name;
    int channels;
} tm_width;

typedef struct tm_widths {
    const tm_width *rows; /* sorted by name */
    size_t count;
} tm_widths;

typedef struct tm_builder {
    tm_graph *graph;
    tm_build_options options;
    tm_buffer scope; /* "layer1.0" */
    size_t scope_lengths[TM_MAX_SCOPES];
    int scope_depth;
    tm_widths widths; /* of a pruned model; empty: none */
    struct {
        bool output_stride, global_pool, norm_intermediates;
    } asked; /* for these options */
} tm_builder;

/* plugins call these */
#pragma GCC visibility push(default)

/* Starts an empty graph whose input is options->img_h x img_w x in_chans. */
void tm_builder_init(tm_builder *b, tm_graph *graph, const tm_build_options *options);
void tm_builder_done(tm_builder *b);
void tm_graph_free(tm_graph *graph);

/* Name scope: everything between push and pop is named "outer.NAME.*". */
void tm_push(tm_builder *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tm_pop(tm_builder *b);

/* A model file refuses a configuration with this (say why; the message reaches the user). */
void tm_refuse(tm_builder *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Where an operator finds shapes that do not fit: refused where arguments have changed the model,
 * else a bug of its file. */
void tm_misfit(tm_builder *b, const char *what);
#define TM_EXPECT(b, condition, what)                                                              \
    ((b)->graph->error.status || (condition) ? (void)0 : tm_misfit(b, what))

/* Options that a family may have or not. It asks for those that it has, where it does what they
 * say; one that the caller set and no one asked for is refused. */
int tm_option_output_stride(tm_builder *b);
const char *tm_option_global_pool(tm_builder *b);
bool tm_option_norm_intermediates(tm_builder *b);
/* For the caller of a family's build function, after it. */
void tm_refuse_unasked(tm_builder *b);

/* A node of op with the given inputs; attrs (may be NULL) is copied. The caller sets the shape
 * (or constant, rank and dims) of the result. Never NULL. */
tm_node *tm_node_new(tm_builder *b, const tm_op *op, const char *name, const void *attrs,
                     size_t attrs_size, int input_count, tm_node *const *inputs);

/* The parameter of that full name, or NULL; and a new one made known under its name. */
tm_node *tm_find_param(const tm_graph *graph, const char *name);
void tm_know_param(tm_builder *b, tm_node *param);

/* "scope.NAME" or "scope" when name is NULL or empty; owned by the graph */
const char *tm_scoped(tm_builder *b, const char *name);

/* Taps. A node may be tapped any number of times, and of any kind there may be several. */
void tm_tap_feature(tm_builder *b, const char *module, tm_node *x, int reduction);
/* The same for a family whose features are not NCHW. */
void tm_tap_feature_as(tm_builder *b, const char *module, tm_node *x, int reduction,
                       tm_layout layout);
void tm_tap_intermediate(tm_builder *b, tm_node *x, tm_layout layout);
/* After the block's tm_tap_intermediate: its prefix tokens. */
void tm_tap_prefix(tm_builder *b, tm_node *x);
/* Several of a kind are a list. */
void tm_tap_output(tm_builder *b, tm_tap_kind kind, tm_node *x, tm_layout layout);

const tm_tap *tm_graph_tap(const tm_graph *graph, tm_tap_kind kind, int index); /* or NULL */
int tm_graph_tap_count(const tm_graph *graph, tm_tap_kind kind);
/* Whether timm's features_only gives that feature by default. */
bool tm_graph_is_default_feature(const tm_graph *graph, int index);

#pragma GCC visibility pop

#endif
