/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source of named tensors: a mapped file, a blob linked into the program, or the formula that
 * computes values from names. A source never changes after it was opened, so threads may read it
 * together.
 */
#ifndef TM_WEIGHTS_WEIGHTS_H
#define TM_WEIGHTS_WEIGHTS_H

#include "base/dtype.h"
#include "base/error.h"
#include "base/memory.h"

enum { TM_TENSOR_RANK_MAX = 8 };

/* One stored tensor: little-endian, data at any alignment, rows at any distance. */
typedef struct tm_tensor_view {
    const char *group; /* where a checkpoint nests it: "state_dict", "optimizer/state"; else "" */
    const char *name;  /* UTF-8 */
    tm_dtype dtype;
    int rank;
    int64_t shape[TM_TENSOR_RANK_MAX];
    int64_t stride[TM_TENSOR_RANK_MAX]; /* in elements, at least 0 */
    const unsigned char *data; /* NULL: `skip` bytes behind the begin of what `packed` unpacks to */
    size_t bytes;              /* from data to the end of the last element */
    struct tm_packed *packed;  /* packed.h */
    size_t skip;
    /* Where the tensor is several, joined along its first dimension: they, all of its dtype; data
     * and stride then mean nothing. */
    const struct tm_tensor_view *parts;
    size_t part_count;
} tm_tensor_view;

/* No dimension below 0, and those that are not 0 make at most TM_SHAPE_ELEMENTS_MAX elements: then
 * no product or sum of a few of them overflows, whatever a filter computes. The readers refuse
 * every other shape, also of a tensor without elements. */
#define TM_SHAPE_ELEMENTS_MAX ((int64_t)1 << 48)
#define TM_SHAPE_REFUSED "of a shape beyond 2^48 elements"
bool tm_shape_is_possible(int rank, const int64_t *shape);

/* Strides of C order for the view's shape. */
void tm_view_set_contiguous(tm_tensor_view *view);
bool tm_view_is_contiguous(const tm_tensor_view *view);
bool tm_view_has_shape(const tm_tensor_view *view, int rank, const int64_t *shape);
/* Elements of the shape, which is possible. */
size_t tm_view_elements(const tm_tensor_view *view);
/* Moves the view's begin by some bytes. */
void tm_view_skip(tm_tensor_view *view, size_t bytes);
/* Unpacks what is packed of the view or its parts: before the reads below. TM_WEIGHTS_INVALID: it
 * is damaged, or beyond reasonable. */
tm_status tm_view_require(const tm_tensor_view *view, tm_error *error);
/* Elements [begin, begin + count) in C order of the shape, each to the nearest float32. */
void tm_view_read_f32(const tm_tensor_view *view, size_t begin, size_t count, float *out);
/* The same elements as they are stored. */
void tm_view_read_raw(const tm_tensor_view *view, size_t begin, size_t count, unsigned char *out);

/* "[64,3,7,7]"; returns text. */
enum { TM_SHAPE_TEXT = 192 };
const char *tm_shape_text(int rank, const int64_t *shape, char text[static TM_SHAPE_TEXT]);

typedef struct tm_weights tm_weights;

/* Opens a weights file by its first bytes (formats.def); the data stays on disk until read. Of a
 * training checkpoint the model's tensors are taken as timm takes them (state_dict.h), with `ema`
 * the averaged ones where there are such. An index of shards (base/shards.h) is opened with the
 * files it names beside it. Nothing can be looked up before tm_weights_settle.
 * TM_WEIGHTS_INVALID: not what its format says. */
tm_status tm_weights_open_file(const char *path, bool ema, tm_weights **out, tm_error *error);

/* The same for bytes that outlive the source; name stands for the file in messages. file_backed:
 * the bytes are read-only pages of a file (a linked-in blob), which may be dropped and come back.
 */
tm_status tm_weights_open_memory(const void *bytes, size_t size, const char *name, bool file_backed,
                                 tm_weights **out, tm_error *error);

/* Holds every tensor of every name and shape; see formula.h. */
tm_status tm_weights_open_formula(uint64_t seed, double gain, tm_weights **out, tm_error *error);

/* The tensors, to be brought to a model's names; then settle orders them for lookups and records
 * what went wrong, also two tensors of one name. */
struct tm_state_dict *tm_weights_state(tm_weights *weights);
tm_status tm_weights_settle(tm_weights *weights, tm_error *error);

/* Before settle: takes other tensors than the open did. key: those of that group of a checkpoint
 * alone; NULL: as timm chooses. prefix: those whose names begin so, without it; NULL: all of them.
 * TM_WEIGHTS_MISMATCH: nothing lies there, and what does. */
