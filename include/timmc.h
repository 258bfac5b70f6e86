/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timmc: inference for the image backbones of timm, as a C library.
 *
 * Nothing here prints or exits. Every call that can fail takes a tm_error, returns its status
 * (TM_OK is 0) and leaves one line in it that names what was found and what was expected. What the
 * tm_error held before does not count; NULL is fine where the status is enough. A wrong argument is
 * TM_USAGE; calls without a tm_error answer NULL models with nothing: 0, false or "".
 */
#ifndef TIMMC_H
#define TIMMC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TIMMC_VERSION "0.1.0"

/* These symbols alone are the shared library's. */
#pragma GCC visibility push(default)

/* TIMMC_VERSION of the library that runs, which may be later than that of this header. */
const char *tm_version(void);

/* status, the code that stands in an error record */
/* clang-format off */
#define TM_STATUS_LIST(X)                                                                          \
    X(TM_OK, "ok")                                                                                 \
    X(TM_USAGE, "usage")                       /* a wrong argument */                              \
    X(TM_NO_MEMORY, "no_memory")                                                                   \
    X(TM_NOT_FOUND, "not_found")               /* no such file */                                  \
    X(TM_READ, "read_failed")                                                                      \
    X(TM_WRITE, "write_failed")                                                                    \
    X(TM_EMPTY, "empty_file")                                                                      \
    X(TM_NOT_IMAGE, "not_an_image")            /* no known magic bytes */                          \
    X(TM_TRUNCATED, "decode_truncated")        /* the data ends early */                           \
    X(TM_CORRUPT, "decode_corrupt")            /* the data contradicts itself */                   \
    X(TM_UNSUPPORTED, "unsupported")           /* valid, but not handled */                        \
    X(TM_TOO_LARGE, "too_large")                                                                   \
    X(TM_SHAPE, "shape_mismatch")              /* an input tensor does not fit the model */        \
    X(TM_NOT_FINITE, "not_finite")             /* an answer that holds NaN or infinity */          \
    X(TM_UNKNOWN_MODEL, "unknown_model")                                                           \
    X(TM_NOT_BUILDABLE, "not_buildable")       /* registered, but its family is not ported */      \
    X(TM_WEIGHTS_MISSING, "weights_missing")                                                       \
    X(TM_WEIGHTS_INVALID, "weights_invalid")   /* the file is not what its format says */          \
    X(TM_WEIGHTS_MISMATCH, "weights_mismatch") /* a sound file for another model */                \
    X(TM_MODEL_TOO_LARGE, "model_too_large")   /* for the memory that there is */                  \
    X(TM_NETWORK, "network")                   /* no answer, or one that helps nobody */           \
    X(TM_INTEGRITY, "integrity")               /* what came is not what was announced */           \
    X(TM_INTERNAL, "internal")
/* clang-format on */

typedef enum tm_status {
#define TM_STATUS_ENUM(code, text) code,
    TM_STATUS_LIST(TM_STATUS_ENUM)
#undef TM_STATUS_ENUM
} tm_status;

typedef struct tm_error {
    tm_status status;
    char message[512]; /* one line, no newline at its end */
} tm_error;

/* "weights_missing" for TM_WEIGHTS_MISSING; static storage */
const char *tm_status_name(tm_status status);

/* ---- models ---- */

typedef struct tm_model tm_model;

/* Told now and then while a file is fetched, and once at its end; total is 0 while unknown. */
typedef void (*tm_progress)(void *context, const char *file, uint64_t done, uint64_t total);

/* Start from TM_OPEN_OPTIONS_DEFAULT. Zero and NULL mean the model's own. Later versions add
 * members at the end; `size` tells the library which of them its caller knows. */
