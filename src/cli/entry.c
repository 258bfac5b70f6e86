/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/npy_input.h"
#include "cli/stop.h"

static bool keeps_aspect(const tm_entry_source *source)
{
    return source->picture->max_seq_len > 0;
}

/* "rgb24:640x480" */
static tm_status parse_frames(tm_entry_source *source, const char *text, tm_error *error)
{
    enum { SIDE_MAX = 65535 };
    size_t most = source->picture->max_pixels ? source->picture->max_pixels : TM_IMAGE_MAX_PIXELS;
    int width = 0, height = 0, end = 0;
    if (!text)
        return TM_OK;
    bool good = sscanf(text, "rgb24:%5dx%5d%n", &width, &height, &end) == 2 && !text[end] &&
                width >= 1 && height >= 1 && width <= SIDE_MAX && height <= SIDE_MAX;
    if (!good)
        return tm_fail(error, TM_USAGE,
                       "--stdin-format %.100s: expected rgb24:WIDTHxHEIGHT in pixels", text);
    if (source->from_features)
        return tm_fail(error, TM_USAGE, "--stdin-format says pictures: not with --from-features");
    if ((size_t)width * (size_t)height > most)
        return tm_fail(error, TM_USAGE, "--stdin-format %.100s: more than %zu pixels", text, most);
    source->frame_width = width;
    source->frame_height = height;
    return TM_OK;
}

tm_status tm_entry_source_open(tm_entry_source *source, const tm_input_options *options,
                               const tm_arguments *arguments, bool quiet, tm_error *error)
{
    size_t most;
    if (!tm_size_mul(source->picture->max_memory, 1000000, &most))
        most = SIZE_MAX;
    tm_image_memory_set(&source->memory, most);
    pthread_rwlock_init(&source->decoding, NULL);
    if (parse_frames(source, options->stdin_format, error))
        return error->status;
    tm_status status = tm_inputs_open(&source->inputs, options, arguments->operands,
                                      arguments->operand_count, error);
    source->inputs.quiet = quiet;
    return status;
}

static void close_npy(tm_entry_source *source)
{
    if (source->npy)
        tm_npy_close(source->npy);
    free(source->npy);
    free(source->npy_file);
    source->npy = NULL;
    source->npy_file = NULL;
}

void tm_entry_source_close(tm_entry_source *source)
{
    close_npy(source);
    if (source->inputs.options)
        tm_inputs_close(&source->inputs);
}

void tm_entry_free(tm_entry *entry)
{
    free(entry->file);
    free(entry->siblings);
    free(entry->tensor);
    tm_image_bytes_free(&entry->bytes);
    *entry = (tm_entry){0};
}

/* ---- the bytes ---- */

static tm_decode_options decode_options(tm_entry_source *source)
{
    const tm_preprocess *how = &source->model->preprocess;
    return (tm_decode_options){.max_pixels = source->picture->max_pixels,
                               .exif_orient = source->picture->exif_orient,
                               .strict = source->picture->strict_decode,
                               .least = source->picture->fast_decode ? tm_preprocess_least(how) : 0,
                               .memory = source->picture->max_memory ? &source->memory
                                                                     : tm_image_memory_shared()};
}

static void read_bytes(tm_entry *entry, const tm_decode_options *how)
{
    if (strcmp(entry->file, "-") == 0)
        tm_image_read_stream(STDIN_FILENO, "-", how, &entry->bytes, &entry->error);
    else
        tm_image_read_file(entry->file, how, &entry->bytes, &entry->error);
}

void tm_entry_read(tm_entry_source *source, tm_entry *entry, void (*turn)(void *, bool),
                   void *turn_context)
{
    tm_decode_options how = decode_options(source);
    how.turn = turn;
    how.turn_context = turn_context;
    read_bytes(entry, &how);
}

/* ---- taking ---- */

static tm_status check_npy(const tm_entry_source *source, const tm_entry *entry, tm_npy *npy,
                           tm_error *error)
{
    if (keeps_aspect(source))
        return tm_fail(error, TM_SHAPE,
                       "%s: a tensor has its size already: give --img-size, not --max-seq-len",
                       entry->file);
    return tm_npy_input_check(source->model, entry->file, npy, error);
}

static void take_tensor(tm_entry_source *source, const tm_npy *npy, int index, tm_entry *entry)
{
    if (!source->shapes_only)
        tm_npy_input_read(source->model, npy, index, &entry->tensor, &entry->error);
}

/* An array of several stays open for those that come next. */
static void begin_npy(tm_entry_source *source, tm_entry *entry)
{
    tm_npy *npy = calloc(1, sizeof *npy);
    char *file = strdup(entry->file);
    if (!npy || !file)
        tm_fail(&entry->error, TM_NO_MEMORY, "%s: no memory for an array", entry->file);
    if (entry->error.status || tm_npy_open(entry->file, npy, &entry->error)) {
        free(npy);
        free(file);
        return;
    }
    source->npy = npy;
    source->npy_file = file;
    if (check_npy(source, entry, npy, &entry->error) == TM_OK)
        take_tensor(source, npy, 0, entry);
    if (entry->error.status || tm_npy_input_is_single(source->model, npy)) {
        close_npy(source);
        return;
    }
    entry->index = 0;
    source->npy_next = 1;
    source->arrays = true;
}

