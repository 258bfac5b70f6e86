/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

/* ---- names ---- */

bool tm_is_archive_name(const char *name)
{
    static const char *const endings[] = {".tar",    ".tar.gz", ".tgz",     ".tar.bz2", ".tbz2",
                                          ".tar.xz", ".txz",    ".tar.zst", ".tzst"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (tm_has_ending(name, endings[i]))
            return true;
    return false;
}

bool tm_is_archive(const char *path)
{
    enum { MAGIC_AT = 257 };
    char magic[5];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return false;
    ssize_t got = pread(fd, magic, sizeof magic, MAGIC_AT);
    close(fd);
    return got == (ssize_t)sizeof magic && memcmp(magic, "ustar", sizeof magic) == 0;
}

#ifdef TM_HAVE_ARCHIVE

#include <archive.h>
#include <archive_entry.h>
#include <pthread.h>

#include "base/library.h"

const char tm_archive_support[] = "libarchive, opened when needed";

/* ---- the library ---- */

/* name, return type, parameters. Filters by name: "all" would run programs for some. */
#define ARCHIVE_FUNCTIONS(X)                                                                       \
    X(archive_read_new, struct archive *, (void))                                                  \
    X(archive_read_free, int, (struct archive *))                                                  \
    X(archive_read_support_format_tar, int, (struct archive *))                                    \
    X(archive_read_support_filter_gzip, int, (struct archive *))                                   \
    X(archive_read_support_filter_bzip2, int, (struct archive *))                                  \
    X(archive_read_support_filter_xz, int, (struct archive *))                                     \
    X(archive_read_support_filter_zstd, int, (struct archive *))                                   \
    X(archive_read_open_filename, int, (struct archive *, const char *, size_t))                   \
    X(archive_read_next_header, int, (struct archive *, struct archive_entry **))                  \
    X(archive_read_data, la_ssize_t, (struct archive *, void *, size_t))                           \
    X(archive_error_string, const char *, (struct archive *))                                      \
    X(archive_entry_pathname, const char *, (struct archive_entry *))                              \
    X(archive_entry_pathname_utf8, const char *, (struct archive_entry *))                         \
    X(archive_entry_filetype, __LA_MODE_T, (struct archive_entry *))                               \
    X(archive_entry_hardlink, const char *, (struct archive_entry *))                              \
    X(archive_entry_size, la_int64_t, (struct archive_entry *))

static struct {
#define MEMBER(name, type, parameters) type(*name) parameters;
    ARCHIVE_FUNCTIONS(MEMBER)
#undef MEMBER
} lib;
static bool opened;

static void open_library(void)
{
    static const char *const names[] = {"libarchive.so.13"};
    void *library = tm_library_open(names, 1);
    bool good = library != NULL;
#define FIND(name, type, parameters) good = good && tm_library_find(library, #name, &lib.name);
    ARCHIVE_FUNCTIONS(FIND)
#undef FIND
    opened = good;
}

static tm_status require_library(const char *path, tm_error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_library);
    return opened ? TM_OK
                  : tm_fail(error, TM_UNSUPPORTED,
                            "%.300s: a tar needs libarchive.so.13, which is not on this machine "
                            "(Debian: libarchive13)",
                            path);
}

/* ---- an archive ---- */

struct tm_archive {
    struct archive *reader;
    char *path;
    char *name;   /* of the last member, "PATH:MEMBER" */
    int64_t size; /* its bytes */
    bool ended;
};

static tm_status fail_reader(tm_archive *a, const char *name, const char *what, tm_error *error)
{
    const char *why = lib.archive_error_string(a->reader);
    return tm_fail(error, TM_READ, "%.300s: %s: %.200s", name, what, why ? why : "damaged");
}

tm_status tm_archive_open(const char *path, tm_archive **archive, tm_error *error)
{
    enum { BLOCK_BYTES = 128 << 10 };
    *archive = NULL;
    if (require_library(path, error))
        return error->status;
    tm_archive *a = calloc(1, sizeof *a);
    if (a)
        *a = (tm_archive){.reader = lib.archive_read_new(), .path = strdup(path)};
    if (!a || !a->reader || !a->path) {
        tm_archive_close(a);
        return tm_fail(error, TM_NO_MEMORY, "%.300s: no memory for an archive", path);
    }
    lib.archive_read_support_format_tar(a->reader);
    lib.archive_read_support_filter_gzip(a->reader);
    lib.archive_read_support_filter_bzip2(a->reader);
    lib.archive_read_support_filter_xz(a->reader);
    lib.archive_read_support_filter_zstd(a->reader);
    if (lib.archive_read_open_filename(a->reader, path, BLOCK_BYTES) != ARCHIVE_OK) {
        fail_reader(a, path, "cannot read the archive", error);
        tm_archive_close(a);
        return error->status;
    }
    *archive = a;
    return TM_OK;
}

void tm_archive_close(tm_archive *a)
{
    if (!a)
        return;
    if (a->reader)
        lib.archive_read_free(a->reader);
    free(a->path);
    free(a->name);
    free(a);
}

const char *tm_archive_path(const tm_archive *a)
{
    return a->path;
}