typedef struct tm_open_options {
    size_t size;                /* of this struct */
    const char *weights;        /* a weights file, or "formula:SEED[:GAIN]"; NULL: linked in, in the
                                   hub cache, or downloaded there */
    bool no_ema;                /* of a training checkpoint the trained values, not their average */
    bool allow_missing;         /* what the weights lack or hold in another shape has the formula's
                                   values, and what they hold too much is left; less than half of
                                   the parameters, the classifier apart, is refused */
    const char *weights_key;    /* of a training checkpoint the entry that holds the model; NULL: as
                                   timm chooses, else the only one that fits */
    const char *weights_prefix; /* the model's tensors are those whose names begin so; NULL: all, or
                                   those under the only prefix that fits */
    const char *cache_dir;      /* of the hub cache */
    bool offline;               /* nothing is downloaded */
    tm_progress progress;       /* of downloads; may be NULL */
    void *progress_context;
    int num_classes; /* -1: the model's own; 0: no classifier */
    int in_chans;
    /* of pictures, and what the model is made for; one of any size (dynamic_img_size of model_args)
     * is made for its config's size or img_size of model_args, as in timm */
    int img_height, img_width;
    bool drop_head; /* a classifier of another size is left out of the weights; the new
                       one has the formula's values */
    /* an option that the model has not is refused, TM_USAGE */
    const char *global_pool; /* "": none */
    int output_stride;       /* 8, 16 or 32, in some families 2 or 4 too */
    bool from_features;      /* the input is forward_features' output instead of a picture */
    bool pictures_only;      /* only how pictures are prepared is asked: a model that cannot be
                                built has no outputs then, but is no error */
    bool norm_intermediates; /* final norm on every intermediate */
    const char *const *model_args; /* "KEY=VALUE" as to timm's create_model, VALUE in JSON or a
                                      word; NULL behind the last. Keys that the family does not know
                                      are refused, TM_USAGE. NULL: none */
    int max_batch;                 /* 0: 1; at most 65536 */
    int threads;                   /* 0: as many as this process may use; at most 4096 */
    const char *isa;       /* "avx2" or another level of `timmc version`; NULL: the best here */
    const char *precision; /* "f32" or NULL; "bf16", "bf16x3": products of bfloat16 in layers
                              without groups, where the CPU has instructions for them; "int8":
                              of bytes in all layers but small ones and depthwise, on any CPU */
    bool test_size; /* as timm tests: the config's test_input_size where no size is given here,
                       and its crop_pct for tests */
} tm_open_options;
#ifdef __cplusplus
#define TM_OPEN_OPTIONS_DEFAULT tm_open_options_default()
inline tm_open_options tm_open_options_default()
{
    tm_open_options options = tm_open_options();
    options.size = sizeof options;
    options.num_classes = -1;
    return options;
}
#else
#define TM_OPEN_OPTIONS_DEFAULT                                                                    \
    {                                                                                              \
        .size = sizeof(tm_open_options), .num_classes = -1                                         \
    }
#endif

/* Builds the model named as in timm ("resnet50", "resnet50.a1_in1k", "hf-hub:ORG/NAME[@REV]",
 * "local-dir:FOLDER"); NULL: the built-in one. No weights are read yet. options may be NULL; its
 * strings are copied. */
tm_status tm_model_open(const char *name, const tm_open_options *options, tm_model **model,
                        tm_error *error);
/* NULL is fine. A model whose contexts are open lives on until the last of them is closed. */
void tm_model_close(tm_model *model);

/* One thing that a model can answer. */
typedef struct tm_output {
    const char *name; /* "logits", "pre_logits", "forward_features" (of the few models that have
                         several: "forward_features.0", ...), "features.2", "image_features",
                         "image_intermediates.5", "image_intermediates_prefix.5"; of the few that
                         have no classifier "embedding", what the model itself answers. Not listed,
                         made when chosen: "class_maps", the scores of each place of the last map,
                         and "class_attention", what the class token takes of each patch, of the
                         models that have such */
    int index;        /* of a feature, an intermediate or one of several forward_features */
    int rank;
    int64_t shape[4];   /* timm's, of one picture: [1,C,H,W], [1,L,C], [1,C]; a few families have
                           [1,H,W,C] */
    int channel_axis;   /* which of these are the channels: shape[channel_axis] */
    const char *module; /* features: timm's module name, else NULL */
    int reduction;      /* features: input pixels per feature pixel, else 0 */
} tm_output;

/* index < available; its texts live as long as the model. After an error *output is all zero. */
size_t tm_model_available(const tm_model *model);
tm_status tm_model_describe(const tm_model *model, size_t index, tm_output *output,
                            tm_error *error);

/* Chooses an output by name, before tm_model_load; nothing that no chosen output needs is computed
 * or even read. Of the few models that give several, "forward_features.1", the plain name chooses
 * all. TM_USAGE names the valid ones. */
tm_status tm_model_select(tm_model *model, const char *name, tm_error *error);

