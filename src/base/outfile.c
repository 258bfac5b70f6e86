/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* renameat2, O_TMPFILE */
#include "base/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"

static tm_status failed(const char *path, tm_error *error)
{
    return tm_fail(error, tm_errno_status(TM_WRITE), "%s: cannot write: %s", path, strerror(errno));
}

/* ---- names that a signal leaves behind ---- */

enum { PENDING_MAX = 256 };

/* Copies, so that whoever takes one out may free it; the signal handler does not. */
static _Atomic(char *) pending[PENDING_MAX];

static void took_name(tm_outfile *out)
{
    out->named = true;
    char *copy = strdup(out->temporary);
    for (int i = 0; copy && i < PENDING_MAX; i++) {
        char *none = NULL;
        if (atomic_compare_exchange_strong(&pending[i], &none, copy)) {
            out->slot = i + 1;
            return;
        }
    }
    free(copy);
}

static void forget_pending(tm_outfile *out)
{
    if (out->slot)
        free(atomic_exchange(&pending[out->slot - 1], NULL));
    out->slot = 0;
}

void tm_outfile_remove_pending(void)
{
    for (int i = 0; i < PENDING_MAX; i++) {
        char *name = atomic_exchange(&pending[i], NULL), *none = NULL;
        if (!name)
            continue;
        unlink(name);
        /* whoever began the file frees it, should the process live on */
        (void)atomic_compare_exchange_strong(&pending[i], &none, name);
    }
}

/* ---- opening ---- */

static void release(tm_outfile *out)
{
    forget_pending(out);
    free(out->path);
    free(out->temporary);
    *out = (tm_outfile){0};
}

/* What stands at the end of links, so that a link stays one; a copy of path where nothing does. */
static char *resolved(const char *path)
{
    char *real = realpath(path, NULL);
    return real || errno == ENOMEM ? real : strdup(path);
}

static tm_status look(tm_outfile *out, bool force, tm_error *error)
{
    struct stat st;
    if (lstat(out->path, &st) != 0)
        return errno == ENOENT ? TM_OK : failed(out->path, error);
    if (S_ISLNK(st.st_mode))
        return tm_fail(error, TM_WRITE, "%s: a link to nothing", out->path);
    if (S_ISDIR(st.st_mode))
        return tm_fail(error, TM_WRITE, "%s: found a folder, expected a file", out->path);
    out->through = !S_ISREG(st.st_mode);
    if (!force && !out->through)
        return tm_fail(error, TM_WRITE, "%s: exists already (use --force to replace it)",
                       out->path);
    out->replaces = !out->through;
    out->device = st.st_dev;
    out->inode = st.st_ino;
    return TM_OK;
}

static bool choose_name(tm_outfile *out)
{
    uint64_t number;
    if (!tm_random(&number))
        return false;
    snprintf(out->temporary, strlen(out->path) + TM_TEMPORARY_MORE, "%s.tmp-%016llx", out->path,
             (unsigned long long)number);
    return true;
}

/* A file without a name, which nothing has to clean up; -1 where the file system has none, or
 * where none could be given one later. */
static int open_nameless(const tm_outfile *out)
{
    char *copy = strdup(out->path);
    int fd = copy && access("/proc/self/fd", X_OK) == 0
                 ? open(dirname(copy), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666)
                 : -1;
    free(copy);
    return fd;
}

