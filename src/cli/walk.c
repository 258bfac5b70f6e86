/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/walk.h"

#include "cli/endings.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "registry/registry.h"

/* ---- what was seen ---- */

struct tm_file_id {
    dev_t device;
    ino_t inode;
};

static size_t place_of(const tm_seen *seen, struct tm_file_id id)
{
    uint64_t hash = ((uint64_t)id.inode ^ ((uint64_t)id.device << 32)) * 0x9E3779B97F4A7C15U;
    size_t at = (size_t)(hash >> 16) & (seen->capacity - 1);
    while (seen->ids[at].inode &&
           (seen->ids[at].inode != id.inode || seen->ids[at].device != id.device))
        at = (at + 1) & (seen->capacity - 1);
    return at;
}

static bool grow_seen(tm_seen *seen)
{
    tm_seen grown = {.capacity = seen->capacity ? 2 * seen->capacity : 64, .count = seen->count};
    grown.ids = calloc(grown.capacity, sizeof *grown.ids);
    if (!grown.ids)
        return false;
    for (size_t i = 0; i < seen->capacity; i++)
        if (seen->ids[i].inode)
            grown.ids[place_of(&grown, seen->ids[i])] = seen->ids[i];
    free(seen->ids);
    *seen = grown;
    return true;
}

tm_seen_answer tm_seen_add(tm_seen *seen, const struct stat *st)
{
    /* an inode 0 is nobody's; where a file system says so, it is taken for a file of its own */
    struct tm_file_id id = {st->st_dev, st->st_ino};
    if (2 * seen->count >= seen->capacity && !grow_seen(seen))
        return TM_SEEN_NO_MEMORY;
    if (!id.inode)
        return TM_SEEN_NEW;
    size_t at = place_of(seen, id);
    if (seen->ids[at].inode)
        return TM_SEEN_BEFORE;
    seen->ids[at] = id;
    seen->count++;
    return TM_SEEN_NEW;
}

void tm_seen_free(tm_seen *seen)
{
    free(seen->ids);
    *seen = (tm_seen){0};
}

/* ---- names ---- */

/* Of the file's name in the path; "" where it has none. */
static const char *ending_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot != name && !strchr(dot, '/') ? dot : "";
}

void tm_leave_out(tm_left_out *left_out, const char *name)
{
    char ending[TM_ENDING_LENGTH];
    int length = snprintf(ending, sizeof ending, "%s", ending_of(name));
    left_out->count++;
    if (length >= TM_ENDING_LENGTH)
        return;
    for (char *c = ending; *c; c++)
        *c = (char)(isprint((unsigned char)*c) ? tolower((unsigned char)*c) : '?');
    size_t i = 0;
    while (i < left_out->ending_count && strcmp(left_out->endings[i].ending, ending) != 0)
        i++;
    if (i == TM_ENDINGS_MAX)
        return;
    if (i == left_out->ending_count) {
        left_out->ending_count++;
        memcpy(left_out->endings[i].ending, ending, sizeof ending);
    }
    left_out->endings[i].count++;
}

__attribute__((format(printf, 3, 4))) static void add_text(char *text, size_t size,
                                                           const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

static void add_endings(const tm_left_out *left_out, char *text, size_t size)
{
    size_t others = left_out->count;
    const char *before = " (";
    for (size_t i = 0; i < left_out->ending_count; i++) {
        const char *ending = left_out->endings[i].ending;
        add_text(text, size, "%s%s %zu", before, *ending ? ending : "no ending",
                 left_out->endings[i].count);
        others -= left_out->endings[i].count;
        before = ", ";
    }
    if (others)
        add_text(text, size, "%sother endings %zu", before, others);
    add_text(text, size, ")");
}

void tm_left_out_text(const tm_left_out *left_out, char *text, size_t size)
{
    size_t count = left_out->count, again = left_out->folders_again;
    text[0] = '\0';
    if (count) {
        add_text(text, size, "%zu file%s by name", count,
                 count == 1 ? " is no picture" : "s are no pictures");
        add_endings(left_out, text, size);
    }
    if (again)
        add_text(text, size, "%s%zu link%s to a folder that is read already", count ? "; " : "",
                 again, again == 1 ? " leads" : "s lead");
}

/* ---- losses ---- */

tm_status tm_loss_fail(tm_loss loss, int cause, const char *path, tm_error *error)
{
    tm_status failed = cause == ENOMEM ? TM_NO_MEMORY : TM_READ;
    switch (loss) {
    case TM_LOSS_NONE:
        return TM_OK;
    case TM_LOSS_STAT:
        return tm_fail(error, cause == ENOENT ? TM_NOT_FOUND : failed, "%.300s: %s", path,
                       strerror(cause));
    case TM_LOSS_FOLDER:
        return tm_fail(error, failed, "%.300s: cannot open the folder: %s", path, strerror(cause));
    case TM_LOSS_LISTING:
        return tm_fail(error, failed, "%.300s: the listing of the folder broke off: %s", path,
                       strerror(cause));
    case TM_LOSS_SPECIAL:
        return tm_fail(error, TM_READ,
                       "%.300s: a pipe, a socket or a device, expected a file; only what is named "
                       "on the command line may be a pipe",
                       path);
    case TM_LOSS_MEMORY:
        return tm_fail(error, TM_NO_MEMORY, "%.300s: no memory for the names in this folder", path);
    }
    TM_BUG("a loss of unknown kind");
}

/* ---- the walk ---- */

/* Folders that are still to be read. Those behind links come last, so that a folder is read under
 * its own name where it has one in the walk. */
typedef struct waiting {
    char **paths;
    size_t count, capacity;
    bool sorted; /* the first one last */
} waiting;

typedef struct walker {
    tm_walk *walk;
    tm_seen seen;
    waiting folders, links;
} walker;

/* The array with room for one more item; NULL: no memory, the array stays as it is. */
static void *with_room(void *array, size_t *capacity, size_t count, size_t item)
{
    size_t wanted = *capacity ? 2 * *capacity : 64, bytes;
    if (count < *capacity)
        return array;
    void *grown = tm_size_mul(wanted, item, &bytes) ? realloc(array, bytes) : NULL;
    if (grown)
        *capacity = wanted;
    return grown;
}

/* Takes the path, which may be NULL: a name is lost for which there was no memory. */
static void put_found(walker *w, char *path, tm_loss loss, int cause)
{
    tm_walk *walk = w->walk;
    tm_found *grown =
        path ? with_room(walk->found, &walk->capacity, walk->count, sizeof *grown) : NULL;
    if (!grown) {
        free(path);
        walk->lost++;
        return;
    }
    walk->found = grown;
    walk->found[walk->count++] = (tm_found){path, loss, cause};
}

static void put_waiting(walker *w, waiting *list, char *path)
{
    char **grown = path ? with_room(list->paths, &list->capacity, list->count, sizeof path) : NULL;
    if (!grown) {
        free(path);
        w->walk->lost++;
        return;
    }
    list->paths = grown;
    list->paths[list->count++] = path;
    list->sorted = false;
}

static char *join(const char *folder, const char *name)
{
    size_t length = strlen(folder), size;
    if (!tm_size_add(length + 2, strlen(name), &size))
        return NULL;
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s%s%s", folder, length && folder[length - 1] == '/' ? "" : "/",
                 name);
    return path;
}

