/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define DEFAULT_ENDPOINT "https://huggingface.co"

/* NULL where the variable is not set or empty. */
static const char *variable_text(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

typedef struct text_out {
    char *bytes;
    size_t used;
    bool full;
} text_out;

static void put(text_out *out, const char *text, size_t length)
{
    out->full = out->full || length >= TM_PATH_MAX - out->used;
    if (out->full)
        return;
    memcpy(out->bytes + out->used, text, length);
    out->used += length;
}

/* The value of "$NAME..." or "${NAME}..." and how long that text is; NULL: a '$' for itself. */
static const char *dollar(const char *text, size_t *length)
{
    char name[128];
    bool braces = text[1] == '{';
    const char *begin = text + 1 + braces;
    size_t size = 0;
    while (isalnum((unsigned char)begin[size]) || begin[size] == '_')
        size++;
    if (size == 0 || size >= sizeof name || (braces && begin[size] != '}'))
        return NULL;
    memcpy(name, begin, size);
    name[size] = '\0';
    *length = size + 1 + 2 * (size_t)braces;
    return getenv(name);
}

/* Python's expanduser (of one's own home) and expandvars: values from env files are not expanded by
 * a shell. */
static bool expand(const char *text, const char *rest, char path[static TM_PATH_MAX])
{
    text_out out = {.bytes = path};
    const char *home = getenv("HOME");
    if (text[0] == '~' && (text[1] == '/' || text[1] == '\0') && home) {
        put(&out, home, strlen(home));
        text++;
    }
    while (*text && !out.full) {
        size_t length = 1;
        const char *value = *text == '$' ? dollar(text, &length) : NULL;
        if (value)
            put(&out, value, strlen(value));
        else
            put(&out, text, 1);
        text += value ? length : 1;
    }
    put(&out, rest, strlen(rest));
    if (out.full)
        return false;
    path[out.used] = '\0';
    return true;
}

typedef struct place {
    const char *variable, *rest;
} place;

static bool first_place(const place *places, size_t count, char path[static TM_PATH_MAX])
{
    for (size_t i = 0; i < count; i++) {
        const char *value = variable_text(places[i].variable);
        if (value)
            return expand(value, places[i].rest, path);
    }
    return false;
}

static bool set_path(char path[static TM_PATH_MAX], const char *text)
{
    int length = snprintf(path, TM_PATH_MAX, "%s", text);
    return length < TM_PATH_MAX;
}

bool tm_hub_cache_root(const char *cache_dir, char root[static TM_PATH_MAX])
{
    static const place places[] = {
        {"HF_HUB_CACHE", ""},
        {"HUGGINGFACE_HUB_CACHE", ""},
        {"HF_HOME", "/hub"},
        {"XDG_CACHE_HOME", "/huggingface/hub"},
        {"HOME", "/.cache/huggingface/hub"},
    };
    if (cache_dir && *cache_dir)
        return set_path(root, cache_dir);
    return first_place(places, sizeof places / sizeof *places, root);
}

bool tm_url_cache_root(const char *cache_dir, char root[static TM_PATH_MAX])
{
    static const place places[] = {
        {"TORCH_HOME", "/hub/checkpoints"},
        {"XDG_CACHE_HOME", "/torch/hub/checkpoints"},
        {"HOME", "/.cache/torch/hub/checkpoints"},
    };
    if (cache_dir && *cache_dir)
        return set_path(root, cache_dir);
    return first_place(places, sizeof places / sizeof *places, root);
}

bool tm_hub_endpoint(char endpoint[static TM_ENDPOINT_MAX])
{
    const char *text = variable_text("HF_ENDPOINT");
    text = text ? text : DEFAULT_ENDPOINT;
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '/')
        length--;
    if (length >= TM_ENDPOINT_MAX)
        return false;
    memcpy(endpoint, text, length);
    endpoint[length] = '\0';
    return true;
}

/* Without line ends anywhere and spaces around; one that is too long is none. */
static void clean_token(const char *text, char token[static TM_TOKEN_MAX])
{
    size_t used = 0;
    text += strspn(text, " \t\r\n\f\v");
    for (; *text && used < TM_TOKEN_MAX; text++)
        if (*text != '\r' && *text != '\n')
            token[used++] = *text;
    used = used < TM_TOKEN_MAX ? used : 0;
    while (used > 0 && isspace((unsigned char)token[used - 1]))
        used--;
    token[used] = '\0';
}

static void read_token_file(char token[static TM_TOKEN_MAX])
{
    static const place places[] = {
        {"HF_TOKEN_PATH", ""},
        {"HF_HOME", "/token"},
        {"XDG_CACHE_HOME", "/huggingface/token"},
        {"HOME", "/.cache/huggingface/token"},
    };
    char path[TM_PATH_MAX], text[2 * TM_TOKEN_MAX];
    FILE *f = first_place(places, sizeof places / sizeof *places, path) ? fopen(path, "re") : NULL;
    if (!f)
        return;
    size_t length = fread(text, 1, sizeof text - 1, f);
    text[length] = '\0';
    clean_token(text, token);
    fclose(f);
}

void tm_hub_token(char token[static TM_TOKEN_MAX])
{
    token[0] = '\0';
    if (tm_hub_flag("HF_HUB_DISABLE_IMPLICIT_TOKEN"))
        return;
    const char *text = variable_text("HF_TOKEN");
    text = text ? text : variable_text("HUGGING_FACE_HUB_TOKEN");
    if (text)
        clean_token(text, token);
    if (!token[0])
        read_token_file(token);
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* In the order of requests, curl and OpenSSL; the last two go together. */
tm_certificates tm_hub_certificates(void)
{
    static const char *const bundles[] = {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"};
    for (size_t i = 0; i < sizeof bundles / sizeof *bundles; i++) {
        const char *path = variable_text(bundles[i]);
        if (path && is_folder(path))
            return (tm_certificates){.folder = path, .variable = bundles[i]};
        if (path)
            return (tm_certificates){.file = path, .variable = bundles[i]};
    }
    tm_certificates own = {.file = variable_text("SSL_CERT_FILE"),
                           .folder = variable_text("SSL_CERT_DIR")};
    own.variable = own.file ? "SSL_CERT_FILE" : "SSL_CERT_DIR";
    return own;
}

bool tm_hub_flag(const char *variable)
{
    static const char *const yes[] = {"1", "on", "yes", "true"};
    const char *value = variable_text(variable);
    for (size_t i = 0; value && i < sizeof yes / sizeof *yes; i++)
        if (strcasecmp(value, yes[i]) == 0)
            return true;
    return false;
}

bool tm_hub_offline(void)
{
    return tm_hub_flag(variable_text("HF_HUB_OFFLINE") ? "HF_HUB_OFFLINE" : "TRANSFORMERS_OFFLINE");
}

long tm_hub_seconds(const char *variable, long otherwise)
{
    const char *value = variable_text(variable);
    char *end;
    long seconds = value ? strtol(value, &end, 10) : 0;
    return value && *end == '\0' && seconds > 0 && seconds < 86400 ? seconds : otherwise;
}
