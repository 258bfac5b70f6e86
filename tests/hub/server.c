/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hub on the loopback interface whose repositories misbehave as their name says, for
 * tests/cli/t050_pull.sh.
 *   server PORT-FILE LOG-FILE [FOLDER]
 * writes its port to PORT-FILE, one line a request to LOG-FILE. A repository t/FAULT answers as
 * FAULT says (the tables below); m/NAME has the files of FOLDER/NAME; every other one is sound.
 */
#define _GNU_SOURCE /* strcasestr */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sha1.h>
#include <sha2.h>

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define NEW_COMMIT "89abcdef0123456789abcdef0123456789abcdef"

enum { SMALL = 300, LARGE = 3000000, SLOW_BLOCK = 50000, SLOTS = 512, LINE = 1024 };

/* How often each repository was asked for what, over all connections. */
typedef struct counter {
    char key[120];
    int count;
} counter;

static counter *counters;
static FILE *log_file;
static const char *folder;
static int port;

typedef struct request {
    int fd;
    char method[8], path[LINE], repo[128], revision[128], file[256];
    char range[64], if_range[128], token[128], host[128];
} request;

/* ---- the files ---- */

typedef struct content {
    unsigned char *bytes;
    size_t size;
    char etag[80];
} content;

static void hex(const uint8_t *bytes, size_t count, char *text)
{
    for (size_t i = 0; i < count; i++)
        sprintf(text + 2 * i, "%02x", bytes[i]);
}

static bool in_folder(const char *repo)
{
    return folder && strncmp(repo, "m/", 2) == 0;
}

/* False: there is no such file. */
static bool read_content(const char *repo, const char *file, content *c)
{
    char path[2 * LINE];
    snprintf(path, sizeof path, "%s/%s/%s", folder, repo + 2, file);
    FILE *f = fopen(path, "rbe");
    if (!f)
        return false;
    fseek(f, 0, SEEK_END);
    c->size = (size_t)ftell(f);
    rewind(f);
    c->bytes = malloc(c->size + 1);
    bool read = fread(c->bytes, 1, c->size, f) == c->size;
    fclose(f);
    return read;
}

static void fill_content(const char *repo, int version, bool large, content *c)
{
    uint64_t state = 88172645463325252U + (uint64_t)version;
    c->size = large ? LARGE : SMALL;
    c->bytes = malloc(c->size);
    for (const char *p = repo; *p; p++)
        state = state * 31 + (unsigned char)*p;
    for (size_t i = 0; i < c->size; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        c->bytes[i] = large ? (unsigned char)state : (unsigned char)"{\"a\": 1} "[i % 9];
    }
}

static content make_content(const char *repo, const char *file, int version)
{
    bool large = strstr(file, "config") == NULL;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    content c = {0};
    if (!in_folder(repo) || !read_content(repo, file, &c))
        fill_content(repo, version, large, &c);
    if (large) {
        SHA2_CTX sha;
        SHA256Init(&sha);
        SHA256Update(&sha, c.bytes, c.size);
        SHA256Final(digest, &sha);
        hex(digest, SHA256_DIGEST_LENGTH, c.etag);
    } else {
        char header[32];
        SHA1_CTX sha;
        SHA1Init(&sha);
        SHA1Update(&sha, (const uint8_t *)header, (size_t)sprintf(header, "blob %zu", c.size) + 1);
        SHA1Update(&sha, c.bytes, c.size);
        SHA1Final(digest, &sha);
        hex(digest, SHA1_DIGEST_LENGTH, c.etag);
    }
    return c;
}

/* ---- answering ---- */

static void send_all(int fd, const void *bytes, size_t count)
{
    const char *p = bytes;
    while (count > 0) {
        ssize_t sent = send(fd, p, count, MSG_NOSIGNAL);
        if (sent <= 0)
            _exit(0);
        p += sent;
        count -= (size_t)sent;
    }
}

__attribute__((format(printf, 2, 3))) static void say(const request *r, const char *format, ...)
{
    char text[2 * LINE];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    send_all(r->fd, text, (size_t)length);
}

static void rest(int milliseconds)
{
    nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000L}, NULL);
}