/* Pictures, and tars of them. */
static bool is_wanted(const char *name)
{
    return tm_is_picture_name(name) || tm_is_archive_name(name);
}

/* A name without a picture's ending that was there and is gone was nobody's picture. */
static bool is_gone(const char *path, const char *name)
{
    struct stat st;
    return !is_wanted(name) && lstat(path, &st) != 0 && errno == ENOENT;
}

/* What the listing leaves open: a link, or a file system that does not tell. */
static void put_unknown(walker *w, char *path, const char *name, bool link)
{
    struct stat st;
    if (path && stat(path, &st) != 0) {
        int cause = errno;
        if (is_gone(path, name))
            free(path);
        else
            put_found(w, path, TM_LOSS_STAT, cause);
    } else if (!path || S_ISDIR(st.st_mode)) {
        put_waiting(w, link ? &w->links : &w->folders, path);
    } else if (!S_ISREG(st.st_mode)) {
        put_found(w, path, TM_LOSS_SPECIAL, 0);
    } else if (is_wanted(name)) {
        put_found(w, path, TM_LOSS_NONE, 0);
    } else {
        tm_leave_out(&w->walk->left_out, name);
        free(path);
    }
}

static void put_entry(walker *w, const char *folder, const struct dirent *entry)
{
    const char *name = entry->d_name;
    switch (entry->d_type) {
    case DT_REG:
        if (is_wanted(name))
            put_found(w, join(folder, name), TM_LOSS_NONE, 0);
        else
            tm_leave_out(&w->walk->left_out, name);
        break;
    case DT_DIR:
        put_waiting(w, &w->folders, join(folder, name));
        break;
    default:
        put_unknown(w, join(folder, name), name, entry->d_type == DT_LNK);
    }
}

static void read_entries(walker *w, DIR *dir, const char *folder)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry)
            break;
        if (entry->d_name[0] != '.')
            put_entry(w, folder, entry);
    }
    int cause = errno;
    if (cause)
        put_found(w, strdup(folder), TM_LOSS_LISTING, cause);
}

/* Frees the path. */
static void read_folder(walker *w, char *path)
{
    struct stat st;
    DIR *dir = opendir(path);
    if (!dir || fstat(dirfd(dir), &st) != 0) {
        int cause = errno;
        if (dir)
            closedir(dir);
        put_found(w, path, TM_LOSS_FOLDER, cause);
        return;
    }
    tm_seen_answer answer = tm_seen_add(&w->seen, &st);
    if (answer == TM_SEEN_NEW)
        read_entries(w, dir, path);
    else if (answer == TM_SEEN_BEFORE)
        w->walk->left_out.folders_again++;
    closedir(dir);
    if (answer == TM_SEEN_NO_MEMORY)
        put_found(w, path, TM_LOSS_MEMORY, 0);
    else
        free(path);
}

static int by_path(const void *a, const void *b)
{
    return tm_natural_compare(((const tm_found *)a)->path, ((const tm_found *)b)->path);
}

static int by_name_backwards(const void *a, const void *b)
{
    return tm_natural_compare(*(char *const *)b, *(char *const *)a);
}

/* The first in natural order, whatever order the system lists them in. */
static char *take_first(waiting *links)
{
    if (!links->sorted)
        qsort(links->paths, links->count, sizeof *links->paths, by_name_backwards);
    links->sorted = true;
    return links->paths[--links->count];
}

void tm_walk_folder(tm_walk *walk, const char *folder)
{
    walker w = {.walk = walk};
    *walk = (tm_walk){0};
    put_waiting(&w, &w.folders, strdup(folder));
    while (w.folders.count || w.links.count)
        read_folder(&w,
                    w.folders.count ? w.folders.paths[--w.folders.count] : take_first(&w.links));
    if (walk->count)
        qsort(walk->found, walk->count, sizeof *walk->found, by_path);
    free(w.folders.paths);
    free(w.links.paths);
    tm_seen_free(&w.seen);
}

void tm_walk_free(tm_walk *walk)
{
    for (size_t i = 0; i < walk->count; i++)
        free(walk->found[i].path);
    free(walk->found);
    *walk = (tm_walk){0};
}
