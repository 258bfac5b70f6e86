/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tiff_pixels.h"

enum { WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED = 5, YCBCR };
enum { UNSIGNED = 1, SIGNED, FLOAT };
enum { UNKNOWN, PREMULTIPLIED, STRAIGHT };

/* ---- what is read ---- */

/* Whether all samples beyond the first `colors` are told, and the later ones say nothing. */
static bool has_extras(const tm_tiff_tags *t, unsigned colors)
{
    for (unsigned i = 1; i < t->extra_count && i < TM_TIFF_EXTRAS; i++)
        if (t->extras[i] != UNKNOWN)
            return false;
    return t->samples == colors + t->extra_count && t->extra_count < TM_TIFF_EXTRAS;
}

static bool is_small(unsigned bits)
{
    return bits == 1 || bits == 2 || bits == 4 || bits == 8;
}

static void fill_grays(tm_tiff_pixels *p, bool inverted)
{
    unsigned most = (1u << p->bits) - 1;
    for (unsigned i = 0; i <= most; i++)
        memset(p->palette.rgb[i], (int)((inverted ? most - i : i) * (255 / most)), 3);
}

/* One sample of a palette or of gray, of up to 8 bits, and a second one that is passed over. */
static bool choose_index(const tm_tiff_tags *t, tm_tiff_pixels *p)
{
    p->kind = TM_TIFF_INDEX;
    p->has_palette = t->photometric == PALETTE;
    if (!p->has_palette)
        fill_grays(p, t->photometric == WHITE_IS_ZERO);
    if (t->samples == 2)
        return t->format == UNSIGNED && t->bits == 8 && t->fill_order == 1 &&
               t->photometric != WHITE_IS_ZERO && has_extras(t, 1) && t->extras[0] != PREMULTIPLIED;
    bool plain = t->format == UNSIGNED;
    if (t->format == SIGNED)
        plain = t->bits == 8 && t->photometric == BLACK_IS_ZERO && t->fill_order == 1;
    return plain && t->samples == 1 && !t->extra_count;
}

/* Compressed samples of the other byte order come turned round, which the reference misses for some
 * kinds: these are not read. */
static bool choose_wide_gray(const tm_tiff_tags *t, tm_tiff_pixels *p)
{
    bool black = t->photometric == BLACK_IS_ZERO, first = t->fill_order == 1;
    bool misread = t->big_endian && t->compressed;
    if (t->samples != 1 || t->extra_count)
        return false;
    p->is_signed = t->bits == 32 || t->format == SIGNED;
    switch (t->bits) {
    case 12:
        p->kind = TM_TIFF_GRAY12;
        return t->format == UNSIGNED && black && first && !t->big_endian;
    case 16:
        p->kind = TM_TIFF_GRAY16;
        if (t->format == SIGNED)
            return black && first && !misread;
        return t->format == UNSIGNED &&
               (t->big_endian ? black && first : first || (black && t->fill_order == 2));
    case 32:
        p->kind = t->format == FLOAT ? TM_TIFF_FLOAT : TM_TIFF_GRAY32;
        if (!first || misread)
            return false;
        return t->format == FLOAT || (black && (t->format == SIGNED || !t->big_endian));
    default:
        return false;
    }
}

static bool choose_color(const tm_tiff_tags *t, tm_tiff_pixels *p)
{
    p->kind = TM_TIFF_COLOR;
    bool known = t->extra_count && t->extras[0] <= STRAIGHT;
    /* of a fourth plane that nothing is told of the reference thinks so too */
    p->premultiplied = t->extra_count ? t->extras[0] == PREMULTIPLIED
                                      : t->samples == 4 && t->planes && t->compressed;
    if (t->format != UNSIGNED)
        return false;
    if (t->fill_order != 1 && (t->samples != 3 || t->bits != 8))
        return false;
    if (t->bits == 16 && t->samples > 4)
        return false;
    bool untold = (t->samples == 3 || t->samples == 4) && !t->extra_count;
    return (t->bits == 8 || t->bits == 16) && (untold || (known && has_extras(t, 3)));
}

static bool choose_inks(const tm_tiff_tags *t, tm_tiff_pixels *p)
{
    p->kind = TM_TIFF_INKS;
    bool unknown = !t->extra_count || t->extras[0] == UNKNOWN;
    return t->format == UNSIGNED && t->fill_order == 1 && unknown && has_extras(t, 4) &&
           (t->bits == 8 || (t->bits == 16 && t->samples == 4));
}

static bool choose(const tm_tiff_tags *t, tm_tiff_pixels *p)
{
    switch (t->photometric) {
    case WHITE_IS_ZERO:
    case BLACK_IS_ZERO:
        return is_small(t->bits) ? choose_index(t, p) : choose_wide_gray(t, p);
    case PALETTE:
        return is_small(t->bits) && t->format == UNSIGNED && choose_index(t, p);
    case RGB:
        return choose_color(t, p);
    case SEPARATED:
        return choose_inks(t, p);
    case YCBCR: /* comes as RGB */
        if (t->samples == 1 && t->bits == 8)
            return choose_index(t, p);
        return t->samples == 3 && t->bits == 8 && t->fill_order == 1 && choose_color(t, p);
    default:
        return false;
    }
}

