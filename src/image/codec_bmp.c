/* SPDX-License-Identifier: Apache-2.0 */
/* BMP, of Windows and OS/2, as Pillow reads it: 1, 4 and 8 bits with a palette, plain or in runs;
 * 16, 24 and 32 bits. */
#include <string.h>

#include "image/bytes.h"
#include "image/codec.h"

enum { FILE_HEADER = 14, CORE_HEADER = 12, PALETTE_MOST = 65536 };
typedef enum compression { PLAIN, RLE8, RLE4, BIT_FIELDS } compression;

/* What a pixel is in the file. */
typedef enum kind { INDEX, BITS_555, BITS_565, BYTES } kind;

typedef struct bmp {
    tm_bytes bytes;
    const char *name;
    tm_error *error;
    uint32_t width, height, bits, compression, colors;
    bool top_down;
    size_t entry; /* of the palette, in bytes */
    size_t data;  /* where the pixels begin; 0: behind the palette */
    kind kind;
    unsigned red, green, blue; /* BYTES: their places in a pixel */
    unsigned index_bits;
    tm_palette palette;
} bmp;

static tm_status fail_early(const bmp *b, const char *expected)
{
    return tm_fail(b->error, TM_TRUNCATED, "%s: BMP ends early at byte %zu, expected %s", b->name,
                   b->bytes.size, expected);
}

static tm_status fail_unsupported(const bmp *b, const char *what, uint32_t value)
{
    return tm_fail(b->error, TM_UNSUPPORTED, "%s: BMP has %s %u, which is none that is read",
                   b->name, what, value);
}

/* ---- header ---- */

static tm_status choose_masks(bmp *b, const uint32_t mask[4])
{
    static const struct {
        uint32_t bits, red, green, blue, alpha;
        kind kind;
        unsigned char place[3];
    } known[] = {
        {32, 0xFF0000, 0xFF00, 0xFF, 0, BYTES, {2, 1, 0}},
        {32, 0xFF000000, 0xFF0000, 0xFF00, 0, BYTES, {3, 2, 1}},
        {32, 0xFF000000, 0xFF00, 0xFF, 0, BYTES, {3, 1, 0}},
        {32, 0xFF000000, 0xFF0000, 0xFF00, 0xFF, BYTES, {3, 2, 1}},
        {32, 0xFF, 0xFF00, 0xFF0000, 0xFF000000, BYTES, {0, 1, 2}},
        {32, 0xFF0000, 0xFF00, 0xFF, 0xFF000000, BYTES, {2, 1, 0}},
        {32, 0xFF000000, 0xFF00, 0xFF, 0xFF0000, BYTES, {3, 1, 0}},
        {32, 0, 0, 0, 0, BYTES, {2, 1, 0}},
        {24, 0xFF0000, 0xFF00, 0xFF, 0, BYTES, {2, 1, 0}},
        {16, 0xF800, 0x7E0, 0x1F, 0, BITS_565, {0}},
        {16, 0x7C00, 0x3E0, 0x1F, 0, BITS_555, {0}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].bits != b->bits || known[i].red != mask[0] || known[i].green != mask[1] ||
            known[i].blue != mask[2] || (b->bits == 32 && known[i].alpha != mask[3]))
            continue;
        b->kind = known[i].kind;
        b->red = known[i].place[0];
        b->green = known[i].place[1];
        b->blue = known[i].place[2];
        return TM_OK;
    }
    return tm_fail(b->error, TM_UNSUPPORTED,
                   "%s: BMP has pixels of %u bits with the masks %x, %x, %x, %x, which are none "
                   "that are read",
                   b->name, b->bits, mask[0], mask[1], mask[2], mask[3]);
}

/* Headers of 52 bytes have three masks, later ones four; behind one of 40 bytes stand three. */
static tm_status read_masks(bmp *b, const unsigned char *head, size_t head_size)
{
    uint32_t mask[4] = {0};
    size_t count = head_size >= 56 ? 4 : 3;
    const unsigned char *at = head_size >= 52 ? head + 40 : tm_bytes_take(&b->bytes, 12);
    if (!at)
        return fail_early(b, "masks");
    for (size_t i = 0; i < count; i++)
        mask[i] = tm_le32(at + 4 * i);
    return choose_masks(b, mask);
}

static tm_status choose_kind(bmp *b)
{
    switch (b->bits) {
    case 1:
    case 4:
    case 8:
        b->kind = INDEX;
        return TM_OK;
    case 16:
        b->kind = BITS_555;
        return TM_OK;
    case 24:
    case 32:
        b->kind = BYTES;
        b->red = 2;
        b->green = 1;
        return TM_OK;
    default:
        return fail_unsupported(b, "bits per pixel", b->bits);
    }
}

static void read_core(bmp *b, const unsigned char *head)
{
    b->width = tm_le16(head + 4);
    b->height = tm_le16(head + 6);
    b->bits = tm_le16(head + 10);
    b->entry = 3;
}

