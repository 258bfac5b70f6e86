/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/partial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hub/digest.h"

#define SUFFIX ".incomplete"

/* Process numbers mean something within one boot and one PID namespace; 0: what was left on
 * purpose, and belongs to nobody. */
typedef struct owner {
    unsigned machine;
    long pid;
} owner;

static const owner nobody = {0, 0};

static unsigned random_number(void)
{
    unsigned number;
    if (getrandom(&number, sizeof number, 0) != sizeof number) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        number = (unsigned)now.tv_nsec ^ (unsigned)getpid() << 16;
    }
    return number;
}

/* Where /proc does not tell, a random one, under which nobody else is known to live or be dead. */
static unsigned this_machine(void)
{
    char text[256] = "", space[128] = "", digits[TM_DIGEST_TEXT_MAX];
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    bool known = f && fgets(text, 64, f);
    if (f)
        fclose(f);
    known = known && readlink("/proc/self/ns/pid", space, sizeof space - 1) > 0;
    if (!known)
        return random_number() | 1U;
    strcat(text, space);
    tm_digest_of_text(text, digits);
    digits[8] = '\0';
    return (unsigned)strtoul(digits, NULL, 16) | 1U;
}

static owner this_process(void)
{
    return (owner){this_machine(), (long)getpid()};
}

static bool name_for(const char *stem, owner who, char path[static TM_PATH_MAX])
{
    int length = snprintf(path, TM_PATH_MAX, "%s.%08x-%ld-%08x" SUFFIX, stem, who.machine, who.pid,
                          random_number());
    return length > 0 && length < TM_PATH_MAX;
}

/* Whose file it is, if it is one of the stem. */
static bool parse_name(const char *name, const char *stem, owner *who)
{
    size_t length = strlen(stem);
    int end = 0;
    unsigned number;
    return strncmp(name, stem, length) == 0 &&
           sscanf(name + length, ".%8x-%20ld-%8x" SUFFIX "%n", &who->machine, &who->pid, &number,
                  &end) == 3 &&
           end > 0 && name[length + (size_t)end] == '\0';
}

/* ---- what others left ---- */

typedef enum claim { CLAIM_NOT, CLAIM_MOVE, CLAIM_COPY } claim;

/* `now` is the file system's own clock. */
static claim may_claim(owner who, const struct stat *st, time_t now)
{
    if (!S_ISREG(st->st_mode))
        return CLAIM_NOT;
    if (who.machine == nobody.machine ||
        (who.machine == this_machine() && kill((pid_t)who.pid, 0) != 0 && errno == ESRCH))
        return CLAIM_MOVE;
    return now - st->st_mtime > TM_PARTIAL_SILENCE ? CLAIM_COPY : CLAIM_NOT;
}

typedef struct found {
    char path[TM_PATH_MAX];
    claim how;
    off_t size;
} found;

static void split_stem(const char *stem, char folder[static TM_PATH_MAX], const char **name)
{
    const char *slash = strrchr(stem, '/');
    snprintf(folder, TM_PATH_MAX, "%.*s", (int)(slash - stem), stem);
    *name = slash + 1;
}

/* The largest abandoned file of the stem that is not `own`. */
static bool find_abandoned(const char *stem, const char *own, time_t now, found *best)
{
    char folder[TM_PATH_MAX], path[TM_PATH_MAX];
    const char *name;
    struct stat st;
    owner who;
    split_stem(stem, folder, &name);
    DIR *dir = opendir(folder);
    best->how = CLAIM_NOT;
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (!parse_name(entry->d_name, name, &who) || length < 0 || (size_t)length >= sizeof path ||
            strcmp(path, own) == 0 || lstat(path, &st) != 0)
            continue;
        claim how = may_claim(who, &st, now);
        if (how == CLAIM_NOT || (best->how != CLAIM_NOT && st.st_size <= best->size))
            continue;
        best->how = how;
        best->size = st.st_size;
        strcpy(best->path, path);
    }
    if (dir)
        closedir(dir);
    return best->how != CLAIM_NOT;
}

