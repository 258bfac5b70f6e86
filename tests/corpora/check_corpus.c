/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares the decoder with Pillow's verdicts on folders of pictures that stay outside the
 * repository:
 *
 *   check_corpus [-v] [--damage N] [--seed S] [--deviations FILE] [FOLDER]
 *
 * FOLDER (or $TIMMC_CORPORA) holds png/ and jpeg/ and, beside each, SET.expected.jsonl: a line a
 * file with "file", "ok" and, of what Pillow accepts, "size" and "rgb_sha256" of the RGB rows.
 * Every difference must stand in FILE (file, kind and reason with tabs between, sorted), and every
 * line there must still differ. --damage then decodes N randomly damaged files: they may be
 * accepted or refused, but no sanitizer may complain.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>
#include <sha2.h>

#include "base/file.h"
#include "base/memory.h"
#include "image/image.h"

enum { MAX_DEVIATIONS = 200 };

typedef struct deviation {
    const char *file, *kind;
    bool seen;
} deviation;

typedef struct checker {
    const char *folder;
    bool verbose;
    char *text; /* of the deviations file, cut at its tabs and newlines */
    deviation deviations[MAX_DEVIATIONS];
    int deviation_count;
    int same, refused, deviating, failures;
    char **files; /* paths of all that was read */
    size_t file_count;
} checker;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "check_corpus: %s: %s\n", what, why);
    exit(2);
}

/* NUL-terminated copy; the caller frees it. */
static char *read_text(const char *path)
{
    tm_map map;
    tm_error error = {0};
    if (tm_map_file(path, &map, &error) != TM_OK)
        die(path, error.message);
    char *text = malloc(map.size + 1);
    if (!text)
        die(path, "no memory");
    memcpy(text, map.data, map.size);
    text[map.size] = 0;
    TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
    return text;
}

static void read_deviations(checker *c, const char *path)
{
    char *line = c->text = read_text(path);
    const char *previous = "";
    while (*line) {
        char *end = strchr(line, '\n');
        if (!end)
            die(path, "last line has no newline");
        *end = 0;
        if (*line != '#') {
            char *kind = strchr(line, '\t');
            char *reason = kind ? strchr(kind + 1, '\t') : NULL;
            if (!reason || c->deviation_count == MAX_DEVIATIONS)
                die(line, "expected file, kind and reason, and not too many lines");
            *kind = *reason = 0;
            if (strcmp(previous, line) >= 0)
                die(line, "not in order");
            previous = line;
            c->deviations[c->deviation_count++] = (deviation){line, kind + 1, false};
        }
        line = end + 1;
    }
}

static bool is_listed(checker *c, const char *file, const char *kind)
{
    for (int i = 0; i < c->deviation_count; i++)
        if (strcmp(c->deviations[i].file, file) == 0 && strcmp(c->deviations[i].kind, kind) == 0)
            return c->deviations[i].seen = true;
    return false;
}

static void report(checker *c, const char *file, const char *kind, const char *theirs,
                   const char *ours)
{
    bool listed = is_listed(c, file, kind);
    if (listed)
        c->deviating++;
    else
        c->failures++;
    if (!listed || c->verbose)
        printf("%s %s: %s; Pillow: %s, here: %s\n", listed ? "listed" : "DIFFERS", file, kind,
               theirs, ours);
}

