/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model family is one file of timm's models/: a table of variants and a build function.
 * To add one: src/models/NAME.c with `const tm_family tm_family_NAME`, and FAMILY(NAME) in
 * families.def; docs/adding-a-family.md tells the rest.
 */
#ifndef TM_MODELS_MODEL_H
#define TM_MODELS_MODEL_H

#include "ops/nn.h"

struct tm_state_dict; /* weights/state_dict.h */

typedef struct tm_family {
    const char *module;   /* timm's module: "resnet" */
    const void *variants; /* array of the family's variant struct, whose first member is
                             `const char *name`; order is free */
    size_t variant_size, variant_count;
    size_t same_as; /* offset in that struct of a `const char *same_as`: the variant that this one
                       equals but for its name, saying nothing else itself; 0: there is none */
    /* Adds the model to the builder's graph, from b->graph->input to the taps. */
    void (*build)(tm_builder *b, const void *variant);
    /* timm's checkpoint_filter_fn, and load_pretrained for the authors' own formats: brings the
     * names and shapes of every published checkpoint to the model's. The graph is there to ask
     * for the model's parameters (tm_find_param). NULL: names are timm's already. */
    void (*filter)(struct tm_state_dict *dict, const tm_graph *graph, const void *variant);
} tm_family;

#define TM_VARIANTS(table)                                                                         \
    .variants = (table), .variant_size = sizeof *(table),                                          \
    .variant_count = sizeof(table) / sizeof *(table)

extern const tm_family *const tm_families[];
extern const size_t tm_family_count;

/* A family that is not in families.def, of a plugin; it must live as long as the program. False: no
 * memory. Not to be called once threads run. */
bool tm_add_family(const tm_family *family);

/* The variant's row (that of the variant which it is the same as) and its family, or NULL when no
 * ported family has the name. */
const void *tm_find_variant(const char *arch, const tm_family **family);

#endif