/* Heights below 0, which are small numbers, say that the first row comes first. */
static void read_info(bmp *b, const unsigned char *head)
{
    b->width = tm_le32(head + 4);
    b->height = tm_le32(head + 8);
    b->top_down = head[11] == 0xFF;
    if (b->top_down)
        b->height = 0u - b->height;
    b->bits = tm_le16(head + 14);
    b->compression = tm_le32(head + 16);
    b->colors = tm_le32(head + 32);
    b->entry = 4;
}

static bool has_runs(const bmp *b)
{
    return b->compression == RLE8 || b->compression == RLE4;
}

static tm_status read_header(bmp *b)
{
    const unsigned char *file = tm_bytes_take(&b->bytes, FILE_HEADER);
    const unsigned char *size = file ? tm_bytes_take(&b->bytes, 4) : NULL;
    if (!size)
        return fail_early(b, "a header");
    uint32_t head_size = tm_le32(size);
    if (head_size != CORE_HEADER && head_size != 40 && head_size != 52 && head_size != 56 &&
        head_size != 64 && head_size != 108 && head_size != 124)
        return fail_unsupported(b, "a header of so many bytes:", head_size);
    if (!tm_bytes_take(&b->bytes, head_size - 4))
        return fail_early(b, "a header");
    if (head_size == CORE_HEADER)
        read_core(b, size);
    else
        read_info(b, size);
    tm_status status = choose_kind(b);
    if (status != TM_OK)
        return status;
    if (!b->colors)
        b->colors = (uint32_t)1 << b->bits % 32;
    b->data = tm_le32(file + 10);
    if (b->data == FILE_HEADER + head_size && b->kind == INDEX)
        b->data += b->entry * b->colors;
    if (b->compression > BIT_FIELDS)
        return fail_unsupported(b, "the compression", b->compression);
    if (has_runs(b) && b->kind != INDEX)
        return fail_unsupported(b, "runs of pixels with so many bits:", b->bits);
    return b->compression == BIT_FIELDS ? read_masks(b, size, head_size) : TM_OK;
}

/* A palette of grays in their order, or of black and white, is none: pixels are gray values, of 8
 * bits or of 1, whatever the header says. */
static tm_status read_palette(bmp *b)
{
    if (b->colors > PALETTE_MOST)
        return fail_unsupported(b, "a palette of so many colours:", b->colors);
    size_t left = b->bytes.size - b->bytes.next, size = b->entry * b->colors;
    const unsigned char *entry = tm_bytes_take(&b->bytes, size < left ? size : left);
    size_t whole = size < left ? b->colors : left / b->entry;
    bool gray = size <= left || (left % b->entry == 3 && whole + 1 == b->colors);
    for (size_t i = 0; gray && i < b->colors; i++) {
        unsigned value = b->colors == 2 ? (unsigned)i * 255 : (unsigned)(i & 255);
        const unsigned char *bgr = entry + i * b->entry;
        gray = bgr[0] == value && bgr[1] == value && bgr[2] == value;
    }
    b->index_bits = gray ? (b->colors <= 2 ? 1 : 8) : b->bits;
    if (!gray && whole > 256)
        return fail_unsupported(b, "a palette of so many colours:", b->colors);
    for (unsigned i = 0; gray && i < 256; i++)
        memset(b->palette.rgb[i], b->index_bits == 1 && i ? 255 : (int)i, 3);
    for (size_t i = 0; !gray && i < whole; i++, entry += b->entry)
        for (int c = 0; c < 3; c++)
            b->palette.rgb[i][c] = entry[2 - c];
    return TM_OK;
}

/* ---- pixels ---- */

static unsigned char *row_of(const bmp *b, const tm_image *out, size_t y)
{
    size_t row = b->top_down ? y : b->height - 1 - y;
    return out->rgb + row * b->width * 3;
}

static unsigned char scale(unsigned value, unsigned most)
{
    return (unsigned char)((value & most) * 255 / most);
}

static void rgb_from_row(const bmp *b, const unsigned char *from, unsigned char *rgb)
{
    size_t step = b->bits / 8;
    for (size_t x = 0; x < b->width; x++, rgb += 3) {
        const unsigned char *pixel = from + x * step;
        if (b->kind == BYTES) {
            rgb[0] = pixel[b->red];
            rgb[1] = pixel[b->green];
            rgb[2] = pixel[b->blue];
        } else if (b->kind == INDEX) {
            size_t bit = x * b->index_bits;
            unsigned shift = 8 - b->index_bits - (unsigned)(bit % 8);
            unsigned index = from[bit / 8] >> shift & ((1u << b->index_bits) - 1);
            memcpy(rgb, b->palette.rgb[index], 3);
        } else {
            unsigned value = tm_le16(pixel), wide = b->kind == BITS_565;
            rgb[0] = scale(value >> (10 + wide), 31);
            rgb[1] = scale(value >> 5, wide ? 63 : 31);
            rgb[2] = scale(value, 31);
        }
    }
}