static int open_named(tm_outfile *out)
{
    for (int tries = 0; tries < 16 && choose_name(out); tries++) {
        int fd = open(out->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd >= 0)
            took_name(out);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

static tm_status open_stream(tm_outfile *out, tm_error *error)
{
    int fd;
    out->temporary = malloc(strlen(out->path) + TM_TEMPORARY_MORE);
    if (!out->temporary)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", out->path);
    if (out->through) {
        fd = open(out->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    } else {
        fd = open_nameless(out);
        out->nameless = fd >= 0;
        if (fd < 0)
            fd = open_named(out);
    }
    out->stream = fd >= 0 ? fdopen(fd, out->through ? "wb" : "w+b") : NULL;
    if (out->stream)
        return TM_OK;
    tm_status status = failed(out->path, error);
    if (fd >= 0)
        close(fd);
    if (out->named)
        unlink(out->temporary);
    return status;
}

tm_status tm_outfile_open(tm_outfile *out, const char *path, bool force, tm_error *error)
{
    *out = (tm_outfile){.path = resolved(path)};
    if (!out->path)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", path);
    tm_status status = look(out, force, error);
    if (!status)
        status = open_stream(out, error);
    if (status)
        release(out);
    return status;
}

/* ---- files that grow ---- */

static char *part_of(const char *resolved_path)
{
    size_t size = strlen(resolved_path) + sizeof ".part";
    char *part = malloc(size);
    if (part)
        snprintf(part, size, "%s.part", resolved_path);
    return part;
}

char *tm_outfile_part(const char *path)
{
    char *real = resolved(path), *part = real ? part_of(real) : NULL;
    free(real);
    return part;
}

/* -1, with errno. */
static int open_grown(tm_outfile *out, tm_growth growth)
{
    const int flags = O_RDWR | O_CLOEXEC;
    int fd = -1;
    if (growth != TM_GROWTH_WHOLE)
        fd = open(out->temporary, flags | O_NOFOLLOW | (growth == TM_GROWTH_NEW ? O_CREAT : 0),
                  0666);
    out->named = fd >= 0;
    if (fd < 0 && (growth == TM_GROWTH_WHOLE || (growth == TM_GROWTH_PART && errno == ENOENT))) {
        fd = open(out->path, flags);
        out->in_place = fd >= 0;
    }
    return fd;
}

/* One process at a time; and who had it before has not given it another name. */
static tm_status lock_grown(const tm_outfile *out, tm_error *error)
{
    struct stat opened, found;
    const char *name = out->named ? out->temporary : out->path;
    int fd = fileno(out->stream);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return tm_fail(error, TM_WRITE, "%s: another process is writing it", name);
    if (fstat(fd, &opened) != 0 || stat(name, &found) != 0 || opened.st_dev != found.st_dev ||
        opened.st_ino != found.st_ino)
        return tm_fail(error, TM_WRITE, "%s: another process has finished or removed it meanwhile",
                       name);
    return TM_OK;
}

static tm_status grow(tm_outfile *out, bool force, tm_growth growth, tm_error *error)
{
    out->temporary = part_of(out->path);
    if (!out->temporary)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", out->path);
    bool goes_on = growth == TM_GROWTH_WHOLE ||
                   (growth == TM_GROWTH_PART && access(out->temporary, F_OK) != 0);
    if (look(out, force || goes_on, error))
        return error->status;
    int fd = open_grown(out, growth);
    out->stream = fd >= 0 ? fdopen(fd, "r+b") : NULL;
    if (out->stream)
        return lock_grown(out, error);
    failed(out->path, error);
    if (fd >= 0)
        close(fd);
    return error->status;
}

tm_status tm_outfile_grow(tm_outfile *out, const char *path, bool force, tm_growth growth,
                          tm_error *error)
{
    tm_error own = {0};
    *out = (tm_outfile){.path = resolved(path), .grows = true};
    if (!out->path)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", path);
    if (grow(out, force, growth, &own) == TM_OK)
        return TM_OK;
    if (out->stream)
        fclose(out->stream);
    release(out);
    return tm_fail(error, own.status, "%s", own.message);
}

tm_status tm_outfile_cut(tm_outfile *out, uint64_t size, tm_error *error)
{
    struct stat st;
    int fd = fileno(out->stream);
    bool good = fflush(out->stream) == 0 && fstat(fd, &st) == 0 &&
                (st.st_size == (off_t)size || ftruncate(fd, (off_t)size) == 0) &&
                fseeko(out->stream, (off_t)size, SEEK_SET) == 0;
    return good ? TM_OK : failed(out->path, error);
}

tm_status tm_outfile_take_back(tm_outfile *out, tm_error *error)
{
    if (!out->in_place)
        return TM_OK;
    if (rename(out->path, out->temporary) != 0)
        return failed(out->path, error);
    out->in_place = out->replaces = false;
    out->named = true;
    return TM_OK;
}

tm_status tm_outfile_leave(tm_outfile *out, tm_error *error)
{
    bool good = !ferror(out->stream) && fflush(out->stream) == 0;
    tm_status status = good ? TM_OK : failed(out->path, error);
    fclose(out->stream);
    release(out);
    return status;
}

/* ---- completion ---- */

static bool link_nameless(const tm_outfile *out, const char *to)
{
    char from[64];
    snprintf(from, sizeof from, "/proc/self/fd/%d", fileno(out->stream));
    return linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) == 0;
}

/* A file without a name gets the temporary one. */
static bool give_temporary_name(tm_outfile *out)
{
    for (int tries = 0; out->nameless; tries++) {
        if (tries == 16 || !choose_name(out))
            return false;
        if (link_nameless(out, out->temporary)) {
            out->nameless = false;
            took_name(out);
        } else if (errno != EEXIST) {
            return false;
        }
    }
    return true;
}

/* Gives a file a name that nothing has; false and EEXIST where something has it. */
static bool name_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    /* a file system without that call has hard links, or neither: then look before */
    if (link(from, to) == 0)
        return unlink(from) == 0;
    if (errno == EEXIST || access(to, F_OK) == 0) {
        errno = EEXIST;
        return false;
    }
    return rename(from, to) == 0;
}

static bool name_it(tm_outfile *out)
{
    struct stat st;
    if (!out->replaces && !out->replaces_any)
        return out->nameless ? link_nameless(out, out->path) : name_new(out->temporary, out->path);
    if (!give_temporary_name(out))
        return false;
    bool found = !out->replaces_any && stat(out->path, &st) == 0;
    if (!out->replaces_any && !found && errno != ENOENT)
        return false;
    if (found && (st.st_dev != out->device || st.st_ino != out->inode)) {
        errno = EEXIST;
        return false;
    }
    return rename(out->temporary, out->path) == 0;
}

/* The new name is on the disk too; a folder that cannot be opened or synced takes nothing away. */
static void sync_folder(char *path)
{
    int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

tm_status tm_outfile_prepare(tm_outfile *out, tm_error *error)
{
    /* of an earlier write the reason is gone, unless what it left fails again */
    bool cut = ferror(out->stream), good = fflush(out->stream) == 0;
    if (good && cut)
        return tm_fail(error, TM_WRITE, "%s: cannot write: a write failed before", out->path);
    if (good && !out->through)
        good = fsync(fileno(out->stream)) == 0;
    return good ? TM_OK : failed(out->path, error);
}

static tm_status keep_aside(tm_outfile *out, tm_error *error)
{
    if (!give_temporary_name(out)) {
        failed(out->path, error);
        tm_outfile_abandon(out);
        return TM_WRITE;
    }
    tm_fail(error, TM_WRITE,
            "%s: another process has written it meanwhile; what this one made is in %s", out->path,
            out->temporary);
    fclose(out->stream);
    release(out);
    return TM_WRITE;
}

tm_status tm_outfile_commit(tm_outfile *out, tm_error *error)
{
    tm_status status = tm_outfile_prepare(out, error);
    if (!status && !out->through && !out->in_place && !name_it(out)) {
        if (errno == EEXIST)
            return keep_aside(out, error);
        status = failed(out->path, error);
    }
    if (status) {
        if (out->grows)
            tm_outfile_leave(out, NULL);
        else
            tm_outfile_abandon(out);
        return status;
    }
    /* what fsync has seen is on the disk: only a device can still fail here */
    if (fclose(out->stream) != 0 && out->through)
        status = failed(out->path, error);
    else if (!out->through)
        sync_folder(out->path);
    release(out);
    return status;
}

void tm_outfile_abandon(tm_outfile *out)
{
    if (out->stream)
        fclose(out->stream);
    if (out->named)
        unlink(out->temporary);
    release(out);
}
