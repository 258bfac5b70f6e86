/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products: rows, the pixels under the window of a convolution, times panels of 16 columns, its
 * weights. Where rows lie (window.h), how work is divided (division.h), how weights become panels
 * (panels.h) and how a sum is finished (finish.h) is the same for all; in which numbers they are
 * multiplied is a kind, a row of kinds.def:
 *
 *     unit's pixels -> rows as the kind multiplies them \
 *                                                        tiles -> bias, residual, clamp, curve -> y
 *     weights -> panels as the kind multiplies them    /
 *
 * Products of two activations (attention, matrix products) use the same kinds: dense.h.
 */
#ifndef TM_PRODUCTS_PRODUCT_H
#define TM_PRODUCTS_PRODUCT_H

#include "graph/op.h"
#include "products/finish.h"
#include "products/panels.h"
#include "products/window.h"

typedef struct tm_product_kind tm_product_kind;

/* A convolution as a product of one kind: what a step needs. */
typedef struct tm_product {
    const tm_product_kind *kind;
    tm_window window;
    tm_tensor y, residual; /* residual may be none */
    int taps, kc;          /* kc: input channels of a group */
    int outputs, panels;   /* of a group */
    int merged;            /* groups of the layer in one of these, with zeros between them */
    tm_division division;  /* set by the kind */
    int terms;             /* bfloat16 numbers for one float32 */
    size_t panel_bytes;    /* of a packed panel; a multiple of 64 */
    char *weights;         /* [group][panel] */
    const float *bias;     /* [group][panel][16] */
    tm_store store;
    size_t results; /* where these stand in the scratch, in bytes, if y is not float32 */
    const tm_kernels *f32;
    const tm_bf16_kernels *bf16;
    const tm_i8_kernels *i8;
    const tm_split_kernels *split;
    union { /* what a kind adds */
        struct {
            int parts;     /* of a sum */
            bool by_parts; /* all panels go through a part before the next */
            bool tap_rows;
            size_t sums; /* of the parts before the last: where in the scratch, in bytes */
        } whole;
        struct {
            size_t k, row; /* elements of a term of a row, in pairs; of all its terms */
        } pairs;
        struct {
            int taps;         /* a line of them that lie together counts as one */
            size_t kc, row;   /* of a tap of a row, in whole quads; of all its taps */
            bool picture;     /* of one scale: the window's x is its bytes, with the padding, ... */
            bool lines;       /* ... of which it has the first tap of each line; */
            tm_tensor scales; /* here stands how they are meant */
        } bytes;
        struct {
            size_t steps, depth; /* of taps * kc inputs; of a block of them */
            size_t line;         /* elements of a split line of the picture, with its padding */
            int region;          /* such lines under a unit, at most */
            size_t sums;         /* floats of a thread's sums */
        } tiles;
    };
} tm_product;

struct tm_product_kind {
    const char *name;
    bool merges;    /* groups too narrow to fill a panel */
    bool pixels;    /* its units read and write nothing but rows and scratch: fit for strips */
    tm_types types; /* of rows and results, under bf16 */

    /* Whether it can and had better compute a convolution: by the precision, the kernels there, and
     * the shapes. */
    bool (*pays)(const tm_lowering *lowering, const tm_node *node);

    /* Sets division, terms, panel_bytes and what the kind adds, and appends the steps that it needs
     * before; returns the bytes of scratch. */
    size_t (*plan)(tm_lowering *lowering, const tm_node *node, tm_product *product);

    /* One panel at `out`, panel_bytes of it: values [rows][kc / merged][taps], rows <= 16, are the
     * outputs of a group from `first` on. room: taps * kc * 16 floats. */
    void (*pack)(const tm_product *product, const float *values, int first, int rows, float *room,
                 char *out);

    /* A unit: its rows times its panels. */
    void (*run)(const tm_product *product, const tm_unit *unit);
};

#define PRODUCT(name) extern const tm_product_kind tm_product_##name;
#include "products/kinds.def"
#undef PRODUCT

/* The first of the kinds that pays. */
const tm_product_kind *tm_product_choose(const tm_lowering *lowering, const tm_node *node);

/* Appends the step of a convolution, in the numbers of the kind, and the job that packs its
 * weights. inputs of node: x, weight, [bias], [residual], as tm_conv_attrs says. */
void tm_product_lower(tm_lowering *lowering, const tm_node *node, const tm_product_kind *kind);

/* The packed panel of a group, and its bias. */
static inline const void *tm_product_panel(const tm_product *p, int group, int panel)
{
    return p->weights + (size_t)(group * p->panels + panel) * p->panel_bytes;
}

/* Panels that follow one another from there on, those of later groups too. */
static inline int tm_product_panels_from(const tm_product *p, int group, int panel)
{
    return (p->division.groups - group) * p->panels - panel;
}

static inline const float *tm_product_bias(const tm_product *p, int group, int panel)
{
    return p->bias + (size_t)(group * p->panels + panel) * TM_PANEL;
}

#endif