static tm_status write_failed(const char *path, tm_error *error)
{
    return tm_fail(error, TM_WRITE, "%s: %s", path, strerror(errno));
}

static bool copy_bytes(int from, int to)
{
    char block[1 << 15];
    for (;;) {
        ssize_t got = read(from, block, sizeof block);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0;
        for (ssize_t done = 0, put; done < got; done += put)
            if ((put = write(to, block + done, (size_t)(got - done))) < 0)
                return false;
    }
}

/* The dead process's file becomes this one's. The name that it has meanwhile is again one of this
 * process, so that being killed here loses nothing. */
static void take_over(tm_partial *partial, const found *best)
{
    char taken[TM_PATH_MAX];
    if (!name_for(partial->stem, this_process(), taken) || rename(best->path, taken) != 0)
        return;
    int fd = open(taken, (best->how == CLAIM_MOVE ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    if (best->how == CLAIM_MOVE) {
        close(partial->fd);
        unlink(partial->path);
        partial->fd = fd;
        strcpy(partial->path, taken);
    } else {
        if (!copy_bytes(fd, partial->fd))
            (void)!ftruncate(partial->fd, 0);
        close(fd);
        unlink(taken);
    }
    off_t size = lseek(partial->fd, 0, SEEK_END);
    partial->size = size > 0 ? (uint64_t)size : 0;
}

static void remove_abandoned(const char *stem, const char *own, time_t now)
{
    found best;
    for (int i = 0; i < 64 && find_abandoned(stem, own, now, &best); i++)
        if (unlink(best.path) != 0)
            return;
}

/* ---- the own one ---- */

tm_status tm_partial_open(const char *stem, bool resume, tm_partial *partial, tm_error *error)
{
    struct stat st;
    found best;
    *partial = (tm_partial){.fd = -1};
    if (strlen(stem) >= TM_PATH_MAX - 64 || !name_for(stem, this_process(), partial->path))
        return tm_fail(error, TM_WRITE, "%.200s...: the path is too long", stem);
    strcpy(partial->stem, stem);
    partial->fd = open(partial->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (partial->fd < 0 || fstat(partial->fd, &st) != 0)
        return write_failed(partial->path, error);
    if (resume && find_abandoned(stem, partial->path, st.st_mtime, &best) && best.size > 0)
        take_over(partial, &best);
    return TM_OK;
}

tm_status tm_partial_restart(tm_partial *partial, tm_error *error)
{
    partial->size = 0;
    if (ftruncate(partial->fd, 0) != 0 || lseek(partial->fd, 0, SEEK_SET) != 0)
        return write_failed(partial->path, error);
    return TM_OK;
}

static void forget(tm_partial *partial)
{
    if (partial->fd >= 0)
        close(partial->fd);
    partial->fd = -1;
}

static void sync_folder(const char *stem)
{
    char folder[TM_PATH_MAX];
    const char *name;
    split_stem(stem, folder, &name);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

tm_status tm_partial_commit(tm_partial *partial, const char *path, tm_error *error)
{
    struct stat st, existing;
    tm_status status = TM_OK;
    if (fsync(partial->fd) != 0 || fstat(partial->fd, &st) != 0)
        status = write_failed(partial->path, error);
    else if (stat(path, &existing) == 0)
        unlink(partial->path);
    else if (rename(partial->path, path) != 0)
        status = errno == ENOENT
                     ? tm_fail(error, TM_NETWORK, "%s: another process took it over", partial->path)
                     : write_failed(path, error);
    if (!status) {
        sync_folder(partial->stem);
        remove_abandoned(partial->stem, partial->path, st.st_mtime);
    }
    forget(partial);
    return status;
}

void tm_partial_leave(tm_partial *partial)
{
    char path[TM_PATH_MAX];
    struct stat st;
    if (partial->fd < 0)
        return;
    if (fstat(partial->fd, &st) == 0 && st.st_size == 0)
        unlink(partial->path);
    else if (name_for(partial->stem, nobody, path))
        (void)rename(partial->path, path);
    forget(partial);
}

void tm_partial_discard(tm_partial *partial)
{
    if (partial->fd < 0)
        return;
    unlink(partial->path);
    forget(partial);
}
