/* SPDX-License-Identifier: Apache-2.0 */
/* One input on its way: a name, the file's bytes, the tensor that the model takes. */
#ifndef TM_CLI_ENTRY_H
#define TM_CLI_ENTRY_H

#include <pthread.h>

#include "api/context.h"
#include "cli/cli.h"
#include "cli/inputs.h"
#include "weights/npy.h"

typedef struct tm_entry {
    char *file;
    int index;            /* of a picture in a .npy file of several, of a frame; else -1 */
    tm_error error;       /* what it failed for */
    tm_image_bytes bytes; /* of the picture's file */
    float *tensor;        /* [H][W][C]; of a .npy file the caller's layout */
    bool settled;         /* nothing is to be read: it is lost, a stream that has been, ready */
    bool ready;           /* the tensor is from a .npy file */
    bool frame;           /* the bytes are pixels, of the source's frames */
    int slot;             /* its picture in the run */
    char *siblings;       /* of a member of an archive: a JSON object; NULL: none */
    tm_image image;       /* the decoded picture without its pixels */
    tm_preprocess how;    /* to its own size; width 0: it has none */
} tm_entry;

/* Where entries come from, one after another. */
typedef struct tm_entry_source {
    const tm_model *model; /* that the inputs are for */
    const tm_picture_options *picture;
    bool from_features, shapes_only;
    tm_inputs inputs;
    tm_image_memory memory; /* of --max-memory */
    tm_npy *npy;            /* the array whose pictures come next */
    char *npy_file;
    int npy_next;
    bool arrays;                   /* there has been one of several pictures */
    bool lost;                     /* one had no memory for its name: there are no more */
    int frame_width, frame_height; /* 0: stdin holds no frames */
    int frame_next;
    bool in_frames;            /* these come next */
    pthread_rwlock_t decoding; /* for reading by each decoder; who needs all memory is alone */
} tm_entry_source;

/* The model, the options and the rest that is stated must be there. TM_NOT_FOUND, TM_READ: see
 * tm_inputs_open; TM_USAGE. */
tm_status tm_entry_source_open(tm_entry_source *source, const tm_input_options *options,
                               const tm_arguments *arguments, bool quiet, tm_error *error);
void tm_entry_source_close(tm_entry_source *source);

/* A picture as the options want it read; file "-" is stdin. Free the image also after an error. */
tm_status tm_entry_decode_file(tm_entry_source *source, const char *file, tm_image *image,
                               tm_error *error);

/* The next one, with its stream's bytes or its tensor; *more is false: there are none. An error is
 * of the source, which ends: TM_NO_MEMORY. */
tm_status tm_entry_take(tm_entry_source *source, tm_entry *entry, bool *more, tm_error *error);

/* How many there will be in all, as far as it is known without reading on; 0: not known. */
size_t tm_entry_source_expected(const tm_entry_source *source);

/* Reads the file of a picture that is not settled; turn: see tm_decode_options. Whatever fails is
 * entry->error. */
void tm_entry_read(tm_entry_source *source, tm_entry *entry, void (*turn)(void *, bool),
                   void *turn_context);

/* Makes the tensor of its bytes, in `room`; where that is NULL, in a tensor of its own. */
void tm_entry_decode(tm_entry_source *source, tm_entry *entry, float *room);

void tm_entry_free(tm_entry *entry);

#endif