/* Reads the weights and plans the runs. TM_WEIGHTS_MISSING, _INVALID, _MISMATCH; before anything is
 * read or downloaded TM_MODEL_TOO_LARGE, with what the model and a run of one picture need and what
 * this process can get. Once: a model that
 * was not loaded for want of memory is closed and opened again. A loaded model does not change any
 * more, and any number of threads may use it at once. */
tm_status tm_model_load(tm_model *model, tm_error *error);

/* What the caller should know of the last open or load: an old name, a guess, tensors that did not
 * fit and were allowed to. One line, or "". */
const char *tm_model_warning(const tm_model *model);

/* What an input must be; returns its rank, 0 for a NULL model. A picture: channels, height, width.
 * With from_features: the shape of forward_features without the batch, [C,H,W] or [L,C]. */
int tm_model_input_shape(const tm_model *model, int64_t shape[3]);

/* ---- pictures ---- */

/* How the model's pictures are prepared. Start from TM_PREPROCESS_OPTIONS_DEFAULT: zero and NULL
 * mean the model's own. */
typedef struct tm_preprocess_options {
    size_t size;               /* of this struct */
    double crop_pct;           /* share of the resized picture that the crop keeps, 0.01 to 10 */
    const char *crop_mode;     /* "center", "squash" or "border" */
    const char *interpolation; /* "nearest", "bilinear", "bicubic", "box", "hamming", "lanczos" */
    const double *mean, *std;  /* of each channel, or one value for all */
    size_t mean_count, std_count;
    bool exif_orient;  /* turned as their EXIF orientation says */
    bool strict;       /* faulty data is TM_CORRUPT, not a warning */
    size_t max_pixels; /* larger ones are TM_TOO_LARGE; 0: above 178,956,970 */
    size_t max_memory; /* bytes for all pictures that are decoded at once: they wait for each other,
                          and one that needs more is TM_TOO_LARGE; 0: half of what the machine or
                          container has, at most 4 GB, of all models together */
    bool fast_decode;  /* a JPEG is decoded at 1/2, 1/4 or 1/8 where it then still has twice the
                          pixels a side that it is resized to: no longer timm's bits */
} tm_preprocess_options;
#ifdef __cplusplus
#define TM_PREPROCESS_OPTIONS_DEFAULT tm_preprocess_options_default()
inline tm_preprocess_options tm_preprocess_options_default()
{
    tm_preprocess_options options = tm_preprocess_options();
    options.size = sizeof options;
    return options;
}
#else
#define TM_PREPROCESS_OPTIONS_DEFAULT                                                              \
    {                                                                                              \
        .size = sizeof(tm_preprocess_options)                                                      \
    }
#endif

/* Of pictures that are prepared from now on; what was set before is the model's own again. Not
 * while another thread uses the model. All is copied. */
tm_status tm_model_set_preprocess(tm_model *model, const tm_preprocess_options *options,
                                  tm_error *error);

/* A picture: what stands in a file, the bytes of such a file, or pixels; exactly one of path, bytes
 * and rgb is not NULL. */
typedef struct tm_picture {
    const char *path;
    const void *bytes; /* JPEG or PNG, byte_count of them */
    size_t byte_count;
    const unsigned char *rgb; /* R G B, from left to right, the top row first */
    int width, height;
    size_t stride;    /* bytes from one row to the next; 0: 3 * width */
    const char *name; /* in messages; NULL: the path, or "picture" */
} tm_picture;

/* Decodes the picture and makes timm's input tensor of it: out[C][H][W]. TM_USAGE with
 * from_features: hidden states are no pictures. With TM_OK the message is a warning, or "": parts
 * of a picture whose data is faulty may be made up. Any number of threads may prepare pictures for
 * one model at once. */
tm_status tm_model_preprocess(const tm_model *model, const tm_picture *picture, float *out,
                              tm_error *error);
tm_status tm_model_preprocess_file(const tm_model *model, const char *path, float *out,
                                   tm_error *error);

/* Models of sequences (timm's NaFlex) take a picture whole and in its own aspect ratio: the largest
 * size for it of at most max_seq_len patches, 1 to 65536. A model opened with these img_height and
 * img_width, and crop_mode "squash" and crop_pct 1, is for the pictures of that size. The picture
 * is decoded for it. TM_USAGE: no model of sequences; TM_TOO_LARGE: no size is in proportion. */