/* Without it the peer may see an orderly end before all bytes. */
static void reset(const request *r)
{
    struct linger now = {1, 0};
    rest(50);
    setsockopt(r->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(r->fd);
    _exit(0);
}

static void status_only(const request *r, const char *status, const char *headers)
{
    say(r, "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n%s\r\n", status, headers);
}

static void page(const request *r)
{
    static const char text[] = "<html><body>Please log in.</body></html>";
    say(r,
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/html; charset=utf-8\r\n"
        "Content-Length: %zu\r\n\r\n%s",
        sizeof text - 1, strcmp(r->method, "HEAD") == 0 ? "" : text);
}

static bool is(const request *r, const char *fault)
{
    return strncmp(r->repo, "t/", 2) == 0 && strcmp(r->repo + 2, fault) == 0;
}

static bool is_head(const request *r)
{
    return strcmp(r->method, "HEAD") == 0;
}

/* How often this was called before with the repository, the file and `what`. */
static int times(const request *r, const char *what)
{
    char key[sizeof counters->key];
    snprintf(key, sizeof key, "%.40s %.40s %.30s", r->repo, r->file, what);
    for (int i = 0; i < SLOTS; i++) {
        if (!counters[i].key[0])
            strcpy(counters[i].key, key);
        if (strcmp(counters[i].key, key) == 0)
            return __atomic_fetch_add(&counters[i].count, 1, __ATOMIC_SEQ_CST);
    }
    return 0;
}

/* ---- refusals, before any file is looked for ---- */

typedef struct refusal {
    const char *fault;
    bool once;          /* the request succeeds the next time */
    const char *method; /* NULL: any */
    const char *status, *headers;
} refusal;

/* clang-format off */
static const refusal refusals[] = {
    {"norepo", false, NULL, "401 Unauthorized", "X-Error-Code: RepoNotFound\r\n"},
    {"gone", false, NULL, "404 Not Found", ""},
    {"norev", false, NULL, "404 Not Found", "X-Error-Code: RevisionNotFound\r\n"},
    {"gated", false, NULL, "403 Forbidden", "X-Error-Code: GatedRepo\r\n"},
    {"badtoken", false, NULL, "401 Unauthorized", ""},
    {"busy", true, "HEAD", "429 Too Many Requests", "Retry-After: 1\r\n"},
    {"busylong", false, NULL, "429 Too Many Requests", "Retry-After: 3600\r\n"},
    {"flaky", true, NULL, "500 Internal Server Error", "Retry-After: 0\r\n"},
    {"broken", false, NULL, "503 Service Unavailable", "Retry-After: 0\r\n"},
    {"forbidden", false, "GET", "403 Forbidden", ""},
};
/* clang-format on */

static bool refuse(const request *r)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const refusal *f = &refusals[i];
        if (!is(r, f->fault) || (f->method && strcmp(f->method, r->method) != 0) ||
            (f->once && times(r, r->method) > 0))
            continue;
        status_only(r, f->status, f->headers);
        return true;
    }
    if (is(r, "private") && strcmp(r->token, "Bearer secret") != 0) {
        status_only(r, "401 Unauthorized", "X-Error-Code: RepoNotFound\r\n");
        return true;
    }
    content c;
    bool has = !strstr(r->file, "absent") &&
               (!in_folder(r->repo) || read_content(r->repo, r->file, &c)) &&
               !(is(r, "bin") && strcmp(r->file, "model.safetensors") == 0) &&
               !(is(r, "empty") && strcmp(r->file, "config.json") != 0);
    if (!has)
        status_only(r, "404 Not Found",
                    "X-Error-Code: EntryNotFound\r\nX-Repo-Commit: " COMMIT "\r\n");
    return !has;
}

/* ---- redirects ---- */

