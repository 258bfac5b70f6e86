/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/inputs.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "registry/registry.h"

tm_status tm_inputs_open(tm_inputs *inputs, const tm_input_options *options, char **operands,
                         size_t operand_count, tm_error *error)
{
    *inputs = (tm_inputs){.options = options, .operands = operands, .operand_count = operand_count};
    const char *from = options->files_from;
    if (!from)
        return TM_OK;
    inputs->list = strcmp(from, "-") == 0 ? stdin : fopen(from, "re");
    if (!inputs->list)
        return tm_fail(error, TM_NOT_FOUND, "%s: cannot read the list of inputs: %s", from,
                       strerror(errno));
    return TM_OK;
}

static void free_folder(tm_inputs *inputs)
{
    for (size_t i = 0; i < inputs->folder_count; i++)
        free(inputs->folder[i]);
    free(inputs->folder);
    inputs->folder = NULL;
    inputs->folder_count = inputs->folder_next = 0;
}

void tm_inputs_close(tm_inputs *inputs)
{
    if (inputs->list && inputs->list != stdin)
        fclose(inputs->list);
    free_folder(inputs);
    free(inputs->line);
}

/* ---- folders ---- */

/* A folder gives its pictures, as timm's reader does; anything else in it is left alone. */
static bool is_picture_name(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && strcasecmp(name + length - ending, endings[i]) == 0)
            return true;
    }
    return false;
}

static bool keep_file(tm_inputs *inputs, char *path)
{
    char **grown = realloc(inputs->folder, (inputs->folder_count + 1) * sizeof *inputs->folder);
    if (!grown) {
        free(path);
        return false;
    }
    inputs->folder = grown;
    inputs->folder[inputs->folder_count++] = path;
    return true;
}

static void walk_folder(tm_inputs *inputs, const char *folder, int depth)
{
    DIR *dir = depth < 64 ? opendir(folder) : NULL;
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        size_t size = strlen(folder) + strlen(entry->d_name) + 2;
        char *path = malloc(size);
        struct stat st;
        if (!path)
            break;
        snprintf(path, size, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/",
                 entry->d_name);
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
            walk_folder(inputs, path, depth + 1);
            free(path);
        } else if (is_picture_name(entry->d_name)) {
            if (!keep_file(inputs, path))
                break;
        } else {
            free(path);
        }
    }
    if (dir)
        closedir(dir);
}

static int by_natural_order(const void *a, const void *b)
{
    return tm_natural_compare(*(char *const *)a, *(char *const *)b);
}

/* True: `path` is a folder, whose files come next. */
static bool enter_folder(tm_inputs *inputs, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return false;
    free_folder(inputs);
    walk_folder(inputs, path, 0);
    if (inputs->folder_count)
        qsort(inputs->folder, inputs->folder_count, sizeof *inputs->folder, by_natural_order);
    return true;
}

/* ---- one after another ---- */

static const char *next_name(tm_inputs *inputs)
{
    if (inputs->operand < inputs->operand_count)
        return inputs->operands[inputs->operand++];
    int end = inputs->options->null_separated ? '\0' : '\n';
    while (inputs->list) {
        ssize_t length = getdelim(&inputs->line, &inputs->line_capacity, end, inputs->list);
        if (length <= 0)
            break;
        if (inputs->line[length - 1] == end)
            inputs->line[--length] = '\0';
        if (end == '\n' && length && inputs->line[length - 1] == '\r')
            inputs->line[--length] = '\0';
        if (length)
            return inputs->line;
    }
    return NULL;
}

static const char *next_file(tm_inputs *inputs)
{
    for (;;) {
        if (inputs->folder_next < inputs->folder_count)
            return inputs->folder[inputs->folder_next++];
        const char *name = next_name(inputs);
        if (!name || !enter_folder(inputs, name))
            return name;
    }
}

const char *tm_inputs_next(tm_inputs *inputs)
{
    const tm_input_options *o = inputs->options;
    if (o->limit && inputs->given == o->limit)
        return NULL;
    for (const char *file; (file = next_file(inputs));) {
        size_t number = inputs->seen++;
        if (number < o->skip || (o->shard.count && number % o->shard.count != o->shard.index))
            continue;
        inputs->given++;
        return file;
    }
    return NULL;
}