/* Rows have a multiple of 4 bytes; the last one may lack what fills it up. */
static tm_status read_rows(bmp *b, tm_image *out)
{
    size_t stride = ((size_t)b->width * b->bits + 31) / 32 * 4;
    size_t row = ((size_t)b->width * (b->kind == INDEX ? b->index_bits : b->bits) + 7) / 8;
    if (row > stride)
        return tm_fail(b->error, TM_UNSUPPORTED,
                       "%s: BMP of %u bits has a palette of grays in their order, which the "
                       "reference reads as 8 bits",
                       b->name, b->bits);
    for (size_t y = 0; y < b->height; y++) {
        const unsigned char *from = tm_bytes_take(&b->bytes, row);
        if (!from)
            return fail_early(b, "more rows");
        rgb_from_row(b, from, row_of(b, out, y));
        if (y + 1 < b->height && !tm_bytes_take(&b->bytes, stride - row))
            return fail_early(b, "more rows");
    }
    return TM_OK;
}

/* ---- runs ---- */

/* Pixels in the order of the file, which runs over the ends of rows. */
typedef struct runs {
    bmp *b;
    tm_image *out;
    size_t written, total, x;
} runs;

static void put(runs *r, unsigned index)
{
    size_t width = r->b->width;
    if (r->written < r->total)
        memcpy(row_of(r->b, r->out, r->written / width) + r->written % width * 3,
               r->b->palette.rgb[index], 3);
    r->written++;
}

static void put_zeros(runs *r, size_t count)
{
    while (count-- && r->written < r->total)
        put(r, 0);
}

/* The i-th pixel of those whose bytes begin at `from`. */
static unsigned index_at(const bmp *b, const unsigned char *from, size_t i)
{
    if (b->compression == RLE8)
        return from[i];
    return i % 2 ? from[i / 2] & 15 : from[i / 2] >> 4;
}

/* The same one or two pixels over and over; what leaves the row is left out. */
static void put_run(runs *r, unsigned length, unsigned char byte)
{
    size_t room = r->b->width > r->x ? r->b->width - r->x : 0;
    size_t count = length < room ? length : room;
    for (size_t i = 0; i < count; i++)
        put(r, r->b->compression == RLE8 ? byte : index_at(r->b, &byte, i % 2));
    r->x += count;
}

/* false: the data ends. */
static bool put_literal(runs *r, unsigned length)
{
    tm_bytes *bytes = &r->b->bytes;
    size_t left = r->total - r->written, count = length < left ? length : left;
    size_t size = r->b->compression == RLE8 ? count : (count + 1) / 2;
    const unsigned char *from = tm_bytes_take(bytes, size);
    if (!from)
        return false;
    for (size_t i = 0; i < count; i++)
        put(r, index_at(r->b, from, i));
    r->x += length;
    if (bytes->next % 2)
        tm_bytes_next(bytes);
    return true;
}

static bool put_skip(runs *r)
{
    const unsigned char *skip = tm_bytes_take(&r->b->bytes, 2);
    if (!skip)
        return false;
    put_zeros(r, skip[0] + (size_t)skip[1] * r->b->width);
    r->x = r->written % r->b->width;
    return true;
}

static tm_status read_runs(bmp *b, tm_image *out)
{
    enum { END_OF_ROW, END_OF_PICTURE, SKIP };
    runs r = {.b = b, .out = out, .total = (size_t)b->width * b->height};
    while (r.written < r.total) {
        const unsigned char *code = tm_bytes_take(&b->bytes, 2);
        bool more = code != NULL;
        if (!more)
            break;
        if (code[0])
            put_run(&r, code[0], code[1]);
        else if (code[1] == END_OF_ROW) {
            put_zeros(&r, (b->width - r.written % b->width) % b->width);
            r.x = 0;
        } else if (code[1] == END_OF_PICTURE)
            break;
        else
            more = code[1] == SKIP ? put_skip(&r) : put_literal(&r, code[1]);
        if (!more)
            break;
    }
    if (r.written >= r.total)
        return TM_OK;
    return tm_fail(b->error, TM_TRUNCATED, "%s: BMP has runs for %zu of %zu pixels", b->name,
                   r.written, r.total);
}

static tm_status decode(const tm_codec_input *in, tm_image *out, int *orientation, tm_error *error)
{
    (void)orientation;
    bmp b = {.bytes = {in->bytes, in->size, 0}, .name = in->name, .error = error};
    tm_status status = read_header(&b);
    if (status == TM_OK)
        status = tm_image_check_size(in->name, b.width, b.height, in->max_pixels, error);
    if (status == TM_OK && b.kind == INDEX)
        status = read_palette(&b);
    if (status == TM_OK)
        status = tm_image_claim(in, b.width, b.height, 0, error);
    if (status == TM_OK)
        status = tm_image_alloc(out, (int)b.width, (int)b.height, error);
    if (status != TM_OK)
        return status;
    if (b.data)
        b.bytes.next = b.data < b.bytes.size ? b.data : b.bytes.size;
    return has_runs(&b) ? read_runs(&b, out) : read_rows(&b, out);
}

static bool begins(const unsigned char *bytes, size_t size)
{
    return TM_BEGINS(bytes, size, "BM");
}

const tm_codec tm_codec_bmp = {
    .title = "BMP", .endings = ".bmp", .begins = begins, .decode = decode};
