/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

#define MAGIC "ustar"
enum { MAGIC_AT = 257 };

static bool is_tar(const unsigned char *bytes, size_t size)
{
    return size >= MAGIC_AT + sizeof MAGIC - 1 &&
           memcmp(bytes + MAGIC_AT, MAGIC, sizeof MAGIC - 1) == 0;
}

bool tm_is_archive(const char *path)
{
    unsigned char begin[MAGIC_AT + sizeof MAGIC];
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) /* a pipe's writer waits for one reader */
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return false;
    ssize_t got = pread(fd, begin, sizeof begin, 0);
    close(fd);
    return got > 0 && is_tar(begin, (size_t)got);
}

bool tm_may_be_archive(const unsigned char *bytes, size_t size)
{
    static const char *const compressed[] = {"\x1F\x8B", "BZh",
                                             "\xFD"
                                             "7zXZ",
                                             "\x28\xB5\x2F\xFD"};
    for (size_t i = 0; i < sizeof compressed / sizeof *compressed; i++)
        if (size > 8 && memcmp(bytes, compressed[i], strlen(compressed[i])) == 0)
            return true;
    return is_tar(bytes, size);
}

#ifdef TM_HAVE_ARCHIVE

#include <archive.h>
#include <archive_entry.h>
#include <pthread.h>

#include "base/json.h"
#include "base/library.h"
#include "cli/stop.h"
#include "output/json.h"

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
    X(archive_read_open, int,                                                                      \
      (struct archive *, void *, archive_open_callback *, archive_read_callback *,                 \
       archive_close_callback *))                                                                  \
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
static int why_not; /* errno */

static void open_library(void)
{
    static const char *const names[] = {"libarchive.so.13"};
    void *library = tm_library_open(names, 1);
    bool good = library != NULL;
#define FIND(name, type, parameters) good = good && tm_library_find(library, #name, &lib.name);
    ARCHIVE_FUNCTIONS(FIND)
#undef FIND
    opened = good;
    why_not = errno;
}

static tm_status require_library(const char *path, tm_error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_library);
    return opened ? TM_OK
                  : tm_library_fail(why_not, "libarchive13", error,
                                    "%.300s: a tar needs libarchive.so.13", path);
}

/* ---- an archive ---- */

/* A pipe: the bytes that were read of it before, and the rest. */
typedef struct stream {
    int fd; /* -1: the archive is no stream */
    tm_image_bytes begun;
    bool after; /* these have been given */
    unsigned char *block;
} stream;

struct tm_archive {
    struct archive *reader;
    char *path;
    char *name;   /* of the last member, "PATH:MEMBER" */
    int64_t size; /* its bytes */
    bool ended;
    stream stream;
    /* siblings */
    const char *wanted;
    tm_buffer key;   /* of the picture or the members that came last: their name without endings */
    tm_buffer found; /* members of JSON of that key, with commas between */
    struct archive_entry *ahead; /* read, and not looked at */
    int ahead_got;
    bool is_ahead;
};

enum { BLOCK_BYTES = 128 << 10 };

static tm_status fail_reader(tm_archive *a, const char *name, const char *what, tm_error *error)
{
    const char *why = lib.archive_error_string(a->reader);
    return tm_fail(error, TM_READ, "%.300s: %s: %.200s", name, what, why ? why : "damaged");
}

static void free_stream(stream *s)
{
    tm_image_bytes_free(&s->begun);
    free(s->block);
    if (s->fd > STDIN_FILENO)
        close(s->fd);
}

void tm_archive_close(tm_archive *a)
{
    if (!a)
        return;
    if (a->reader)
        lib.archive_read_free(a->reader);
    free_stream(&a->stream);
    tm_buffer_free(&a->key);
    tm_buffer_free(&a->found);
    free(a->path);
    free(a->name);
    free(a);
}

static tm_archive *new_archive(const char *path, const char *siblings)
{
    tm_archive *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    *a = (tm_archive){.reader = lib.archive_read_new(),
                      .path = strdup(path),
                      .wanted = siblings,
                      .stream.fd = -1};
    if (!a->reader || !a->path) {
        tm_archive_close(a);
        return NULL;
    }
    lib.archive_read_support_format_tar(a->reader);
    lib.archive_read_support_filter_gzip(a->reader);
    lib.archive_read_support_filter_bzip2(a->reader);
    lib.archive_read_support_filter_xz(a->reader);
    lib.archive_read_support_filter_zstd(a->reader);
    return a;
}