static tm_status go_on_with_npy(tm_entry_source *source, tm_entry *entry, tm_error *error)
{
    *entry = (tm_entry){.file = strdup(source->npy_file),
                        .index = source->npy_next++,
                        .settled = true,
                        .ready = true};
    if (!entry->file)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for its name", source->npy_file);
    take_tensor(source, source->npy, entry->index, entry);
    if (source->npy_next == (int)source->npy->shape[0])
        close_npy(source);
    return TM_OK;
}

/* Of an archive, which is read in its order. */
static void read_member(tm_entry_source *source, tm_entry *entry)
{
    tm_decode_options how = decode_options(source);
    if (source->from_features)
        tm_fail(&entry->error, TM_UNSUPPORTED, "%s: hidden states come from a .npy file",
                entry->file);
    else if (tm_archive_read(source->inputs.archive, &how, &entry->bytes, &entry->error) == TM_OK)
        tm_archive_siblings(source->inputs.archive, &source->inputs.left_out, &entry->siblings,
                            &entry->error);
}

/* Reads a pipe to its end, unless it begins as an archive does; true: that comes next. */
static bool read_stream(tm_entry_source *source, tm_entry *entry)
{
    tm_decode_options how = decode_options(source);
    int fd = strcmp(entry->file, "-") == 0 ? STDIN_FILENO
                                           : open(entry->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        read_bytes(entry, &how); /* and tells why not */
        return false;
    }
    tm_status status = tm_image_read_stream(fd, entry->file, &how, &entry->bytes, &entry->error);
    if (!status && tm_may_be_archive(entry->bytes.data, entry->bytes.size))
        return tm_inputs_enter_stream(&source->inputs, fd, entry->file, &entry->bytes,
                                      &entry->error) == TM_OK;
    if (fd != STDIN_FILENO)
        close(fd);
    return false;
}

/* ---- frames ---- */

/* Bytes of stdin until there are `size`; fewer: it ended, or a stop was asked for. */
static tm_status read_stdin(unsigned char *bytes, size_t size, size_t *count, tm_error *error)
{
    for (*count = 0; *count < size && tm_stop_wait(STDIN_FILENO);) {
        ssize_t got = read(STDIN_FILENO, bytes + *count, size - *count);
        if (got == 0)
            break;
        if (got > 0)
            *count += (size_t)got;
        else if (errno != EINTR && errno != EAGAIN)
            return tm_fail(error, TM_READ, "-: frame cannot be read: %s", strerror(errno));
    }
    return TM_OK;
}

/* The next frame's bytes; *more is false: there is none. What cannot be told apart from the next
 * one ends them. */
static void take_frame(tm_entry_source *source, tm_entry *entry, bool *more)
{
    size_t size = (size_t)source->frame_width * (size_t)source->frame_height * 3, count = 0;
    tm_decode_options how = decode_options(source);
    tm_image_bytes *bytes = &entry->bytes;
    bytes->share.budget = how.memory ? &how.memory->files : NULL;
    if (!tm_share_take(&bytes->share, size)) {
        bytes->share = (tm_share){0};
        tm_fail(&entry->error, TM_TOO_LARGE, "-: a frame of %zu bytes is above --max-memory", size);
    } else if (!(bytes->data = malloc(size))) {
        tm_fail(&entry->error, TM_NO_MEMORY, "-: no memory for a frame of %zu bytes", size);
    } else {
        read_stdin(bytes->data, size, &count, &entry->error);
    }
    bytes->size = count;
    *more = count || entry->error.status;
    if (count && count < size && !entry->error.status)
        tm_fail(&entry->error, TM_TRUNCATED, "-: frame %d ends after %zu of %zu bytes",
                entry->index, count, size);
    source->in_frames = !entry->error.status && *more;
}

static tm_status go_on_with_frames(tm_entry_source *source, tm_entry *entry, bool *more,
                                   tm_error *error)
{
    *entry = (tm_entry){
        .file = strdup("-"), .index = source->frame_next++, .settled = true, .frame = true};
    if (!entry->file)
        return tm_fail(error, TM_NO_MEMORY, "-: no memory for its name");
    take_frame(source, entry, more);
    return TM_OK;
}

/* ---- one after another ---- */

/* What has to be read in its turn; false: the input is an archive, whose members come next. */
static bool take_file(tm_entry_source *source, tm_entry *entry)
{
    entry->settled = true;
    entry->ready = !tm_inputs_are_members(&source->inputs) && tm_has_ending(entry->file, ".npy");
    if (tm_inputs_are_members(&source->inputs))
        read_member(source, entry);
    else if (entry->ready)
        begin_npy(source, entry);
    else if (source->from_features)
        tm_fail(&entry->error, TM_UNSUPPORTED, "%s: hidden states come from a .npy file",
                entry->file);
    else if (source->inputs.stream)
        return !read_stream(source, entry);
    else
        entry->settled = false;
    return true;
}

