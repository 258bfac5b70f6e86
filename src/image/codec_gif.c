/* SPDX-License-Identifier: Apache-2.0 */
/* GIF: the first frame on a canvas of its transparent colour, or of colour 0; as Pillow, which has
 * a reader of its own too: what is faulty in a file differs between readers. */
#include <stdlib.h>
#include <string.h>

#include "image/bytes.h"
#include "image/codec.h"

enum {
    HEADER = 13,
    HAS_PALETTE = 0x80,
    INTERLACED = 0x40,
    PALETTE_BITS = 7,
    EXTENSION = '!',
    FRAME = ',',
    END = ';',
    GRAPHIC_CONTROL = 0xF9,
    COMMENT = 0xFE,
    APPLICATION = 0xFF,
    CODE_BITS = 12,
    CODES = 1 << CODE_BITS
};

typedef struct gif {
    tm_bytes bytes;
    const char *name;
    tm_error *error;
    size_t width, height;
    size_t x, y, frame_width, frame_height;
    bool interlaced;
    int transparent, code_bits;
    tm_palette palette;
} gif;

static tm_status fail_early(const gif *g, const char *expected)
{
    return tm_fail(g->error, TM_TRUNCATED, "%s: GIF ends early at byte %zu, expected %s", g->name,
                   g->bytes.size, expected);
}

static tm_status fail_faulty(const gif *g, const char *what)
{
    return tm_fail(g->error, TM_CORRUPT, "%s: GIF: %s (near byte %zu)", g->name, what,
                   g->bytes.next);
}

/* ---- blocks ---- */

/* The next block of a chain, cut where the file is; NULL: the chain ends. */
static const unsigned char *next_block(gif *g, size_t *size)
{
    int stated = tm_bytes_next(&g->bytes);
    size_t left = g->bytes.size - g->bytes.next;
    *size = stated < 0 ? 0 : (size_t)stated < left ? (size_t)stated : left;
    return *size ? tm_bytes_take(&g->bytes, *size) : NULL;
}

/* A palette that says of each index the gray of its number is none: indices are gray values. */
static tm_status read_palette(gif *g, int flags)
{
    size_t entries = (size_t)2 << (flags & PALETTE_BITS);
    const unsigned char *entry = tm_bytes_take(&g->bytes, 3 * entries);
    if (!entry)
        return fail_early(g, "a palette");
    bool gray = true;
    for (size_t i = 0; i < 3 * entries; i++)
        gray = gray && entry[i] == i / 3;
    memset(&g->palette, 0, sizeof g->palette);
    if (!gray)
        memcpy(g->palette.rgb, entry, 3 * entries);
    for (int i = 0; gray && i < 256; i++)
        memset(g->palette.rgb[i], i, 3);
    return TM_OK;
}

/* A chain that begins with its end is followed by another one, as the reference has it. */
static tm_status read_extension(gif *g)
{
    int label = tm_bytes_next(&g->bytes);
    size_t size;
    const unsigned char *block = next_block(g, &size);
    if (label < 0)
        return fail_early(g, "an extension");
    if (label == COMMENT && !block)
        return TM_OK;
    if (label == GRAPHIC_CONTROL && block) {
        if (size < 3 || ((block[0] & 1) && size < 4))
            return fail_faulty(g, "the control of a frame is too short");
        if (block[0] & 1)
            g->transparent = block[3];
    }
    if (label == APPLICATION && block && TM_BEGINS(block, size, "NETSCAPE2.0"))
        next_block(g, &size);
    while (next_block(g, &size))
        ;
    return TM_OK;
}

static tm_status read_frame(gif *g)
{
    const unsigned char *head = tm_bytes_take(&g->bytes, 9);
    if (!head)
        return fail_early(g, "a frame");
    g->x = tm_le16(head);
    g->y = tm_le16(head + 2);
    g->frame_width = tm_le16(head + 4);
    g->frame_height = tm_le16(head + 6);
    g->interlaced = head[8] & INTERLACED;
    tm_status status = head[8] & HAS_PALETTE ? read_palette(g, head[8]) : TM_OK;
    if (status != TM_OK)
        return status;
    g->code_bits = tm_bytes_next(&g->bytes);
    if (g->code_bits < 0)
        return fail_early(g, "the data of a frame");
    if (!g->frame_width || !g->frame_height)
        return fail_faulty(g, "the first frame is empty");
    if (g->code_bits > CODE_BITS)
        return fail_faulty(g, "codes of more than 12 bits");
    /* a frame that leaves the picture makes it larger */
    if (g->x + g->frame_width > g->width)
        g->width = g->x + g->frame_width;
    if (g->y + g->frame_height > g->height)
        g->height = g->y + g->frame_height;
    return TM_OK;
}

/* Until the data of the first frame. */
static tm_status read_head(gif *g)
{
    const unsigned char *head = tm_bytes_take(&g->bytes, HEADER);
    if (!head)
        return fail_early(g, "a header");
    g->width = tm_le16(head + 6);
    g->height = tm_le16(head + 8);
    for (int i = 0; i < 256; i++)
        memset(g->palette.rgb[i], i, 3);
    tm_status status = head[10] & HAS_PALETTE ? read_palette(g, head[10]) : TM_OK;
    while (status == TM_OK) {
        int kind = tm_bytes_next(&g->bytes);
        if (kind < 0)
            return fail_early(g, "a frame");
        if (kind == END)
            return fail_faulty(g, "there is no frame");
        if (kind == FRAME)
            return read_frame(g);
        if (kind == EXTENSION)
            status = read_extension(g);
    }
    return status;
}

