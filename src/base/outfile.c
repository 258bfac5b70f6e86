/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* renameat2 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static void release(tm_outfile *out)
{
    free(out->path);
    free(out->temporary);
    *out = (tm_outfile){0};
}

static tm_status failed(const char *path, tm_error *error)
{
    return tm_fail(error, TM_WRITE, "%s: cannot write: %s", path, strerror(errno));
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
    if (!force)
        return tm_fail(error, TM_WRITE, "%s: exists already (use --force to replace it)",
                       out->path);
    if (!S_ISREG(st.st_mode))
        return tm_fail(error, TM_WRITE, "%s: found a folder or a device, expected a file",
                       out->path);
    out->replaces = true;
    out->device = st.st_dev;
    out->inode = st.st_ino;
    return TM_OK;
}

/* A new file, whoever else writes here: containers and hosts may share process numbers. */
static tm_status make_temporary(tm_outfile *out, tm_error *error)
{
    size_t size = strlen(out->path) + 32;
    out->temporary = malloc(size);
    if (!out->temporary)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", out->path);
    for (int tries = 0; tries < 16; tries++) {
        uint64_t number;
        if (getrandom(&number, sizeof number, 0) != sizeof number)
            return failed(out->path, error);
        snprintf(out->temporary, size, "%s.tmp-%016llx", out->path, (unsigned long long)number);
        int fd = open(out->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd < 0 && errno == EEXIST)
            continue;
        out->stream = fd >= 0 ? fdopen(fd, "w+b") : NULL;
        if (fd >= 0 && !out->stream) {
            close(fd);
            unlink(out->temporary);
        }
        break;
    }
    return out->stream ? TM_OK : failed(out->path, error);
}

tm_status tm_outfile_open(tm_outfile *out, const char *path, bool force, tm_error *error)
{
    *out = (tm_outfile){.path = resolved(path)};
    if (!out->path)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory", path);
    tm_status status = look(out, force, error);
    if (!status)
        status = make_temporary(out, error);
    if (status)
        release(out);
    return status;
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

static bool name_it(const tm_outfile *out)
{
    struct stat st;
    if (out->replaces_any)
        return rename(out->temporary, out->path) == 0;
    if (!out->replaces)
        return name_new(out->temporary, out->path);
    if (stat(out->path, &st) == 0 && (st.st_dev != out->device || st.st_ino != out->inode)) {
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

tm_status tm_outfile_commit(tm_outfile *out, tm_error *error)
{
    bool good = fflush(out->stream) == 0 && !ferror(out->stream) && fsync(fileno(out->stream)) == 0;
    good = fclose(out->stream) == 0 && good;
    out->stream = NULL;
    if (good && name_it(out)) {
        sync_folder(out->path);
        release(out);
        return TM_OK;
    }
    if (good && errno == EEXIST) {
        tm_fail(error, TM_WRITE,
                "%s: another process has written it meanwhile; what this one made is in %s",
                out->path, out->temporary);
        release(out);
        return TM_WRITE;
    }
    failed(out->path, error);
    tm_outfile_abandon(out);
    return TM_WRITE;
}

void tm_outfile_abandon(tm_outfile *out)
{
    if (out->stream)
        fclose(out->stream);
    if (out->temporary)
        unlink(out->temporary);
    release(out);
}