tm_status tm_weights_take(tm_weights *weights, const char *key, const char *prefix,
                          tm_error *error);

/* Where at least `least` tensors lie, in groups and under prefixes that end with a dot; key: only
 * in that group; NULL: in any. At most TM_PLACES_MAX, in the arena. */
typedef struct tm_weights_place {
    const char *key, *prefix; /* "": at the top; all */
} tm_weights_place;
enum { TM_PLACES_MAX = 64 };
tm_status tm_weights_places(const tm_weights *weights, const char *key, size_t least,
                            tm_arena *arena, tm_weights_place **places, size_t *count,
                            tm_error *error);

/* Closes the source, with a verdict on everything that was read of it: TM_WEIGHTS_INVALID where a
 * file was cut or written to meanwhile. status is how the reading went: a failure stays what it
 * was. NULL is fine. */
tm_status tm_weights_close(tm_weights *weights, tm_status status, tm_error *error)
    __attribute__((warn_unused_result));

bool tm_weights_is_formula(const tm_weights *weights);
const char *tm_weights_name(const tm_weights *weights); /* for messages: path, or "formula:0" */

const char *tm_weights_format(const tm_weights *weights); /* as formats.def; NULL: formula */
const unsigned char *tm_weights_bytes(const tm_weights *weights, size_t *size); /* of the file */

/* The bytes of one of the files that an index of shards names, in the order of their names; NULL:
 * there are no more. */
const unsigned char *tm_weights_shard(const tm_weights *weights, size_t shard, const char **path,
                                      size_t *size);
/* What all tensors together may make of the file's bytes; see packed.h. */
size_t tm_weights_reasonable_bytes(const tm_weights *weights);

/* Tensors in byte order of their names; the formula has none to list. Views live as long as the
 * source. */
size_t tm_weights_count(const tm_weights *weights);
const tm_tensor_view *tm_weights_at(const tm_weights *weights, size_t index);
const tm_tensor_view *tm_weights_find(const tm_weights *weights, const char *name); /* or NULL */

/* Metadata of the file; NULL: no such key, or index past the end. */
const char *tm_weights_metadata(const tm_weights *weights, const char *key);
const char *tm_weights_metadata_key(const tm_weights *weights, size_t index);
const char *tm_weights_metadata_value(const tm_weights *weights, size_t index);

/* Writes the tensor's elements as float32, in C order; every stored type converts, each value to
 * the nearest float32. TM_WEIGHTS_MISMATCH: no such name, or another shape. */
tm_status tm_weights_read_f32(const tm_weights *weights, const char *name, int rank,
                              const int64_t *shape, float *out, tm_error *error);

/* Only elements [begin, begin + count), so that threads can share a tensor. */
tm_status tm_weights_read_f32_range(const tm_weights *weights, const char *name, int rank,
                                    const int64_t *shape, size_t begin, size_t count, float *out,
                                    tm_error *error);

/* The tensor's elements from `begin` on where they lie in memory as they are: float32, in C order,
 * aligned. NULL where they do not, as on a big-endian processor, or there is no such tensor of
 * this shape. */
const float *tm_weights_f32(const tm_weights *weights, const char *name, int rank,
                            const int64_t *shape, size_t begin);

/* Gives a tensor's pages back to the system after it was copied elsewhere; reading it again stays
 * right and costs page faults. */
void tm_weights_release_pages(const tm_weights *weights, const char *name);

/* What a model needs. */
typedef struct tm_tensor_spec {
    const char *name;
    int rank;
    int64_t shape[TM_TENSOR_RANK_MAX];
} tm_tensor_spec;

typedef struct tm_weights_diff {
    size_t missing, unexpected, mismatched;
} tm_weights_diff;

/* Compares the source with what a model needs; num_batches_tracked counts on neither side. report
 * (may be NULL) gets one line per kind of difference, "2 missing: head.weight [10,512], ...", with
 * the first few names and the count. */
tm_status tm_weights_compare(const tm_weights *weights, const tm_tensor_spec *expected,
                             size_t count, tm_weights_diff *diff, tm_buffer *report,
                             tm_error *error);

/* The same as one line, "2 missing: a [5], b []; 1 unexpected: ...", with three names of each kind;
 * where that is longer than `room`, without the shapes that nobody compares, or with fewer names.
 * "": nothing differs. */
tm_status tm_weights_compare_line(const tm_weights *weights, const tm_tensor_spec *expected,
                                  size_t count, size_t room, tm_buffer *line, tm_error *error);

#endif