tm_status tm_archive_open(const char *path, const char *siblings, tm_archive **archive,
                          tm_error *error)
{
    *archive = NULL;
    if (require_library(path, error))
        return error->status;
    tm_archive *a = new_archive(path, siblings);
    if (!a)
        return tm_fail(error, TM_NO_MEMORY, "%.300s: no memory for an archive", path);
    if (lib.archive_read_open_filename(a->reader, path, BLOCK_BYTES) != ARCHIVE_OK) {
        fail_reader(a, path, "cannot read the archive", error);
        tm_archive_close(a);
        return error->status;
    }
    *archive = a;
    return TM_OK;
}

/* ---- streams ---- */

static la_ssize_t read_block(struct archive *reader, void *context, const void **bytes)
{
    stream *s = context;
    ssize_t got;
    (void)reader;
    if (!s->after) {
        s->after = true;
        *bytes = s->begun.data;
        return (la_ssize_t)s->begun.size;
    }
    *bytes = s->block;
    do
        got = tm_stop_wait(s->fd) ? read(s->fd, s->block, BLOCK_BYTES) : 0;
    while (got < 0 && errno == EINTR);
    return got;
}

tm_status tm_archive_open_stream(int fd, const char *name, const char *siblings,
                                 tm_image_bytes *begun, tm_archive **archive, tm_error *error)
{
    stream taken = {.fd = fd, .begun = *begun, .block = malloc(BLOCK_BYTES)};
    *begun = (tm_image_bytes){0};
    *archive = NULL;
    tm_archive *a = NULL;
    tm_status status = require_library(name, error);
    if (!status && (!taken.block || !(a = new_archive(name, siblings))))
        status = tm_fail(error, TM_NO_MEMORY, "%.300s: no memory for an archive", name);
    if (status) {
        free_stream(&taken);
        return status;
    }
    a->stream = taken;
    if (lib.archive_read_open(a->reader, &a->stream, NULL, read_block, NULL) != ARCHIVE_OK) {
        fail_reader(a, name, "cannot read the archive", error);
        tm_archive_close(a);
        return error->status;
    }
    *archive = a;
    return TM_OK;
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

/* ---- siblings ---- */

/* Up to the first point behind the last slash. */
static size_t key_length(const char *member)
{
    const char *slash = strrchr(member, '/'), *base = slash ? slash + 1 : member;
    return (size_t)(base - member) + strcspn(base, ".");
}

static bool has_key(const tm_archive *a, const char *member)
{
    return a->key.length == key_length(member) && memcmp(a->key.data, member, a->key.length) == 0;
}

/* What was found of another key is of no picture that comes. */
static void set_key(tm_archive *a, const char *member)
{
    if (a->key.length && has_key(a, member))
        return;
    tm_buffer_clear(&a->key);
    tm_buffer_clear(&a->found);
    tm_buffer_add(&a->key, member, key_length(member));
}

/* The ending without its point, if it is wanted; else NULL. */
static const char *wanted_ending(const tm_archive *a, const char *member)
{
    const char *ending = member + key_length(member);
    size_t length = strlen(ending);
    if (!a->wanted || length < 2)
        return NULL;
    for (const char *p = a->wanted; *p; p += p[0] == ',') {
        size_t word = strcspn(p, ",");
        if (word == length - 1 && memcmp(p, ending + 1, word) == 0)
            return ending + 1;
        p += word;
    }
    return NULL;
}

/* JSON as it is, on one line; else a text. */
static tm_status add_sibling(tm_archive *a, const char *member, const char *ending, char *text,
                             size_t size, tm_error *error)
{
    size_t offset;
    bool lost;
    if (memchr(text, '\0', size) || !tm_is_utf8(text))
        return tm_fail(error, TM_READ, "%.300s:%.300s: no text, expected a sibling that is one",
                       a->path, member);
    cJSON *json =
        strcmp(ending, "json") == 0 ? tm_json_parse(text, size, true, &offset, &lost) : NULL;
    char *compact = json ? cJSON_PrintUnformatted(json) : NULL;
    if (a->found.length)
        tm_buffer_putc(&a->found, ',');
    tm_json_string(&a->found, ending);
    tm_buffer_putc(&a->found, ':');
    while (size && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        text[--size] = '\0';
    if (compact)
        tm_buffer_puts(&a->found, compact);
    else
        tm_json_string(&a->found, text);
    cJSON_free(compact);
    cJSON_Delete(json);
    return a->found.failed || a->key.failed
               ? tm_fail(error, TM_NO_MEMORY, "%.300s: no memory for siblings", a->path)
               : TM_OK;
}

static tm_status read_sibling(tm_archive *a, struct archive_entry *entry, const char *member,
                              const char *ending, tm_error *error)
{
    enum { SIBLING_BYTES = 1 << 20 };
    int64_t size = lib.archive_entry_size(entry);
    set_key(a, member);
    if (size < 0 || size > SIBLING_BYTES || a->found.length + (size_t)size > 4 * SIBLING_BYTES)
        return tm_fail(error, TM_TOO_LARGE, "%.300s:%.300s: %lld bytes, at most %d of a sibling",
                       a->path, member, (long long)size, SIBLING_BYTES);
    char *text = malloc((size_t)size + 1);
    if (!text)
        return tm_fail(error, TM_NO_MEMORY, "%.300s: no memory for siblings", a->path);
    la_ssize_t got = size ? lib.archive_read_data(a->reader, text, (size_t)size) : 0;
    text[got > 0 ? got : 0] = '\0';
    tm_status status = got == (la_ssize_t)size
                           ? add_sibling(a, member, ending, text, (size_t)size, error)
                           : fail_reader(a, a->path, "the archive breaks off in a sibling", error);
    free(text);
    return status;
}

/* The next header, which may have been read ahead. */
static int next_header(tm_archive *a, struct archive_entry **entry)
{
    if (a->is_ahead) {
        a->is_ahead = false;
        *entry = a->ahead;
        return a->ahead_got;
    }
    return lib.archive_read_next_header(a->reader, entry);
}

/* Members of the picture's key that follow it, up to another picture. */
tm_status tm_archive_siblings(tm_archive *a, tm_left_out *left_out, char **json, tm_error *error)
{
    tm_status status = TM_OK;
    *json = NULL;
    while (a->wanted && !a->ended && !status) {
        a->ahead_got = lib.archive_read_next_header(a->reader, &a->ahead);
        bool good = a->ahead_got == ARCHIVE_OK || a->ahead_got == ARCHIVE_WARN;
        const char *member = good ? name_of(a->ahead) : NULL;
        if (!member || tm_is_picture_name(member) || !has_key(a, member)) {
            a->is_ahead = true;
            break;
        }
        const char *ending = wanted_ending(a, member);
        if (ending)
            status = read_sibling(a, a->ahead, member, ending, error);
        else
            tm_leave_out(left_out, member);
    }
    if (status || !a->found.length)
        return status;
    *json = malloc(a->found.length + 3);
    if (!*json)
        return tm_fail(error, TM_NO_MEMORY, "%.300s: no memory for siblings", a->path);
    snprintf(*json, a->found.length + 3, "{%s}", a->found.data);
    return TM_OK;
}

/* ---- members ---- */

static const char *fail_break(tm_archive *a, tm_error *error)
{
    fail_reader(a, a->name ? a->name : a->path, "the archive breaks off after this", error);
    return end(a);
}

const char *tm_archive_next(tm_archive *a, tm_left_out *left_out, tm_error *error)
{
    struct archive_entry *entry;
    while (!a->ended) {
        int got = next_header(a, &entry);
        if (got == ARCHIVE_EOF)
            break;
        if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
            return fail_break(a, error);
        const char *member = name_of(entry);
        if (!member) {
            tm_fail(error, TM_READ, "%.300s: a member's name is no text", a->path);
            return a->path;
        }
        if (lib.archive_entry_filetype(entry) == AE_IFDIR || is_hidden(member))
            continue;
        const char *ending = wanted_ending(a, member);
        if (tm_is_picture_name(member)) {
            set_key(a, member);
            return begin_member(a, entry, member, error);
        }
        if (!ending)
            tm_leave_out(left_out, member);
        else if (read_sibling(a, entry, member, ending, error))
            return a->path;
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

tm_status tm_archive_open(const char *path, const char *siblings, tm_archive **archive,
                          tm_error *error)
{
    (void)siblings;
    *archive = NULL;
    return tm_fail(error, TM_UNSUPPORTED,
                   "%.300s: a tar, and this timmc is built without libarchive", path);
}

tm_status tm_archive_open_stream(int fd, const char *name, const char *siblings,
                                 tm_image_bytes *begun, tm_archive **archive, tm_error *error)
{
    if (fd > STDIN_FILENO)
        close(fd);
    tm_image_bytes_free(begun);
    return tm_archive_open(name, siblings, archive, error);
}

tm_status tm_archive_siblings(tm_archive *archive, tm_left_out *left_out, char **json,
                              tm_error *error)
{
    (void)archive, (void)left_out, (void)error;
    *json = NULL;
    return TM_OK;
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
