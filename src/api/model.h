/* SPDX-License-Identifier: Apache-2.0 */
/* An open model: what the public library keeps behind its handle, and what the commands may see
 * of it beyond include/timmc.h. */
#ifndef TM_API_MODEL_H
#define TM_API_MODEL_H

#include <stdatomic.h>

#include "api/resolve.h"
#include "graph/graph.h"
#include "hub/digest.h"
#include "image/image.h"
#include "plan/plan.h"
#include "registry/registry.h"

struct tm_model {
    tm_arena strings;
    tm_open_options options; /* defaults resolved */
    tm_source source;
    tm_resolved resolved;   /* of the source */
    bool made_for_size;     /* the caller's arguments say for which; it stands in source.config */
    const char *asked_name; /* that it was opened by */
    bool spread;            /* see tm_plan_options; to be set before it is loaded */
    const char *display;    /* "arch.tag" */
    const char *warning;
    const char *weights_name;       /* of the last load: a file, the formula, what is linked in */
    const char *taken_as;           /* options that name the part of a checkpoint that was searched
                                       for and found; NULL: none was */
    const struct tm_family *family; /* what built the graph */
    const void *variant;
    tm_graph graph;
    tm_builder builder; /* open until load: the passes add constants */
    size_t *available;  /* taps that can be chosen */
    const char **names; /* of these */
    size_t available_count;
    size_t *chosen; /* indices of available, in the order of selection */
    size_t chosen_count, chosen_capacity;
    tm_layout input_layout; /* of what the caller gives: MAP for pictures */
    tm_preprocess preprocess;
    tm_decode_options decode; /* without its memory */
    tm_image_memory decode_memory;
    bool own_memory; /* that is it; else the one of the process */
    tm_plan plan;
    const char *made_up;   /* a tensor of the classifier that a chosen output needs and the weights
                              lack; NULL: none */
    bool loaded, spent;    /* spent: the passes have rewritten the graph */
    atomic_int references; /* the handle and the contexts */
};

enum { TM_SIDE_MAX = 16384 /* pixels of an input's side */ };

/* Sizes of the whole model, before anything is pruned. */
typedef struct tm_model_facts {
    int64_t params;     /* as timm counts: without buffers */
    double macs;        /* multiply-adds per picture for the logits */
    double activations; /* elements that convolutions and linear layers put out */
} tm_model_facts;

/* Marks everything that the marked nodes need; needed has a place for each node. */
void tm_graph_mark_needed(const tm_graph *graph, bool *needed);

tm_status tm_model_count(const tm_model *model, tm_model_facts *facts, tm_error *error);

/* Parameters left when only the intermediates `indices` are wanted, as timm's
 * prune_intermediate_layers leaves them; norm, head: those are pruned too. */
tm_status tm_model_count_pruned(const tm_model *model, const int *indices, size_t count, bool norm,
                                bool head, int64_t *params, tm_error *error);

/* The error of whoever built or changed the graph last. */
tm_status tm_model_check_graph(const tm_model *model, tm_error *error);

/* The model opened once more, with the same outputs chosen; closed before the first one. */
tm_status tm_model_repeat(const tm_model *model, tm_model **out, tm_error *error);

/* What a loaded model and one run take, in bytes. */
typedef struct tm_model_memory {
    size_t weights;     /* constants, packed as the kernels of this machine want them */
    size_t activations; /* of one picture, and what its threads compute with */
    size_t total;       /* with the program, and with what a weight is read through */
} tm_model_memory;

/* The same for the chosen outputs, or for the model's answer where none was chosen; nothing is
 * read. */
tm_status tm_model_measure(const tm_model *model, tm_model_memory *memory, tm_error *error);

/* TM_MODEL_TOO_LARGE, with both numbers: the model takes more memory than this process can get. */
tm_status tm_model_require_memory(const tm_model *model, tm_error *error);

/* TM_USAGE: timm makes the model, but it runs no pictures of this size. */
tm_status tm_model_require_size(const tm_model *model, tm_error *error);

/* Runs the passes and plans the chosen outputs, once, with weights as of tm_plan_make, or packed
 * ones as of tm_plan_make_packed: one of these is NULL. */
tm_status tm_model_plan(tm_model *model, const tm_weights *weights, const tm_packed_memory *packed,
                        int max_batch, tm_error *error);

/* Every tensor of the state dict but num_batches_tracked, in byte order of the names. The array
 * lives in the arena. */
tm_status tm_model_tensors(const tm_model *model, tm_arena *arena, tm_tensor_spec **tensors,
                           size_t *count, tm_error *error);

/* Names what the graph's taps offer; of a model that is being opened. */
tm_status tm_model_list_outputs(tm_model *model, tm_error *error);

const tm_tap *tm_model_tap(const tm_model *model, size_t available);

