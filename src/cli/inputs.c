/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/inputs.h"
#include "cli/endings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static tm_status open_list(tm_inputs *inputs, const tm_input_options *o, tm_error *error)
{
    struct stat st;
    tm_status status = tm_name_list_open(&inputs->list, o->files_from, o->null_separated, error);
    if (!status && fstat(inputs->list.fd, &st) == 0 && !S_ISREG(st.st_mode) &&
        tm_seen_add(&inputs->streams, &st) == TM_SEEN_NO_MEMORY)
        status = tm_fail(error, TM_NO_MEMORY, "%s: no memory for a list of inputs", o->files_from);
    return status;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

tm_status tm_inputs_open(tm_inputs *inputs, const tm_input_options *options, char **operands,
                         size_t operand_count, tm_error *error)
{
    *inputs = (tm_inputs){.options = options, .operands = operands, .operand_count = operand_count};
    for (size_t i = 0; i < operand_count && !inputs->archives; i++)
        inputs->archives = tm_is_archive_name(operands[i]);
    inputs->folder_last = operand_count && is_folder(operands[operand_count - 1]);
    return options->files_from ? open_list(inputs, options, error) : TM_OK;
}

void tm_inputs_close(tm_inputs *inputs)
{
    tm_name_list_close(&inputs->list);
    tm_walk_free(&inputs->walk);
    tm_archive_close(inputs->archive);
    tm_seen_free(&inputs->streams);
    free(inputs->folder);
}

/* ---- names ---- */

/* Only what a person names is read when it is a pipe, and only once: the second reader would have
 * the rest, or a part. */
static void check_named(tm_inputs *inputs, const char *path, tm_error *error)
{
    struct stat st;
    bool is_stdin = strcmp(path, "-") == 0;
    inputs->stream = is_stdin;
    if ((is_stdin ? fstat(fileno(stdin), &st) : stat(path, &st)) != 0)
        return; /* the read tells why */
    if (!is_stdin && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
        return;
    inputs->stream = true;
    if (!is_stdin && !S_ISFIFO(st.st_mode)) {
        tm_fail(error, TM_READ, "%.300s: a device or a socket, expected a file or a pipe", path);
        return;
    }
    if (is_stdin && inputs->options->files_from && strcmp(inputs->options->files_from, "-") == 0) {
        tm_fail(error, TM_READ, "-: the standard input is the list of inputs");
        return;
    }
    tm_seen_answer answer = tm_seen_add(&inputs->streams, &st);
    if (answer == TM_SEEN_BEFORE)
        tm_fail(error, TM_READ, "%.300s: this stream is read already, and can be read once", path);
    if (answer == TM_SEEN_NO_MEMORY)
        tm_fail(error, TM_NO_MEMORY, "%s: no memory for one more stream", path);
}

static void check_listed(const char *path, tm_error *error)
{
    struct stat st;
    if (strcmp(path, "-") == 0)
        tm_fail(error, TM_READ, "-: the standard input is no name in a list");
    else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        tm_loss_fail(TM_LOSS_SPECIAL, 0, path, error);
}

static const char *next_name(tm_inputs *inputs, tm_error *error)
{
    const char *name;
    inputs->stream = false;
    if (inputs->operand < inputs->operand_count) {
        name = inputs->operands[inputs->operand++];
        check_named(inputs, name, error);
        return name;
    }
    name = tm_name_list_next(&inputs->list, error);
    if (name && !error->status)
        check_listed(name, error);
    return name;
}

/* ---- folders ---- */

/* False: there is no memory for the folder's name. */
static bool enter_folder(tm_inputs *inputs, const char *path)
{
    char text[512];
    free(inputs->folder);
    tm_walk_free(&inputs->walk);
    inputs->walk_next = 0;
    inputs->folder = strdup(path);
    if (!inputs->folder)
        return false;
    tm_walk_folder(&inputs->walk, path);
    for (size_t i = 0; i < inputs->walk.count && !inputs->archives; i++)
        inputs->archives = tm_is_archive_name(inputs->walk.found[i].path);
    tm_left_out_text(&inputs->walk.left_out, text, sizeof text);
    if (*text && !inputs->quiet)
        tm_print_note("folder %s: %s", path, text);
    return true;
}

/* The next file of the folder, its losses among them; NULL: no more. */
static const char *next_in_folder(tm_inputs *inputs, tm_error *error)
{
    tm_walk *walk = &inputs->walk;
    if (inputs->walk_next < walk->count) {
        const tm_found *found = &walk->found[inputs->walk_next++];
        tm_loss_fail(found->loss, found->cause, found->path, error);
        return found->path;
    }
    if (!walk->lost)
        return NULL;
    tm_fail(error, TM_NO_MEMORY, "%.300s: no memory for %zu of the names in this folder",
            inputs->folder, walk->lost);
    walk->lost = 0;
    return inputs->folder;
}

/* ---- archives ---- */

/* A tar is known by its name, and where a person names it, by what is in it. */
static bool is_archive(const tm_inputs *inputs, const char *path)
{
    bool named = inputs->list.lines == 0 && !tm_is_picture_name(path);
    return tm_is_archive_name(path) ||
           (named && !tm_has_ending(path, ".npy") && tm_is_archive(path));
}

/* What the archive has left out is told when it ends. */
static const char *next_in_archive(tm_inputs *inputs, tm_error *error)
{
    char text[512];
    if (!inputs->archive)
        return NULL;
    const char *path = tm_archive_next(inputs->archive, &inputs->left_out, error);
    if (path)
        return path;
    tm_left_out_text(&inputs->left_out, text, sizeof text);
    if (*text && !inputs->quiet)
        tm_print_note("archive %s: %s", tm_archive_path(inputs->archive), text);
    tm_archive_close(inputs->archive);
    inputs->archive = NULL;
    return NULL;
}

bool tm_inputs_are_members(const tm_inputs *inputs)
{
    return inputs->archive;
}

/* ---- one after another ---- */

static bool enter_archive(tm_inputs *inputs, const char *path, tm_error *error)
{
    inputs->archives = true;
    inputs->left_out = (tm_left_out){0};
    return tm_archive_open(path, inputs->options->siblings, &inputs->archive, error) == TM_OK;
}

tm_status tm_inputs_enter_stream(tm_inputs *inputs, int fd, const char *name, tm_image_bytes *begun,
                                 tm_error *error)
{
    inputs->archives = true;
    inputs->left_out = (tm_left_out){0};
    inputs->seen--; /* its members are inputs in its place */
    inputs->given--;
    return tm_archive_open_stream(fd, name, inputs->options->siblings, begun, &inputs->archive,
                                  error);
}

/* A folder or an archive: its files come next; false: it is an input, or lost. */
static bool enter(tm_inputs *inputs, const char *path, tm_error *error)
{
    if (is_folder(path)) {
        if (enter_folder(inputs, path))
            return true;
        tm_loss_fail(TM_LOSS_MEMORY, 0, path, error);
    } else if (is_archive(inputs, path)) {
        return enter_archive(inputs, path, error);
    }
    return false;
}

static const char *next_file(tm_inputs *inputs, tm_error *error)
{
    for (;;) {
        const char *path = next_in_archive(inputs, error);
        if (path)
            return path;
        path = next_in_folder(inputs, error);
        if (path && !error->status && tm_is_archive_name(path) &&
            enter_archive(inputs, path, error))
            continue;
        if (path)
            return path;
        path = next_name(inputs, error);
        if (!path || error->status || !enter(inputs, path, error))
            return path;
    }
}

/* What only this process lost, the process of another shard will not tell. */
static bool is_own_loss(const tm_inputs *inputs, const tm_error *error)
{
    return error->status == TM_NO_MEMORY || inputs->list.failed;
}

const char *tm_inputs_next(tm_inputs *inputs, tm_error *error)
{
    const tm_input_options *o = inputs->options;
    if (o->limit && inputs->given == o->limit)
        return NULL;
    for (const char *file;; *error = (tm_error){0}) {
        file = next_file(inputs, error);
        if (!file)
            return NULL;
        size_t number = inputs->seen++;
        bool others = o->shard.count && number % o->shard.count != o->shard.index;
        if ((number < o->skip || others) && !is_own_loss(inputs, error))
            continue;
        inputs->given++;
        return file;
    }
}

size_t tm_inputs_expected(const tm_inputs *inputs)
{
    const tm_input_options *o = inputs->options;
    bool one_folder = inputs->folder && inputs->operand_count == 1;
    if (o->files_from || o->stdin_format || inputs->archives || (inputs->folder && !one_folder))
        return 0;
    size_t count = one_folder ? inputs->walk.count : inputs->operand_count;
    if (!one_folder && inputs->folder_last)
        return 0;
    if (o->shard.count)
        count = count / o->shard.count + (o->shard.index < count % o->shard.count);
    else
        count -= o->skip < count ? o->skip : count;
    return o->limit && o->limit < count ? o->limit : count;
}

int tm_inputs_report_none(const tm_inputs *inputs)
{
    const tm_input_options *o = inputs->options;
    if (o->skip && inputs->seen && inputs->seen <= o->skip)
        tm_print_error("--skip %zu leaves none of %zu inputs", o->skip, inputs->seen);
    else if (!inputs->seen || !o->shard.count)
        tm_print_error("no input found");
    else {
        tm_print_note("shard %zu/%zu has none of %zu inputs", o->shard.index + 1, o->shard.count,
                      inputs->seen);
        return TM_EXIT_OK;
    }
    return TM_EXIT_INPUT;
}
