/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a file of packed weights, and the file as it is read. */
#include <stdlib.h>
#include <string.h>

#include "api/packfile.h"
#include "base/little_endian.h"

enum {
    DIGEST_AT = 8,
    DIGITS = TM_DIGEST_TEXT_MAX - 1,
    NUMBERS_AT = DIGEST_AT + DIGITS,
    NUMBERS = 5,
    DATA_DIGEST_AT = NUMBERS_AT + NUMBERS * 8,
    TEXTS_AT = DATA_DIGEST_AT + DIGITS
};

typedef struct sizes {
    size_t header, data, layout, key, facts; /* texts without their NUL */
} sizes;

static tm_status invalid(const char *path, const char *what, tm_error *error)
{
    return tm_fail(error, TM_WEIGHTS_INVALID, "%s: packed weights: %s; pack them again", path,
                   what);
}

static void digest_of(const void *bytes, size_t count, char text[static TM_DIGEST_TEXT_MAX])
{
    tm_digest digest;
    tm_digest_start(&digest);
    tm_digest_add(&digest, bytes, count);
    tm_digest_text(&digest, text);
}

/* ---- reading ---- */

static sizes read_sizes(const char *header)
{
    uint64_t n[NUMBERS];
    for (size_t i = 0; i < NUMBERS; i++)
        n[i] = tm_load_le64(header + NUMBERS_AT + 8 * i);
    return (sizes){n[0], n[1], n[2], n[3], n[4]};
}

/* The file's length first: what it says of its header is then within the file. */
static const char *find_fault(const sizes *s, size_t size)
{
    size_t texts, all;
    if (s->header < TM_PACKFILE_PAGE || s->header > TM_PACKFILE_HEADER_MAX ||
        s->header % TM_PACKFILE_PAGE != 0)
        return "its header has no size that is written";
    if (!tm_size_add(s->header, s->data, &all) || all != size)
        return "found another length than its header says";
    if (!tm_size_add(s->key, s->facts, &texts) || !tm_size_add(texts, 2 + TEXTS_AT, &texts) ||
        texts > s->header)
        return "its texts reach behind its header";
    return NULL;
}

static const char *take_texts(tm_packfile *file, const sizes *s)
{
    file->key = file->header + TEXTS_AT;
    file->facts = file->key + s->key + 1;
    if (memchr(file->key, '\0', s->key + 1) != file->key + s->key ||
        memchr(file->facts, '\0', s->facts + 1) != file->facts + s->facts)
        return "its texts do not end where its header says";
    memcpy(file->sha256, file->header + DATA_DIGEST_AT, DIGITS);
    file->sha256[DIGITS] = '\0';
    return NULL;
}

/* Of a copy: what somebody writes into the file meanwhile is not read. */
static tm_status read_header(const char *path, tm_packfile *file, tm_error *error)
{
    const tm_map *map = &file->memory.map;
    if (map->size < TM_PACKFILE_PAGE)
        return invalid(path, "the file ends in its header", error);
    sizes s = read_sizes((const char *)map->data);
    const char *fault = find_fault(&s, map->size);
    if (fault)
        return invalid(path, fault, error);
    file->header = malloc(s.header);
    if (!file->header)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for its header", path);
    memcpy(file->header, map->data, s.header);
    char digits[TM_DIGEST_TEXT_MAX];
    digest_of(file->header + NUMBERS_AT, s.header - NUMBERS_AT, digits);
    sizes copied = read_sizes(file->header);
    if (memcmp(file->header, TM_PACKFILE_MAGIC, DIGEST_AT) != 0)
        return invalid(path, "they begin as another version writes them", error);
    if (memcmp(digits, file->header + DIGEST_AT, DIGITS) != 0 || memcmp(&copied, &s, sizeof s) != 0)
        return invalid(path, "its header is damaged", error);
    fault = take_texts(file, &s);
    file->memory.offset = s.header;
    file->memory.bytes = s.data;
    file->memory.layout = s.layout;
    return fault ? invalid(path, fault, error) : TM_OK;
}

