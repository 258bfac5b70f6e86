/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tensors of a checkpoint on their way to the names a model uses: a list of views that a
 * family's filter renames, drops, cuts, transposes and joins. No data moves.
 *
 * The first failure sticks in `error` and makes the later calls do nothing, so a filter checks
 * nothing. Views and names live in the dict's arena; pointers to its tensors hold until one is
 * added. Sizes are of the file, so every size that follows from them is checked.
 */
#ifndef TM_WEIGHTS_STATE_DICT_H
#define TM_WEIGHTS_STATE_DICT_H

#include <stdint.h>

#include "weights/weights.h"

typedef struct tm_state_dict {
    const char *file; /* for messages */
    tm_tensor_view *tensors;
    size_t count, capacity;
    uint32_t *slots; /* of names, for lookups: 1 + index of the first tensor of a name; 0: empty */
    size_t slot_count;
    bool indexed; /* the slots are of the tensors as they are */
    tm_arena arena;
    tm_error error;
} tm_state_dict;

/* After a change of tensors or their names that no function of this file has made. */
static inline void tm_state_changed(tm_state_dict *dict)
{
    dict->indexed = false;
}

/* What timm does before it knows the model: of the groups state_dict_ema, model_ema (with `ema`),
 * state_dict and model the first one there is stands for the whole file; where there is none, and
 * tensors at the top, those do. Other groups stay, for the filter to choose from, only when
 * nothing stands at the top. "module." and "_orig_mod." at the start of names are removed. */
void tm_state_unwrap(tm_state_dict *dict, bool ema);
/* Takes what lies in the group, or in groups of it, for the whole file; false: nothing does. */
bool tm_state_open(tm_state_dict *dict, const char *group);
/* Leaves out groups where something stands at the top, and the wrappers' names. */
void tm_state_settle_top(tm_state_dict *dict);
/* Behind what DistributedDataParallel and compile put before a name. */
const char *tm_state_plain_name(const char *name);
/* Leaves out what still stands in a group; an error where that is everything. */
void tm_state_drop_groups(tm_state_dict *dict);
void tm_state_free(tm_state_dict *dict);

/* The first of that name in any group; NULL: not there. */
tm_tensor_view *tm_state_find(tm_state_dict *dict, const char *name);
tm_tensor_view *tm_state_findf(tm_state_dict *dict, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- names ---- */

void tm_state_rename(tm_state_dict *dict, tm_tensor_view *view, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Every occurrence of `from`, in every name. */
void tm_state_replace(tm_state_dict *dict, const char *from, const char *to);
/* `from` at the start of a name becomes `to`. */
void tm_state_replace_prefix(tm_state_dict *dict, const char *from, const char *to);
/* Only names that begin so stay, without it. */
void tm_state_keep_prefix(tm_state_dict *dict, const char *prefix);
bool tm_state_has_prefix(const tm_state_dict *dict, const char *prefix);

void tm_state_drop(tm_state_dict *dict, tm_tensor_view *view); /* moves the last one here */
void tm_state_drop_prefix(tm_state_dict *dict, const char *prefix);
void tm_state_drop_suffix(tm_state_dict *dict, const char *suffix);

/* A copy of a view under a new name; `view` need not be the dict's. */
tm_tensor_view *tm_state_add(tm_state_dict *dict, const tm_tensor_view *view, const char *format,
                             ...) __attribute__((format(printf, 3, 4)));

/* Records that the checkpoint is not what the filter knows; status WEIGHTS_MISMATCH. */
void tm_state_fail(tm_state_dict *dict, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- views ---- */

/* Another shape of as many elements. A dimension may only be split, or joined with its right
 * neighbour where their strides allow it, which holds for everything stored in C order. */
void tm_state_reshape(tm_state_dict *dict, tm_tensor_view *view, int rank, const int64_t *shape);
/* Dimension i becomes what was dimension order[i]. */
void tm_state_permute(tm_state_dict *dict, tm_tensor_view *view, const int *order);
/* Indices [begin, begin + count) of one dimension. */
void tm_state_slice(tm_state_dict *dict, tm_tensor_view *view, int dim, int64_t begin,
                    int64_t count);
/* The tensors one after another along dimension 0, under a new name; the others agree. */
tm_tensor_view *tm_state_cat(tm_state_dict *dict, const tm_tensor_view *const *views, size_t count,
                             const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