/* ---- codes ---- */

typedef struct codes {
    gif *g;
    size_t block; /* bytes left of the block */
    uint32_t bits;
    int bit_count, width; /* of a code */
    int clear, next;      /* the code that empties the table, and the first that it lacks */
    int last;             /* code; -1: the table is empty */
    unsigned char first;  /* pixel of the last code */
    uint16_t before[CODES];
    unsigned char pixel[CODES], string[CODES + 1];
} codes;

/* -1: the data ends, with an error. A block must be there whole. */
static int next_code(codes *c)
{
    tm_bytes *bytes = &c->g->bytes;
    while (c->bit_count < c->width) {
        if (!c->block) {
            int size = tm_bytes_next(bytes);
            if (size <= 0 || bytes->size - bytes->next < (size_t)size) {
                fail_early(c->g, "more pixels");
                return -1;
            }
            c->block = (size_t)size;
        }
        c->bits |= (uint32_t)tm_bytes_next(bytes) << c->bit_count;
        c->bit_count += 8;
        c->block--;
    }
    int code = (int)(c->bits & ((1u << c->width) - 1));
    c->bits >>= c->width;
    c->bit_count -= c->width;
    return code;
}

static void empty_table(codes *c)
{
    c->next = c->clear + 2;
    c->width = c->g->code_bits + 1;
    c->last = -1;
}

static void add_code(codes *c)
{
    if (c->next >= CODES)
        return;
    c->pixel[c->next] = c->first;
    c->before[c->next] = (uint16_t)c->last;
    if (c->next == (1 << c->width) - 1 && c->width < CODE_BITS)
        c->width++;
    c->next++;
}

/* What a code stands for is the end of `string`, from where *begin says. */
static tm_status expand(codes *c, int code, size_t *begin)
{
    size_t at = sizeof c->string;
    if (code > c->next || (c->last < 0 && code > c->clear) || code >= CODES)
        return fail_faulty(c->g, "a code that stands for nothing");
    int known = code;
    if (c->last >= 0 && code == c->next) {
        c->string[--at] = c->first;
        known = c->last;
    }
    for (; known >= c->clear; known = c->before[known])
        c->string[--at] = c->pixel[known];
    c->first = (unsigned char)known;
    c->string[--at] = c->first;
    if (c->last >= 0)
        add_code(c);
    c->last = code;
    *begin = at;
    return TM_OK;
}

/* ---- pixels ---- */

/* The row of a frame that comes after y, of `pass` 0..3; a frame that is not interlaced has but
 * pass 3 of single rows. */
typedef struct rows {
    size_t y, step, height;
    int pass;
} rows;

static bool next_row(rows *r)
{
    static const unsigned char first[4] = {0, 4, 2, 1};
    r->y += r->step;
    while (r->y >= r->height) {
        if (++r->pass > 3)
            return false;
        r->y = first[r->pass];
        r->step = r->pass == 1 ? 8 : (size_t)(r->pass == 2 ? 4 : 2);
    }
    return true;
}

/* Puts pixels of the frame into the canvas until it is full. */
static tm_status read_pixels(codes *c, tm_image *out)
{
    gif *g = c->g;
    rows r = {
        .step = g->interlaced ? 8 : 1, .height = g->frame_height, .pass = g->interlaced ? 0 : 3};
    size_t x = 0;
    for (;;) {
        int code = next_code(c);
        if (code < 0)
            return TM_TRUNCATED;
        if (code == c->clear) {
            empty_table(c);
            continue;
        }
        if (code == c->clear + 1)
            return fail_early(g, "more pixels");
        size_t at = sizeof c->string;
        tm_status status = expand(c, code, &at);
        if (status != TM_OK)
            return status;
        for (; at < sizeof c->string; at++) {
            size_t pixel = (g->y + r.y) * g->width + g->x + x;
            memcpy(out->rgb + 3 * pixel, g->palette.rgb[c->string[at]], 3);
            if (++x < g->frame_width)
                continue;
            x = 0;
            if (!next_row(&r))
                return TM_OK;
        }
    }
}

static tm_status decode(const tm_codec_input *in, tm_image *out, int *orientation, tm_error *error)
{
    (void)orientation;
    gif g = {
        .bytes = {in->bytes, in->size, 0}, .name = in->name, .error = error, .transparent = -1};
    tm_status status = read_head(&g);
    if (status == TM_OK)
        status = tm_image_check_size(in->name, g.width, g.height, in->max_pixels, error);
    if (status == TM_OK)
        status = tm_image_claim(in, g.width, g.height, sizeof(codes), error);
    if (status == TM_OK)
        status = tm_image_alloc(out, (int)g.width, (int)g.height, error);
    if (status != TM_OK)
        return status;
    const unsigned char *back = g.palette.rgb[g.transparent < 0 ? 0 : g.transparent];
    for (size_t i = 0; i < g.width * g.height; i++)
        memcpy(out->rgb + 3 * i, back, 3);
    codes *c = malloc(sizeof *c);
    if (!c)
        return tm_fail(error, TM_NO_MEMORY, "%s: no memory to decode a GIF", in->name);
    *c = (codes){.g = &g, .clear = 1 << g.code_bits};
    empty_table(c);
    status = read_pixels(c, out);
    free(c);
    return status;
}

static bool begins(const unsigned char *bytes, size_t size)
{
    return TM_BEGINS(bytes, size, "GIF87a") || TM_BEGINS(bytes, size, "GIF89a");
}

const tm_codec tm_codec_gif = {
    .title = "GIF", .endings = ".gif", .begins = begins, .decode = decode};