/* Of what is not compressed the reference misreads planes of anything but whole bytes, and lacks
 * some kinds whose bits are in the other order. */
static bool is_read_plain(const tm_tiff_tags *t, const tm_tiff_pixels *p)
{
    bool index = p->kind == TM_TIFF_INDEX, inverted = t->photometric == WHITE_IS_ZERO;
    if (t->planes && (t->bits != 8 || t->fill_order != 1 || (index && inverted) ||
                      (index && t->samples > 1) || p->premultiplied))
        return false;
    if (t->fill_order == 2 && index)
        return p->has_palette ? t->bits == 8 : t->bits < 8 || !inverted;
    return true;
}

bool tm_tiff_choose(const tm_tiff_tags *tags, tm_tiff_pixels *p)
{
    tm_tiff_tags t = *tags;
    if (t.planes && t.compressed && t.extra_count && t.extras[0] == UNKNOWN &&
        has_extras(&t, t.samples - t.extra_count)) {
        t.samples -= t.extra_count; /* planes that say nothing need not be read */
        t.extra_count = 0;
    }
    *p = (tm_tiff_pixels){.bits = t.bits, .samples = t.samples};
    if (t.samples < 1 || t.samples > TM_TIFF_SAMPLES || !choose(&t, p))
        return false;
    if (t.planes && (t.samples > 4 || (t.extra_count && t.extras[0] == UNKNOWN)))
        return false;
    return t.compressed || is_read_plain(&t, p);
}

/* ---- rows ---- */

size_t tm_tiff_row_bytes(const tm_tiff_pixels *p, size_t width)
{
    return (width * p->bits * p->samples + 7) / 8;
}

static unsigned char byte_of(tm_tiff_pixels *p, int64_t value)
{
    p->clipped |= value > 255;
    return (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static unsigned char gray_at(tm_tiff_pixels *p, const unsigned char *row, size_t x)
{
    uint16_t wide;
    uint32_t wider;
    float number;
    switch (p->kind) {
    case TM_TIFF_GRAY12:
        row += x / 2 * 3;
        return byte_of(p, x % 2 ? (row[1] & 15) << 8 | row[2] : row[0] << 4 | row[1] >> 4);
    case TM_TIFF_GRAY16:
        memcpy(&wide, row + 2 * x, sizeof wide);
        return byte_of(p, p->is_signed ? (int16_t)wide : wide);
    case TM_TIFF_GRAY32:
        memcpy(&wider, row + 4 * x, sizeof wider);
        return byte_of(p, (int32_t)wider);
    default:
        memcpy(&number, row + 4 * x, sizeof number);
        p->clipped |= number >= 256;
        return (unsigned char)(number > 0 ? number < 255 ? number : 255 : 0);
    }
}

/* The upper 8 bits of the i-th sample. */
static unsigned char upper(const tm_tiff_pixels *p, const unsigned char *row, size_t i)
{
    if (p->bits == 8)
        return row[i];
    uint16_t wide;
    memcpy(&wide, row + 2 * i, sizeof wide);
    return (unsigned char)(wide >> 8);
}

static void color_at(const tm_tiff_pixels *p, const unsigned char *row, size_t x,
                     unsigned char *rgb)
{
    unsigned char sample[4] = {0};
    for (size_t i = 0; i < 4 && i < p->samples; i++)
        sample[i] = upper(p, row, x * p->samples + i);
    for (int c = 0; c < 3; c++) {
        if (p->kind == TM_TIFF_INKS)
            rgb[c] = tm_ink(sample[c], 255 - sample[3]);
        else if (!p->premultiplied || sample[3] == 255)
            rgb[c] = sample[c];
        else
            rgb[c] = sample[3] ? byte_of(&(tm_tiff_pixels){0}, sample[c] * 255 / sample[3]) : 0;
    }
}

static unsigned index_at(const tm_tiff_pixels *p, const unsigned char *row, size_t x)
{
    size_t bit = x * p->samples * p->bits;
    unsigned shift = 8 - p->bits - (unsigned)(bit % 8);
    return row[bit / 8] >> shift & ((1u << p->bits) - 1);
}

void tm_tiff_row(tm_tiff_pixels *p, const unsigned char *row, size_t width, unsigned char *rgb)
{
    for (size_t x = 0; x < width; x++, rgb += 3) {
        if (p->kind == TM_TIFF_INDEX)
            memcpy(rgb, p->palette.rgb[index_at(p, row, x)], 3);
        else if (p->kind == TM_TIFF_COLOR || p->kind == TM_TIFF_INKS)
            color_at(p, row, x, rgb);
        else
            memset(rgb, gray_at(p, row, x), 3);
    }
}
