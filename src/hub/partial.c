/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/partial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "hub/digest.h"
#include "hub/names.h"

/* Process numbers mean something within one boot and one PID namespace; 0: what was left on
 * purpose, and belongs to nobody. Names do not depend on them: they are random. */
typedef struct owner {
    unsigned machine;
    long pid;
} owner;

static const owner nobody = {0, 0};

/* Where /proc does not tell, a random one, under which nobody else is known to live or be dead. */
static unsigned this_machine(void)
{
    char text[512], boot[64] = "", space[128] = "", digits[TM_DIGEST_TEXT_MAX];
    struct utsname host;
    uint64_t number = 0;
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    bool known = f && fgets(boot, sizeof boot, f);
    if (f)
        fclose(f);
    known = known && readlink("/proc/self/ns/pid", space, sizeof space - 1) > 0;
    if (!known)
        return tm_random(&number) ? (unsigned)number | 1U : 1U;
    bool named = uname(&host) == 0; /* copies of one virtual machine share the rest */
    snprintf(text, sizeof text, "%s%s%s", boot, space, named ? host.nodename : "");
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
    uint64_t number;
    if (!tm_random(&number))
        return false;
    int length = snprintf(path, TM_PATH_MAX, "%s.%08x-%ld-%016llx" TM_INCOMPLETE, stem, who.machine,
                          who.pid, (unsigned long long)number);
    return length > 0 && length < TM_PATH_MAX;
}

/* Whose file it is, and how long its stem is; false: it is none of these files. */
static bool parse_name(const char *name, owner *who, size_t *stem)
{
    size_t end = strlen(name), tail = sizeof TM_INCOMPLETE - 1;
    unsigned long long number;
    int used = 0;
    if (end < tail || strcmp(name + end - tail, TM_INCOMPLETE) != 0)
        return false;
    size_t dot = end - tail; /* the one before the machine */
    while (dot > 0 && name[dot - 1] != '.')
        dot--;
    *stem = dot > 0 ? dot - 1 : 0;
    return *stem > 0 &&
           sscanf(name + dot, "%8x-%20ld-%16llx" TM_INCOMPLETE "%n", &who->machine, &who->pid,
                  &number, &used) == 3 &&
           dot + (size_t)used == end;
}

static bool is_of(const char *name, size_t length, const char *stem)
{
    return strlen(stem) == length && memcmp(name, stem, length) == 0;
}

/* ---- what others left ---- */

typedef enum claim { CLAIM_NOT, CLAIM_MOVE, CLAIM_COPY } claim;

/* `now` is the file system's own clock. Another user may still have the file open. */
static claim may_claim(owner who, const struct stat *st, time_t now)
{
    if (!S_ISREG(st->st_mode) || st->st_nlink != 1)
        return CLAIM_NOT;
    if (who.machine == nobody.machine ||
        (who.machine == this_machine() && kill((pid_t)who.pid, 0) != 0 && errno == ESRCH))
        return st->st_uid == geteuid() ? CLAIM_MOVE : CLAIM_COPY;
    return now - st->st_mtime > TM_PARTIAL_SILENCE ? CLAIM_COPY : CLAIM_NOT;
}

/* What may be claimed of a folder's unfinished files. */
typedef struct found {
    char path[TM_PATH_MAX];
    claim how;
    bool of_stem; /* of the file that is asked for */
    off_t size;
    time_t silent; /* seconds */
} found;

static void split_stem(const char *stem, char folder[static TM_PATH_MAX], const char **name)
{
    const char *slash = strrchr(stem, '/');
    snprintf(folder, TM_PATH_MAX, "%.*s", (int)(slash - stem), stem);
    *name = slash + 1;
}

static bool look_at(const char *folder, const char *entry, const char *name, time_t now,
                    found *file)
{
    struct stat st;
    owner who;
    size_t begin;
    int length = snprintf(file->path, sizeof file->path, "%s/%s", folder, entry);
    if (!parse_name(entry, &who, &begin) || length < 0 || (size_t)length >= sizeof file->path ||
        lstat(file->path, &st) != 0)
        return false;
    file->how = may_claim(who, &st, now);
    file->of_stem = is_of(entry, begin, name);
    file->size = st.st_size;
    file->silent = now - st.st_mtime;
    return file->how != CLAIM_NOT;
}

static void each_abandoned(const char *stem, time_t now,
                           void (*act)(void *context, const found *file), void *context)
{
    char folder[TM_PATH_MAX];
    const char *name;
    found file;
    split_stem(stem, folder, &name);
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        if (look_at(folder, entry->d_name, name, now, &file))
            act(context, &file);
    if (dir)
        closedir(dir);
}

typedef struct search {
    const char *own;
    found *best;
} search;

static void keep_larger(void *context, const found *file)
{
    const search *s = context;
    if (file->of_stem && strcmp(file->path, s->own) != 0 &&
        (s->best->how == CLAIM_NOT || file->size > s->best->size))
        *s->best = *file;
}

/* The largest abandoned file of the stem that is not `own`. */
static bool find_abandoned(const char *stem, const char *own, time_t now, found *best)
{
    search s = {own, best};
    best->how = CLAIM_NOT;
    each_abandoned(stem, now, keep_larger, &s);
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

/* What was looked at may have been replaced meanwhile, by a pipe or a link for instance. */
static int open_taken(const char *path, int flags)
{
    struct stat st;
    int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The dead process's file becomes this one's. The name that it has meanwhile is again one of this
 * process, so that being killed here loses nothing. */
static void take_over(tm_partial *partial, const found *best)
{
    char taken[TM_PATH_MAX];
    if (!name_for(partial->stem, this_process(), taken) || rename(best->path, taken) != 0)
        return;
    int fd = open_taken(taken, best->how == CLAIM_MOVE ? O_RDWR : O_RDONLY);
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

static void remove_old(void *context, const found *file)
{
    (void)context;
    if (file->silent > TM_PARTIAL_STALE)
        unlink(file->path);
}

/* What nobody came back for, of whatever file of the folder: the file may be another by now. */
static void remove_stale(const char *stem, time_t now)
{
    each_abandoned(stem, now, remove_old, NULL);
}

/* ---- the own one ---- */

static tm_status create(tm_partial *partial, tm_error *error)
{
    for (int tries = 0; tries < 16; tries++) {
        if (!name_for(partial->stem, this_process(), partial->path))
            return tm_fail(error, TM_WRITE, "%.200s...: no name for an unfinished file",
                           partial->stem);
        partial->fd = open(partial->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (partial->fd >= 0)
            return TM_OK;
        if (errno != EEXIST)
            break;
    }
    return write_failed(partial->path, error);
}

tm_status tm_partial_open(const char *stem, bool resume, tm_partial *partial, tm_error *error)
{
    struct stat st;
    found best;
    *partial = (tm_partial){.fd = -1};
    if (strlen(stem) >= TM_PATH_MAX - 80)
        return tm_fail(error, TM_WRITE, "%.200s...: the path is too long", stem);
    strcpy(partial->stem, stem);
    tm_status status = create(partial, error);
    if (status)
        return status;
    if (fstat(partial->fd, &st) != 0)
        return write_failed(partial->path, error);
    if (!resume)
        remove_abandoned(stem, partial->path, st.st_mtime);
    else if (find_abandoned(stem, partial->path, st.st_mtime, &best) && best.size > 0)
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
        remove_stale(partial->stem, st.st_mtime);
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
