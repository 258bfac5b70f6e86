/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/outfile.h"
#include "base/random.h"
#include "hub/settings.h"

static tm_status write_failed(const char *path, tm_error *error)
{
    return tm_fail(error, TM_WRITE, "%s: %s", path, strerror(errno));
}

static tm_status too_long(const char *folder, tm_error *error)
{
    return tm_fail(error, TM_WRITE, "%.200s...: the path is too long", folder);
}

tm_status tm_make_folders(const char *path, tm_error *error)
{
    char folder[TM_PATH_MAX];
    struct stat st;
    if (strlen(path) >= sizeof folder)
        return too_long(path, error);
    strcpy(folder, path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        /* on a read-only disk an existing folder may answer with another error than EEXIST */
        int cause = mkdir(folder, 0777) == 0 ? 0 : errno;
        if (cause && (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode)))
            return tm_fail(error, TM_WRITE, "%s: cannot create this folder: %s", folder,
                           strerror(cause));
        *slash = '/';
    }
    return TM_OK;
}

bool tm_store_blob_path(const char *folder, const char *etag, char path[static TM_PATH_MAX])
{
    int length = snprintf(path, TM_PATH_MAX, "%s/blobs/%s", folder, etag);
    return length > 0 && length < TM_PATH_MAX;
}

/* ---- refs and absent files ---- */

static bool file_says(const char *path, const char *text)
{
    char found[128] = "";
    FILE *f = fopen(path, "re");
    bool same = f && fgets(found, sizeof found, f) && strcmp(found, text) == 0;
    if (f)
        fclose(f);
    return same;
}

/* BEGIN.RANDOM.tmp */
static bool temporary_name(const char *begin, char path[static TM_PATH_MAX])
{
    uint64_t number;
    if (!tm_random(&number))
        return false;
    int length = snprintf(path, TM_PATH_MAX, "%s.%016llx.tmp", begin, (unsigned long long)number);
    return length > 0 && length < TM_PATH_MAX;
}

static bool write_text(int fd, const char *text)
{
    FILE *f = fdopen(fd, "w");
    if (!f) {
        close(fd);
        return false;
    }
    bool good = fputs(text, f) >= 0 && fflush(f) == 0 && fsync(fd) == 0;
    int cause = errno;
    fclose(f);
    errno = cause;
    return good;
}

/* Complete or not at all. It is written outside of refs/, where the Python tools read every file.
 */
static tm_status write_ref(const char *folder, const char *path, const char *commit,
                           tm_error *error)
{
    char begin[TM_PATH_MAX], other[TM_PATH_MAX];
    int length = snprintf(begin, sizeof begin, "%s/.ref", folder);
    if (length < 0 || (size_t)length >= sizeof begin || !temporary_name(begin, other))
        return too_long(folder, error);
    int fd = open(other, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return write_failed(other, error);
    if (write_text(fd, commit) && rename(other, path) == 0)
        return TM_OK;
    write_failed(path, error);
    unlink(other);
    return TM_WRITE;
}

tm_status tm_store_ref(const char *folder, const char *revision, const char *commit,
                       tm_error *error)
{
    char path[TM_PATH_MAX];
    if (strcmp(revision, commit) == 0)
        return TM_OK;
    int length = snprintf(path, sizeof path, "%s/refs/%s", folder, revision);
    if (length < 0 || (size_t)length >= sizeof path)
        return too_long(folder, error);
    if (file_says(path, commit))
        return TM_OK;
    tm_status status = tm_make_folders(path, error);
    return status ? status : write_ref(folder, path, commit, error);
}

void tm_store_absent(const char *folder, const char *commit, const char *file)
{
    char path[TM_PATH_MAX];
    /* The Python tools take a ref without its snapshot for damage. */
    int length = snprintf(path, sizeof path, "%s/snapshots/%s/", folder, commit);
    if (length < 0 || (size_t)length >= sizeof path || tm_make_folders(path, NULL))
        return;
    length = snprintf(path, sizeof path, "%s/.no_exist/%s/%s", folder, commit, file);
    if (length < 0 || (size_t)length >= sizeof path || tm_make_folders(path, NULL))
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd >= 0)
        close(fd);
}

/* ---- snapshots ---- */

/* "../../blobs/ETAG", with a "../" more for every folder in the file's name. */
static bool link_target(const char *file, const char *etag, char target[static TM_PATH_MAX])
{
    size_t used = (size_t)snprintf(target, TM_PATH_MAX, "../../");
    for (const char *p = strchr(file, '/'); p; p = strchr(p + 1, '/')) {
        if (used + 4 > TM_PATH_MAX)
            return false;
        strcpy(target + used, "../");
        used += 3;
    }
    int length = snprintf(target + used, TM_PATH_MAX - used, "blobs/%s", etag);
    return length > 0 && (size_t)length < TM_PATH_MAX - used;
}

static bool leads_to_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* A link that leads nowhere is replaced by way of another name, so that a reader never finds
 * none. */
static bool make_link(const char *target, const char *path)
{
    char other[TM_PATH_MAX];
    if (symlink(target, path) == 0)
        return true;
    if (errno != EEXIST)
        return false;
    if (leads_to_file(path))
        return true;
    if (!temporary_name(path, other) || symlink(target, other) != 0)
        return false;
    if (rename(other, path) == 0)
        return true;
    unlink(other);
    return false;
}

static tm_status copy_file(const char *from, const char *to, tm_error *error)
{
    tm_map map;
    tm_outfile out;
    tm_status status = tm_map_file(from, &map, error);
    if (status)
        return status;
    status = tm_outfile_open(&out, to, true, error);
    if (status)
        return tm_unmap(&map, status, error);
    out.replaces_any = true;
    fwrite(map.data, 1, map.size, out.stream);
    status = tm_unmap(&map, TM_OK, error);
    if (status)
        tm_outfile_abandon(&out);
    return status ? status : tm_outfile_commit(&out, error);
}

tm_status tm_store_pointer(const char *folder, const char *commit, const char *file,
                           const char *etag, bool new_blob, char path[static TM_PATH_MAX],
                           tm_error *error)
{
    char target[TM_PATH_MAX], blob[TM_PATH_MAX];
    int length = snprintf(path, TM_PATH_MAX, "%s/snapshots/%s/%s", folder, commit, file);
    if (length < 0 || length >= TM_PATH_MAX || !link_target(file, etag, target) ||
        !tm_store_blob_path(folder, etag, blob))
        return too_long(folder, error);
    if (leads_to_file(path))
        return TM_OK;
    tm_status status = tm_make_folders(path, error);
    if (status)
        return status;
    if (!tm_hub_flag("HF_HUB_DISABLE_SYMLINKS") && make_link(target, path))
        return leads_to_file(path) ? TM_OK : tm_fail(error, TM_WRITE, "%s: leads to no file", path);
    if (new_blob && (rename(blob, path) == 0 || leads_to_file(path)))
        return TM_OK;
    return copy_file(blob, path, error);
}