/* "PATH:MEMBER"; false: no memory. */
static bool set_name(tm_archive *a, const char *member)
{
    size_t size;
    free(a->name);
    a->name = NULL;
    if (!tm_size_add(strlen(a->path) + 2, strlen(member), &size))
        return false;
    a->name = malloc(size);
    if (a->name)
        snprintf(a->name, size, "%s:%s", a->path, member);
    return a->name;
}

static const char *name_of(struct archive_entry *entry)
{
    const char *name = lib.archive_entry_pathname(entry);
    return name ? name : lib.archive_entry_pathname_utf8(entry);
}

static bool is_hidden(const char *member)
{
    const char *slash = strrchr(member, '/');
    return (slash ? slash + 1 : member)[0] == '.';
}

static const char *end(tm_archive *a)
{
    a->ended = true;
    return a->path;
}

/* A picture's header: its name, and what is wrong with it. */
static const char *begin_member(tm_archive *a, struct archive_entry *entry, const char *member,
                                tm_error *error)
{
    if (!set_name(a, member)) {
        tm_fail(error, TM_NO_MEMORY, "%.300s: no memory for the name of a member", a->path);
        return end(a);
    }
    a->size = lib.archive_entry_size(entry);
    if (lib.archive_entry_filetype(entry) != AE_IFREG || lib.archive_entry_hardlink(entry))
        tm_fail(error, TM_READ, "%.300s: a link or a device in an archive, expected a file",
                a->name);
    return a->name;
}

const char *tm_archive_next(tm_archive *a, tm_left_out *left_out, tm_error *error)
{
    struct archive_entry *entry;
    while (!a->ended) {
        int got = lib.archive_read_next_header(a->reader, &entry);
        if (got == ARCHIVE_EOF)
            break;
        if (got != ARCHIVE_OK && got != ARCHIVE_WARN) {
            fail_reader(a, a->name ? a->name : a->path, "the archive breaks off after this", error);
            return end(a);
        }
        const char *member = name_of(entry);
        if (!member) {
            tm_fail(error, TM_READ, "%.300s: a member's name is no text", a->path);
            return a->path;
        }
        if (lib.archive_entry_filetype(entry) == AE_IFDIR || is_hidden(member))
            continue;
        if (tm_is_picture_name(member))
            return begin_member(a, entry, member, error);
        tm_leave_out(left_out, member);
    }
    a->ended = true;
    return NULL;
}

/* Reads the size that the header states; less is an archive that is cut. */
static tm_status read_all(tm_archive *a, tm_image_bytes *bytes, tm_error *error)
{
    while (bytes->size < (size_t)a->size) {
        la_ssize_t got = lib.archive_read_data(a->reader, bytes->data + bytes->size,
                                               (size_t)a->size - bytes->size);
        if (got < 0)
            return fail_reader(a, a->name, "the archive breaks off in this", error);
        if (got == 0)
            return tm_fail(error, TM_TRUNCATED, "%.300s: ends after %zu of %lld bytes", a->name,
                           bytes->size, (long long)a->size);
        bytes->size += (size_t)got;
    }
    return TM_OK;
}

tm_status tm_archive_read(tm_archive *a, const tm_decode_options *options, tm_image_bytes *bytes,
                          tm_error *error)
{
    *bytes = (tm_image_bytes){0};
    if (options && options->memory)
        bytes->share.budget = &options->memory->files;
    if (a->size < 0 || (size_t)a->size > TM_IMAGE_FILE_MAX ||
        !tm_share_take(&bytes->share, (size_t)a->size)) {
        bytes->share = (tm_share){0};
        return tm_fail(error, TM_TOO_LARGE,
                       "%.300s: states %lld bytes, more than the limit for the file of a picture",
                       a->name, (long long)a->size);
    }
    bytes->data = malloc((size_t)a->size + 1);
    tm_status status = bytes->data
                           ? read_all(a, bytes, error)
                           : tm_fail(error, TM_NO_MEMORY, "%.300s: no memory for %lld bytes",
                                     a->name, (long long)a->size);
    if (status)
        tm_image_bytes_free(bytes);
    return status;
}

#else

const char tm_archive_support[] = "no, built without libarchive";

tm_status tm_archive_open(const char *path, tm_archive **archive, tm_error *error)
{
    *archive = NULL;
    return tm_fail(error, TM_UNSUPPORTED,
                   "%.300s: a tar, and this timmc is built without libarchive", path);
}

void tm_archive_close(tm_archive *archive)
{
    (void)archive;
}

const char *tm_archive_path(const tm_archive *archive)
{
    (void)archive;
    return "";
}

const char *tm_archive_next(tm_archive *archive, tm_left_out *left_out, tm_error *error)
{
    (void)archive, (void)left_out, (void)error;
    return NULL;
}

tm_status tm_archive_read(tm_archive *archive, const tm_decode_options *options,
                          tm_image_bytes *bytes, tm_error *error)
{
    (void)archive, (void)options, (void)bytes;
    return tm_fail(error, TM_UNSUPPORTED, "built without libarchive");
}

#endif