static bool redirect(const request *r)
{
    char where[2 * LINE] = "";
    bool weights = strstr(r->file, "config") == NULL;
    if (is(r, "other") && weights && strncmp(r->path, "/cdn/", 5) != 0)
        snprintf(where, sizeof where, "http://localhost:%d/cdn%s", port, r->path);
    else if (is(r, "portal"))
        snprintf(where, sizeof where, "http://localhost:%d/login", port);
    else if (is(r, "plain") && weights)
        snprintf(where, sizeof where, "http://192.0.2.1/model");
    else if (is(r, "local") && weights && !is_head(r))
        snprintf(where, sizeof where, "file:///etc/passwd");
    else if (is(r, "loop") && weights && !is_head(r))
        snprintf(where, sizeof where, "%s", r->path);
    else if (is(r, "oldname"))
        snprintf(where, sizeof where, "/t/newname%s", strstr(r->path, "/resolve/"));
    if (!where[0])
        return false;
    content c = make_content(r->repo, r->file, 0);
    bool hub = strstr(where, "/cdn/") || is(r, "plain");
    say(r, "HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: %s\r\n",
        where);
    if (hub)
        say(r, "X-Repo-Commit: " COMMIT "\r\nX-Linked-Etag: \"%s\"\r\nX-Linked-Size: %zu\r\n",
            c.etag, c.size);
    say(r, "\r\n");
    return true;
}

/* ---- bodies ---- */

/* The bytes from `from`, as the fault wants them to come. */
static void send_body(const request *r, const content *c, size_t from)
{
    size_t size = c->size - from;
    bool weights = strstr(r->file, "config") == NULL;
    bool cut = is(r, "cut") || is(r, "norange") || is(r, "changed") || is(r, "badrange") ||
               is(r, "other") || is(r, "twice");
    if (cut && weights && times(r, "cut") < (is(r, "twice") ? 2 : 1)) {
        send_all(r->fd, c->bytes + from, size / 3);
        reset(r);
    }
    if (is(r, "hang") && weights) {
        send_all(r->fd, c->bytes + from, size / 3);
        recv(r->fd, (char[1]){0}, 1, 0); /* until the client goes away */
        _exit(0);
    }
    if ((is(r, "slow") || is(r, "race")) && weights) {
        for (size_t at = from; at < c->size; at += SLOW_BLOCK) {
            send_all(r->fd, c->bytes + at,
                     c->size - at < SLOW_BLOCK ? c->size - at : (size_t)SLOW_BLOCK);
            rest(25);
        }
        return;
    }
    send_all(r->fd, c->bytes + from, size);
}

static void send_head(const request *r, const content *c, const char *commit)
{
    bool cdn = strncmp(r->path, "/cdn/", 5) == 0, weights = strstr(r->file, "config") == NULL;
    say(r, "HTTP/1.1 200 OK\r\nConnection: close\r\nAccept-Ranges: bytes\r\n"
           "Content-Type: application/octet-stream\r\n");
    if (!is(r, "nolength"))
        say(r, "Content-Length: %zu\r\n",
            is(r, "short") && weights && !is_head(r) ? c->size - 100 : c->size);
    if (is(r, "weak"))
        say(r, "ETag: W/\"version-of-%s\"\r\n", r->file);
    else if (!is(r, "noetag"))
        say(r, "ETag: \"%s%s\"\r\n", cdn ? "cdn-" : "", c->etag);
    if (!cdn && !is(r, "nohub"))
        say(r, "X-Repo-Commit: %s\r\n", commit);
    say(r, "\r\n");
}

static void send_rest(const request *r, const content *c, size_t from)
{
    bool cdn = strncmp(r->path, "/cdn/", 5) == 0;
    say(r,
        "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Length: %zu\r\n"
        "Content-Type: application/octet-stream\r\n"
        "Content-Range: bytes %zu-%zu/%zu\r\nETag: \"%s%s\"\r\n\r\n",
        c->size - from, is(r, "badrange") ? from - 1 : from, c->size - 1, c->size,
        cdn ? "cdn-" : "", c->etag);
}