tm_status tm_packfile_open(const char *path, tm_packfile *file, tm_error *error)
{
    tm_error cause = {0};
    *file = (tm_packfile){0};
    tm_status status = tm_map_file(path, &file->memory.map, &cause);
    if (status == TM_NOT_FOUND || status == TM_READ)
        status = TM_WEIGHTS_MISSING;
    if (status)
        return tm_fail(error, status, "%s", cause.message);
    status = read_header(path, file, error);
    return status ? tm_packfile_close(file, status, error) : TM_OK;
}

tm_status tm_packfile_close(tm_packfile *file, tm_status status, tm_error *error)
{
    tm_error cause = {0};
    if (tm_unmap(&file->memory.map, status, &cause) && !status)
        status = tm_fail(error, TM_WEIGHTS_INVALID, "%s", cause.message);
    free(file->header);
    *file = (tm_packfile){0};
    return status;
}

void tm_packfile_line(const char *text, const char *name, char *value, size_t size)
{
    size_t length = strlen(name);
    *value = '\0';
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (strncmp(line, name, length) == 0 && line[length] == ' ') {
            line += length + 1;
            snprintf(value, size, "%.*s", (int)strcspn(line, "\n"), line);
            return;
        }
}

tm_status tm_packfile_check(const tm_packfile *file, tm_error *error)
{
    const tm_packed_memory *memory = &file->memory;
    char digits[TM_DIGEST_TEXT_MAX];
    digest_of(memory->map.data + memory->offset, memory->bytes, digits);
    if (strcmp(digits, file->sha256) != 0)
        return invalid(tm_map_path(&memory->map), "their data is damaged", error);
    return TM_OK;
}

/* ---- writing ---- */

static void write_sizes(const sizes *s, char *header)
{
    const uint64_t n[NUMBERS] = {s->header, s->data, s->layout, s->key, s->facts};
    for (size_t i = 0; i < NUMBERS; i++) {
        uint64_t number = tm_le64(n[i]);
        memcpy(header + NUMBERS_AT + 8 * i, &number, sizeof number);
    }
}

static void fill_header(const tm_plan *plan, const sizes *s, const char *key, const char *facts,
                        char *header)
{
    char digits[TM_DIGEST_TEXT_MAX];
    memcpy(header, TM_PACKFILE_MAGIC, DIGEST_AT);
    write_sizes(s, header);
    digest_of(plan->steps.memory, s->data, digits);
    memcpy(header + DATA_DIGEST_AT, digits, DIGITS);
    memcpy(header + TEXTS_AT, key, s->key);
    memcpy(header + TEXTS_AT + s->key + 1, facts, s->facts);
    digest_of(header + NUMBERS_AT, s->header - NUMBERS_AT, digits);
    memcpy(header + DIGEST_AT, digits, DIGITS);
}

tm_status tm_packfile_write(const tm_plan *plan, const char *key, const char *facts, FILE *stream,
                            const char *path, tm_error *error)
{
    sizes s = {.data = plan->steps.memory_bytes,
               .layout = plan->layout,
               .key = strlen(key),
               .facts = strlen(facts)};
    size_t texts = TEXTS_AT + s.key + s.facts + 2;
    s.header = (texts + TM_PACKFILE_PAGE - 1) / TM_PACKFILE_PAGE * TM_PACKFILE_PAGE;
    if (s.header > TM_PACKFILE_HEADER_MAX)
        return tm_fail(error, TM_USAGE, "%s: the model's options are too long to be written", path);
    char *header = calloc(1, s.header);
    if (!header)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory for its header", path);
    fill_header(plan, &s, key, facts, header);
    bool written = fwrite(header, 1, s.header, stream) == s.header &&
                   fwrite(plan->steps.memory, 1, s.data, stream) == s.data;
    free(header);
    return written ? TM_OK : tm_fail(error, TM_WRITE, "%s: cannot be written", path);
}
