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

/* How a family takes an argument of timm's create_model (a key of config.json's model_args, too).
 */
typedef enum tm_argument_kind {
    TM_ARGUMENT_INTEGER,  /* int */
    TM_ARGUMENT_INTEGERS, /* int[count]: a list of as many, or one number for all */
    TM_ARGUMENT_LIST,     /* int[count]: a list of as many */
    TM_ARGUMENT_BLOCKS,   /* tm_int_list: a list of any length, or one number */
    TM_ARGUMENT_NUMBER,   /* double */
    TM_ARGUMENT_NUMBERS,  /* double[count]: a list of as many, or one number for all */
    TM_ARGUMENT_FLAG,     /* bool */
    TM_ARGUMENT_NO_FLAG,  /* bool that says the opposite */
    TM_ARGUMENT_GIVEN,    /* bool: true for a number above 0 */
    TM_ARGUMENT_ACT,      /* tm_act_kind, by timm's name */
    TM_ARGUMENT_CHOICE    /* enum: one of the row's choices, by timm's name; null is "" */
} tm_argument_kind;

typedef struct tm_choice {
    const char *name; /* NULL ends a list */
    int value;
} tm_choice;

typedef struct tm_int_list {
    const int *values;
    int count;
} tm_int_list;

typedef struct tm_argument {
    const char *name; /* timm's */
    tm_argument_kind kind;
    size_t offset, size; /* of the member in the family's variant struct */
    double least, most;
    /* Globs, separated by spaces: variants that say it themselves, so that timm refuses it, and the
     * only ones that do not. */
    const char *except, *only;
    const tm_choice *choices;
} tm_argument;

typedef struct tm_family {
    const char *module;   /* timm's module: "resnet" */
    const void *variants; /* array of the family's variant struct, whose first member is
                             `const char *name`; order is free */
    size_t variant_size, variant_count;
    size_t same_as; /* offset in that struct of a `const char *same_as`: the variant that this one
                       equals but for its name, saying nothing else itself; 0: there is none */
    /* Arguments that change a variant; the build function gets a copy that they have changed, and
     * refuses what does not go together. Others are refused by name. */
    const tm_argument *arguments;
    size_t argument_count;
    /* Adds the model to the builder's graph, from b->graph->input to the taps. */
    void (*build)(tm_builder *b, const void *variant);
    /* timm's checkpoint_filter_fn, and load_pretrained for the authors' own formats: brings the
     * names and shapes of every published checkpoint to the model's. The graph is there to ask
     * for the model's parameters (tm_find_param). NULL: names are timm's already. */
    void (*filter)(struct tm_state_dict *dict, const tm_graph *graph, const void *variant);
} tm_family;

/* A row of tm_family.arguments: the member of the variant's type, and the least and most of it. */
#define TM_TAKES(type, argument, how, member, ...)                                                 \
    {                                                                                              \
        .name = argument, .kind = TM_ARGUMENT_##how, .offset = offsetof(type, member),             \
        .size = sizeof((type *)0)->member, __VA_ARGS__                                             \
    }
#define TM_ANY 0, 0 /* of what is no number */
#define TM_DEPTHS 1, 200
#define TM_WIDTHS 1, 65536
#define TM_HEADS 1, 1024
#define TM_RATIOS 0.01, 64
#define TM_EPSILONS 1e-12, 1

#define TM_ARGUMENTS(table) .arguments = (table), .argument_count = sizeof(table) / sizeof *(table)

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