static void serve(const request *r)
{
    bool weights = strstr(r->file, "config") == NULL;
    bool changed = is(r, "changed") && times(r, "seen") > 1;
    content c = make_content(r->repo, r->file, changed);
    if (is(r, "allhtml") || (is(r, "html") && weights && !is_head(r))) {
        page(r);
        return;
    }
    if (is(r, "hash") && weights && !is_head(r))
        c.bytes[c.size / 2] ^= 1;
    if (is(r, "escape"))
        strcpy(c.etag, "../../../escaped");
    if (is(r, "partial"))
        strcpy(c.etag, "0123.00000000-0-00000001.incomplete");
    size_t from = 0;
    bool ranged = sscanf(r->range, "bytes=%zu-", &from) == 1 && !is(r, "norange");
    char quoted[128];
    snprintf(quoted, sizeof quoted, "\"%s%s\"", strncmp(r->path, "/cdn/", 5) ? "" : "cdn-", c.etag);
    if (r->if_range[0] && strcmp(r->if_range, quoted) != 0)
        ranged = false;
    if (ranged && from >= c.size) {
        status_only(r, "416 Range Not Satisfiable", "");
        return;
    }
    if (ranged)
        send_rest(r, &c, from);
    else
        send_head(r, &c, changed ? NEW_COMMIT : COMMIT);
    if (is(r, "short") && weights)
        c.size -= 100;
    if (!is_head(r))
        send_body(r, &c, ranged ? from : 0);
}

/* ---- requests ---- */

static void header(const char *text, const char *name, char *value, size_t size)
{
    const char *line = strcasestr(text, name);
    if (!line)
        return;
    line += strlen(name);
    line += strspn(line, " ");
    snprintf(value, size, "%.*s", (int)strcspn(line, "\r\n"), line);
}

static void answer(int fd)
{
    request r = {.fd = fd};
    char text[8192];
    size_t used = 0;
    while (used < sizeof text - 1) {
        ssize_t got = recv(fd, text + used, sizeof text - 1 - used, 0);
        if (got <= 0)
            return;
        used += (size_t)got;
        text[used] = '\0';
        if (strstr(text, "\r\n\r\n"))
            break;
    }
    if (sscanf(text, "%7s %1023s", r.method, r.path) != 2)
        return;
    header(text, "\r\nRange:", r.range, sizeof r.range);
    header(text, "\r\nIf-Range:", r.if_range, sizeof r.if_range);
    header(text, "\r\nAuthorization:", r.token, sizeof r.token);
    header(text, "\r\nHost:", r.host, sizeof r.host);
    fprintf(log_file, "%s %s host=%.*s range=%s if-range=%s token=%s\n", r.method, r.path,
            (int)strcspn(r.host, ":"), r.host, r.range, r.if_range, r.token[0] ? "yes" : "no");
    fflush(log_file);
    /* a proxy is asked by the whole URL */
    if (strncmp(r.path, "http://", 7) == 0 && strchr(r.path + 7, '/'))
        memmove(r.path, strchr(r.path + 7, '/'), strlen(strchr(r.path + 7, '/')) + 1);
    const char *path = strncmp(r.path, "/cdn/", 5) == 0 ? r.path + 4 : r.path;
    /* a release file: /files/FAULT/NAME */
    if (sscanf(path, "/files/%99[^/]/%255s", r.repo + 2, r.file) == 2)
        memcpy(r.repo, "t/", 2);
    else if (sscanf(path, "/%120[^/]/", r.repo) != 1 || !strstr(path, "/resolve/") ||
             (snprintf(r.repo, sizeof r.repo, "%.*s", (int)(strstr(path, "/resolve/") - path - 1),
                       path + 1),
              sscanf(strstr(path, "/resolve/"), "/resolve/%127[^/]/%255s", r.revision, r.file)) !=
                 2)
        status_only(&r, "404 Not Found", "");
    if (r.file[0] && !refuse(&r) && !redirect(&r))
        serve(&r);
    shutdown(fd, SHUT_WR);
    recv(fd, text, sizeof text, 0);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    counters = mmap(NULL, SLOTS * sizeof *counters, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    folder = argc == 4 ? argv[3] : NULL;
    if (argc < 3 || counters == MAP_FAILED || listener < 0 ||
        bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        fprintf(stderr, "usage: server PORT-FILE LOG-FILE [FOLDER]\n");
        return 1;
    }
    port = ntohs(address.sin_port);
    log_file = fopen(argv[2], "ae");
    FILE *out = fopen(argv[1], "we");
    if (!out || !log_file)
        return 1;
    fprintf(out, "%d\n", port);
    fclose(out);
    alarm(600); /* nobody waits for it longer */
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        if (fd >= 0 && fork() == 0) {
            close(listener);
            answer(fd);
            _exit(0);
        }
        close(fd);
    }
}
