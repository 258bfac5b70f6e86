/* SPDX-License-Identifier: Apache-2.0 */
#include "output/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void add_ascii(tm_buffer *buffer, unsigned char c)
{
    static const char names[][2] = {{'\b', 'b'}, {'\t', 't'}, {'\n', 'n'}, {'\f', 'f'},
                                    {'\r', 'r'}, {'"', '"'},  {'\\', '\\'}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (c == (unsigned char)names[i][0]) {
            tm_buffer_putc(buffer, '\\');
            tm_buffer_putc(buffer, names[i][1]);
            return;
        }
    if (c < 0x20 || c == 0x7F)
        tm_buffer_printf(buffer, "\\u%04x", c);
    else
        tm_buffer_putc(buffer, (char)c);
}

void tm_json_string(tm_buffer *buffer, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    tm_buffer_putc(buffer, '"');
    while (*p) {
        int length = tm_utf8_length(p);
        if (length < 0)
            tm_buffer_puts(buffer, "\xEF\xBF\xBD");
        else if (length == 1)
            add_ascii(buffer, *p);
        else if (*p == 0xC2 && p[1] < 0xA0) /* C1, which steers terminals too */
            tm_buffer_printf(buffer, "\\u%04x", p[1]);
        else
            tm_buffer_add(buffer, p, (size_t)length);
        p += abs(length);
    }
    tm_buffer_putc(buffer, '"');
}

/* D.IGITS * 10^exponent */
typedef struct decimal {
    char digits[20];
    int count, exponent;
} decimal;

static void round_to(decimal *d, double magnitude, int count)
{
    char text[40];
    snprintf(text, sizeof text, "%.*e", count - 1, magnitude);
    const char *p = text;
    d->count = 0;
    for (; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9') /* the point depends on the locale */
            d->digits[d->count++] = *p;
    d->digits[d->count] = '\0';
    d->exponent = atoi(p + 1);
}

static void next_up(decimal *d)
{
    int i = d->count - 1;
    while (i >= 0 && d->digits[i] == '9')
        d->digits[i--] = '0';
    if (i >= 0) {
        d->digits[i]++;
        return;
    }
    d->digits[0] = '1';
    d->exponent++;
}

static bool reads_back(const decimal *d, double magnitude, bool single)
{
    char text[40];
    snprintf(text, sizeof text, "%se%d", d->digits, d->exponent - (d->count - 1));
    return single ? strtof(text, NULL) == (float)magnitude : strtod(text, NULL) == magnitude;
}

/* Fewest digits. A normal number that 6 (15) or fewer digits name is named by its rounding to 6
 * (15), so the search starts there; subnormal numbers are coarser and start at one digit. */
static void shortest(decimal *d, double magnitude, bool single)
{
    double smallest = single ? (double)FLT_MIN : DBL_MIN;
    int first = magnitude < smallest ? 1 : single ? FLT_DIG : DBL_DIG;
    int last = single ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG, unused;
    /* Numbers below a power of two lie closer than those above it, so only there the nearest
     * decimal may read back wrong while the next one up reads back right. */
    bool power = frexp(magnitude, &unused) == 0.5;
    for (int count = first; count <= last; count++) {
        round_to(d, magnitude, count);
        if (reads_back(d, magnitude, single))
            break;
        next_up(d);
        if (power && reads_back(d, magnitude, single))
            break;
    }
    while (d->count > 1 && d->digits[d->count - 1] == '0')
        d->digits[--d->count] = '\0';
}

static void add_decimal(tm_buffer *buffer, const decimal *d)
{
    int point = d->exponent + 1; /* digits before the decimal point */
    if (d->exponent < -4 || d->exponent >= 16) {
        tm_buffer_putc(buffer, d->digits[0]);
        if (d->count > 1)
            tm_buffer_putc(buffer, '.');
        tm_buffer_puts(buffer, d->digits + 1);
        tm_buffer_printf(buffer, "e%d", d->exponent);
    } else if (point <= 0) {
        tm_buffer_puts(buffer, "0.");
        tm_buffer_add(buffer, "0000", (size_t)-point);
        tm_buffer_puts(buffer, d->digits);
    } else if (point >= d->count) {
        tm_buffer_puts(buffer, d->digits);
        tm_buffer_add(buffer, "0000000000000000", (size_t)(point - d->count));
    } else {
        tm_buffer_add(buffer, d->digits, (size_t)point);
        tm_buffer_putc(buffer, '.');
        tm_buffer_puts(buffer, d->digits + point);
    }
}

static void add_number(tm_buffer *buffer, double value, bool single)
{
    if (!isfinite(value)) {
        tm_buffer_puts(buffer, "null");
        return;
    }
    if (signbit(value))
        tm_buffer_putc(buffer, '-');
    if (value == 0) {
        tm_buffer_putc(buffer, '0');
        return;
    }
    decimal d;
    shortest(&d, fabs(value), single);
    add_decimal(buffer, &d);
}

void tm_json_f32(tm_buffer *buffer, float value)
{
    add_number(buffer, value, true);
}

void tm_json_f64(tm_buffer *buffer, double value)
{
    add_number(buffer, value, false);
}