static tm_status take_next(tm_entry_source *source, tm_entry *entry, bool *more, tm_error *error)
{
    if (source->npy)
        return go_on_with_npy(source, entry, error);
    for (;;) {
        tm_error loss = {0};
        if (source->in_frames) {
            tm_status status = go_on_with_frames(source, entry, more, error);
            if (status || *more)
                return status;
            tm_entry_free(entry);
        }
        const char *file = tm_inputs_next(&source->inputs, &loss);
        *more = file;
        if (!file)
            return TM_OK;
        source->in_frames = !loss.status && source->frame_width && strcmp(file, "-") == 0;
        if (source->in_frames)
            continue;
        *entry =
            (tm_entry){.file = strdup(file), .index = -1, .error = loss, .settled = loss.status};
        if (!entry->file)
            return tm_fail(error, TM_NO_MEMORY, "%s: no memory for its name", file);
        if (loss.status || take_file(source, entry))
            return TM_OK;
        tm_entry_free(entry);
    }
}

/* Without its name an entry could not be answered, so that ends the run. */
tm_status tm_entry_take(tm_entry_source *source, tm_entry *entry, bool *more, tm_error *error)
{
    *more = !source->lost;
    if (source->lost)
        return TM_OK;
    tm_status status = take_next(source, entry, more, error);
    source->lost = status;
    return status;
}

size_t tm_entry_source_expected(const tm_entry_source *source)
{
    return source->arrays ? 0 : tm_inputs_expected(&source->inputs);
}

/* ---- reading and decoding ---- */

tm_status tm_entry_decode_file(tm_entry_source *source, const char *file, tm_image *image,
                               tm_error *error)
{
    tm_decode_options how = decode_options(source);
    if (strcmp(file, "-") == 0)
        return tm_image_decode_stream(STDIN_FILENO, file, &how, image, error);
    return tm_image_decode_file(file, &how, image, error);
}

/* How the picture is brought to its own size. */
static tm_status fit(const tm_entry_source *source, const tm_image *image, tm_entry *entry)
{
    tm_status status = tm_model_fit_sequence(source->model, image, source->picture->max_seq_len,
                                             &entry->how, &entry->error);
    if (status)
        tm_error_context(&entry->error, "%s", entry->file);
    return status;
}

static tm_status make_tensor(const tm_entry_source *source, const tm_image *image, float *room,
                             tm_entry *entry)
{
    const tm_preprocess *how = keeps_aspect(source) ? &entry->how : &source->model->preprocess;
    size_t floats = (size_t)how->width * (size_t)how->height * (size_t)how->channels;
    if (!room)
        room = entry->tensor = malloc(floats * sizeof *room);
    if (!room)
        return tm_fail(&entry->error, TM_NO_MEMORY, "%s: no memory for a tensor of %zu numbers",
                       entry->file, floats);
    return tm_preprocess_f32(image, how, room, &entry->error);
}

static void decode(tm_entry_source *source, tm_entry *entry, float *room)
{
    tm_decode_options how = decode_options(source);
    tm_image image = {.width = source->frame_width,
                      .height = source->frame_height,
                      .rgb = entry->frame ? entry->bytes.data : NULL};
    tm_status status = TM_OK;
    if (!entry->frame)
        status = tm_image_decode(entry->bytes.data, entry->bytes.size, entry->file, &how, &image,
                                 &entry->error);
    if (!status && keeps_aspect(source))
        status = fit(source, &image, entry);
    if (!status && !source->shapes_only)
        make_tensor(source, &image, room, entry);
    entry->image = image;
    entry->image.rgb = NULL;
    entry->image.share = (tm_share){0};
    if (!entry->frame)
        tm_image_free(&image);
}

/* What has no memory beside the others is read and decoded when no other is, and waits for none:
 * they may wait for it. */
static void decode_alone(tm_entry_source *source, tm_entry *entry, float *room)
{
    const tm_decode_options alone = {0};
    pthread_rwlock_wrlock(&source->decoding);
    entry->error = (tm_error){0};
    free(entry->tensor);
    entry->tensor = NULL;
    if (!entry->settled && !entry->bytes.data)
        read_bytes(entry, &alone);
    if (!entry->error.status)
        decode(source, entry, room);
    pthread_rwlock_unlock(&source->decoding);
}

void tm_entry_decode(tm_entry_source *source, tm_entry *entry, float *room)
{
    if (entry->ready)
        return;
    if (!entry->error.status) {
        pthread_rwlock_rdlock(&source->decoding);
        decode(source, entry, room);
        pthread_rwlock_unlock(&source->decoding);
    }
    if (entry->error.status == TM_NO_MEMORY && (entry->bytes.data || !entry->settled))
        decode_alone(source, entry, room);
    tm_image_bytes_free(&entry->bytes);
}