static const char *text_of(const cJSON *line, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(line, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static bool equals(const tm_image *image, const cJSON *line)
{
    const cJSON *size = cJSON_GetObjectItemCaseSensitive(line, "size");
    const cJSON *width = cJSON_GetArrayItem(size, 0), *height = cJSON_GetArrayItem(size, 1);
    char digest[SHA256_DIGEST_STRING_LENGTH];
    SHA256Data(image->rgb, 3 * (size_t)image->width * (size_t)image->height, digest);
    return cJSON_IsNumber(width) && width->valueint == image->width && cJSON_IsNumber(height) &&
           height->valueint == image->height && strcmp(digest, text_of(line, "rgb_sha256")) == 0;
}

static void remember(checker *c, const char *path)
{
    char **files = realloc(c->files, (c->file_count + 1) * sizeof *files);
    if (!files || !(files[c->file_count] = strdup(path)))
        die(path, "no memory");
    c->files = files;
    c->file_count++;
}

static void check_file(checker *c, const char *set, const cJSON *line)
{
    char path[4096], file[1024];
    snprintf(file, sizeof file, "%s/%s", set, text_of(line, "file"));
    snprintf(path, sizeof path, "%s/%s", c->folder, file);
    tm_map map;
    tm_image image;
    tm_error error = {0};
    if (tm_map_file(path, &map, &error) != TM_OK)
        die(path, error.message);
    remember(c, path);
    bool accepted = tm_image_decode(map.data, map.size, file, NULL, &image, &error) == TM_OK;
    bool expected = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(line, "ok"));
    if (!accepted && !expected)
        c->refused++;
    else if (!accepted)
        report(c, file, "refused", "accepted", error.message);
    else if (!expected)
        report(c, file, "accepted", text_of(line, "error"), "accepted");
    else if (!equals(&image, line))
        report(c, file, "pixels", "accepted", "accepted with other pixels");
    else
        c->same++;
    tm_image_free(&image);
    TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
}

static void check_set(checker *c, const char *set)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.expected.jsonl", c->folder, set);
    char *text = read_text(path);
    for (char *line = text, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        if (!end)
            die(path, "last line has no newline");
        *end = 0;
        cJSON *object = cJSON_Parse(line);
        if (!object)
            die(path, "a line is not JSON");
        check_file(c, set, object);
        cJSON_Delete(object);
    }
    free(text);
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* A few changed bits or bytes, and now and then a cut. Returns the new size. */
static size_t damage(unsigned char *bytes, size_t size, uint64_t *state)
{
    int changes = 1 + (int)(next_random(state) % 8);
    for (int i = 0; i < changes && size; i++) {
        uint64_t dice = next_random(state);
        size_t at = (size_t)(next_random(state) % size);
        if (dice % 8 == 0)
            bytes[at] = (unsigned char)(dice >> 8);
        else if (dice % 8 == 1)
            bytes[at] = 0xFF;
        else if (dice % 16 == 2)
            size = at;
        else
            bytes[at] ^= (unsigned char)(1u << (dice >> 8 & 7));
    }
    return size;
}

static void decode_damaged(const char *path, uint64_t *state, int *accepted)
{
    tm_map map;
    tm_error error = {0};
    if (tm_map_file(path, &map, &error) != TM_OK)
        die(path, error.message);
    unsigned char *copy = malloc(map.size + 1), *exact;
    if (!copy)
        die(path, "no memory");
    if (map.size)
        memcpy(copy, map.data, map.size);
    size_t size = damage(copy, map.size, state);
    TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
    exact = realloc(copy, size ? size : 1); /* its end is where the sanitizer looks */
    if (!exact)
        die(path, "no memory");
    tm_image image;
    tm_decode_options options = {.max_pixels = 1 << 22, .exif_orient = size % 2 == 0};
    tm_status status = tm_image_decode(exact, size, path, &options, &image, &error);
    if (status != error.status || (status == TM_OK) != (image.rgb != NULL))
        die(path, "status, message and picture contradict each other");
    *accepted += status == TM_OK;
    tm_image_free(&image);
    free(exact);
}

static int finish(checker *c)
{
    for (int i = 0; i < c->deviation_count; i++)
        if (!c->deviations[i].seen) {
            printf("DIFFERS %s: listed as %s, but agrees now: take it off the list\n",
                   c->deviations[i].file, c->deviations[i].kind);
            c->failures++;
        }
    printf("%d files equal, %d refused by both, %d listed deviations, %d failures\n", c->same,
           c->refused, c->deviating, c->failures);
    for (size_t i = 0; i < c->file_count; i++)
        free(c->files[i]);
    free(c->files);
    free(c->text);
    return c->failures ? 1 : 0;
}

int main(int argc, char **argv)
{
    checker c = {.folder = getenv("TIMMC_CORPORA")};
    const char *deviations = "tests/corpora/deviations.txt";
    long rounds = 0;
    uint64_t seed = 1;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "-v") == 0)
            c.verbose = true;
        else if (strcmp(argv[i], "--damage") == 0 && more)
            rounds = strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && more)
            seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--deviations") == 0 && more)
            deviations = argv[++i];
        else
            c.folder = argv[i];
    }
    struct stat folder;
    if (!c.folder || stat(c.folder, &folder) != 0 || !S_ISDIR(folder.st_mode)) {
        printf("skipped: set TIMMC_CORPORA to the folder of test pictures\n");
        return 0;
    }
    read_deviations(&c, deviations);
    check_set(&c, "jpeg");
    check_set(&c, "png");
    int accepted = 0;
    for (long i = 0; i < rounds && c.file_count; i++)
        decode_damaged(c.files[next_random(&seed) % c.file_count], &seed, &accepted);
    if (rounds)
        printf("%ld damaged files, %d of them accepted\n", rounds, accepted);
    return finish(&c);
}