/* Chooses the model's answer: its logits, else what stands in their place. */
tm_status tm_model_select_answer(tm_model *model, tm_error *error);

/* Chooses what the other has chosen. */
tm_status tm_model_select_like(tm_model *model, const tm_model *other, tm_error *error);

#define TM_CLASS_MAPS "class_maps"

/* Adds the output of that name to the graph: the classifier on each place of the last map, whose
 * mean it is made for. TM_USAGE: the model's scores are no linear function of such a mean. */
tm_status tm_model_add_class_maps(tm_model *model, tm_error *error);

#define TM_CLASS_ATTENTION "class_attention"

/* Likewise: how much the token that the classifier reads takes of each patch in the last attention
 * before it, the mean of its heads; [N,1,H,W]. Of all tokens these numbers would sum to 1.
 * TM_USAGE: the scores come from more than one token, or from an attention of another kind. */
tm_status tm_model_add_class_attention(tm_model *model, tm_error *error);

/* Adds to what tm_model_warning tells. */
void tm_model_warn(tm_model *model, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* TM_NO_MEMORY where an option's text or a warning was lost since the model was opened. */
tm_status tm_model_check_texts(const tm_model *model, tm_error *error);

/* Compares the weights with the model's tensors; report as tm_weights_compare's. */
tm_status tm_model_compare(const tm_model *model, const tm_weights *weights, tm_weights_diff *diff,
                           tm_buffer *report, tm_error *error);

/* Unpacks what the weights have of the model's tensors, as load would. TM_WEIGHTS_INVALID: some of
 * it is damaged. */
tm_status tm_model_unpack(const tm_model *model, const tm_weights *weights, tm_error *error);

/* TM_WEIGHTS_MISMATCH, with what differs, unless every tensor fits; the formula always does. */
tm_status tm_model_require_fit(const tm_model *model, const tm_weights *weights, tm_error *error);

/* After load. TM_WEIGHTS_MISMATCH: a chosen output needs a classifier that the weights do not have,
 * left out on request or allowed to be missing. Weights that are the formula's throughout were
 * asked for, and pass. */
tm_status tm_model_require_classifier(const tm_model *model, tm_error *error);

/* Opens the weights that the options or the registry name, under the model's names; a part of a
 * checkpoint that had to be searched for is told in the model's warning. */
tm_status tm_model_open_weights(tm_model *model, tm_weights **weights, tm_error *error);
/* The published weights file: in a cache, or downloaded there unless the options say offline. */
tm_status tm_model_fetch_weights(tm_model *model, char path[static TM_PATH_MAX], tm_error *error);
/* The file that load would open, fetched if need be; "": the weights are made up or built in. */
tm_status tm_model_find_weights(tm_model *model, char path[static TM_PATH_MAX], tm_error *error);
/* SHA-256 of that file, or of what is built in; of an index, of it and then of its shards by name,
 * in one; of packed weights, of what they were made from. "": the weights are made up. Each file
 * but a packed one is read through. */
tm_status tm_model_digest_weights(tm_model *model, char digits[static TM_DIGEST_TEXT_MAX],
                                  tm_error *error);
/* Whether load would find weights on this machine, without opening them. */
bool tm_model_has_weights(const tm_model *model);
/* The same of a config's published weights, as far as they are in a cache. revision "": main. */
bool tm_weights_cached(const tm_pretrained *config, const char *revision, const char *cache_dir);

/* How the model's own config has pictures prepared. TM_UNSUPPORTED. */
tm_status tm_model_own_preprocess(tm_model *model, tm_error *error);

/* timm's input tensor of a decoded picture: out[C][H][W]. */
tm_status tm_model_preprocess_image(const tm_model *model, const tm_image *image, float *out,
                                    tm_error *error);

/* ---- pictures of their own aspect ratio ---- */

/* TM_USAGE unless timm cuts pictures of any aspect ratio into patches for the model. */
tm_status tm_model_require_sequences(const tm_model *model, tm_error *error);
/* Of such a model: how the picture is brought to its own size in at most `most` patches.
 * TM_TOO_LARGE. */
tm_status tm_model_fit_sequence(const tm_model *model, const tm_image *image, int most,
                                tm_preprocess *how, tm_error *error);
/* Opens what `other` was opened as for pictures that are prepared so, with the same outputs chosen.
 * How its own pictures are prepared and what it has loaded does not count. */
tm_status tm_model_open_like(const tm_model *other, const tm_preprocess *how, tm_model **model,
                             tm_error *error);

/* One more reference to a loaded model, which tm_model_close gives back. */
tm_model *tm_model_share(tm_model *model);

/* Float32 operations a second on registers alone, on all of the model's threads at once, a
 * multiply-add being two: what its products in float32 could reach. Measures for some 20 ms. */
double tm_model_peak_flops(const tm_model *model);

#endif