tm_status tm_model_sequence_size(const tm_model *model, const tm_picture *picture, int max_seq_len,
                                 int *height, int *width, tm_error *error);

/* ---- answers ---- */

/* The chosen outputs, in the order of tm_model_select; index < output_count. */
size_t tm_model_output_count(const tm_model *model);
tm_status tm_model_output(const tm_model *model, size_t index, tm_output *output, tm_error *error);
/* Class `index` of the model as its own config names it, else as tm_label; false: no name, and
 * *name and *text are as they were. */
bool tm_model_label(const tm_model *model, int index, const char **name, const char **text);

/* "n02123159" and "tiger cat" for a class of a model with so many; false: no such label set. */
bool tm_label(int num_classes, int index, const char **synset, const char **words);

/* ---- runs ---- */

/* A loaded model is run in a context, which holds the activations of one run and nothing else: as
 * many contexts as are wanted share the model's weights. Contexts of one model may run at the same
 * time, each on as many threads as the model was opened with (threads = 1 for a server that runs
 * one context on each of its own); one context is used by one thread at a time. Answers do not
 * depend on what else runs. */
typedef struct tm_context tm_context;

tm_status tm_context_open(tm_model *model, tm_context **context, tm_error *error);
void tm_context_close(tm_context *context); /* NULL is fine */

/* Runs `count` inputs of tm_model_input_shape, one after another, 1 <= count <= max_batch. */
tm_status tm_context_run(tm_context *context, const float *inputs, int count, tm_error *error);
/* Values of the context's last run: of chosen output `index`, out has as many floats as the product
 * of its shape; picture < count of that run. */
tm_status tm_context_read(const tm_context *context, size_t index, int picture, float *out,
                          tm_error *error);

/* Told of each picture of tm_context_run_pictures, in their order, on the thread that called it.
 * error->status TM_OK: its values are tm_context_read(context, ..., place, ...) until the callback
 * returns, and error->message is a warning, or "". Else place is -1 and error says what failed:
 * TM_NOT_FINITE too, an answer that holds NaN. True: go on; false: this was the last one. */
typedef bool (*tm_picture_answer)(void *user, size_t index, int place, const tm_error *error);

/* Decodes pictures on as many threads as the model was opened with, ahead of the runs, and runs as
 * many at once as are there, at most max_batch; the answers do not depend on it. TM_OK: answer was
 * told of each, or ended it. The thread that runs this decodes nothing while it runs the model, so
 * that one stopped picture delays only those behind it. */
tm_status tm_context_run_pictures(tm_context *context, const tm_picture *pictures, size_t count,
                                  tm_picture_answer answer, void *user, tm_error *error);

/* ---- what there is ---- */

/* A model of timm's, with its weights' tag. Texts live as long as the program; "": unknown. */
typedef struct tm_known_model {
    const char *name;          /* "resnet50.a1_in1k", for tm_model_open */
    const char *arch, *tag;    /* "resnet50", "a1_in1k" */
    const char *module;        /* of timm: "resnet" */
    const char *license;       /* of the weights */
    bool has_weights;          /* somebody publishes them */
    bool is_default;           /* the tag that the architecture's name alone stands for */
    int input_size[3];         /* channels, height, width */
    int test_input_size[3];    /* the larger one that timm tests with, or the same */
    int num_classes;           /* 0: no classifier */
    float top1, params, gmacs; /* percent on ImageNet, millions, billions of multiply-adds, as timm
                                  measured them at input_size; 0: it did not */
} tm_known_model;

/* index < count, in timm's natural order; TM_USAGE: there is no such index. */
size_t tm_known_count(void);
tm_status tm_known_model_at(size_t index, tm_known_model *known, tm_error *error);

/* What an open model is; `size` is to be set. */
typedef struct tm_model_info {
    size_t size;        /* of this struct */
    const char *name;   /* "resnet50.a1_in1k"; as long as the model */
    int64_t params;     /* as timm counts: without buffers */
    double macs;        /* multiply-adds of a picture */
    double activations; /* elements that convolutions and linear layers put out */
    int num_classes;    /* 0: no classifier */
    int threads, max_batch;
    size_t weight_bytes, activation_bytes, total_bytes; /* of memory, for a model loaded with what
                                                           is chosen, and a run of one picture */
} tm_model_info;
tm_status tm_model_tell(const tm_model *model, tm_model_info *info, tm_error *error);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
