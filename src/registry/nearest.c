/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/nearest.h"

#include <stdio.h>
#include <string.h>

#define LENGTH_MAX 127

static int min(int a, int b)
{
    return a < b ? a : b;
}

static char folded(char c)
{
    return c == '-' ? '_' : c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void tm_fold_name(const char *name, char *out, size_t size)
{
    size_t i = 0;
    for (; name[i] && i + 1 < size; i++)
        out[i] = folded(name[i]);
    out[i] = '\0';
}

static bool same(char a, char b)
{
    return folded(a) == folded(b);
}

int tm_edit_distance(const char *a, const char *b, int limit)
{
    int n = (int)strnlen(a, LENGTH_MAX), m = (int)strnlen(b, LENGTH_MAX);
    if (n - m > limit || m - n > limit)
        return limit + 1;
    /* Three rows of the distance table: a swap of neighbours looks two rows back. */
    int rows[3][LENGTH_MAX + 1];
    for (int j = 0; j <= m; j++)
        rows[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *row = rows[i % 3];
        const int *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
        int best = row[0] = i;
        for (int j = 1; j <= m; j++) {
            int cost = !same(a[i - 1], b[j - 1]);
            row[j] = min(min(up[j], row[j - 1]) + 1, up[j - 1] + cost);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                row[j] = min(row[j], up2[j - 2] + 1);
            best = min(best, row[j]);
        }
        if (best > limit)
            return limit + 1;
    }
    return min(rows[n % 3][m], limit + 1);
}

void tm_nearest_start(tm_nearest *nearest, const char *wanted)
{
    *nearest = (tm_nearest){.wanted = wanted};
}

void tm_nearest_offer(tm_nearest *nearest, const char *candidate)
{
    int length = (int)strnlen(nearest->wanted, LENGTH_MAX);
    int limit = length < 6 ? 2 : length / 3 + 1;
    size_t last = nearest->count;
    for (size_t i = 0; i < last; i++)
        if (strcmp(nearest->names[i], candidate) == 0)
            return;
    if (last == TM_NEAREST_MAX) {
        limit = min(limit, nearest->distances[last - 1] - 1);
        if (limit < 0)
            return;
    }
    int distance = tm_edit_distance(nearest->wanted, candidate, limit);
    if (distance > limit)
        return;
    size_t place = last < TM_NEAREST_MAX ? nearest->count++ : last - 1;
    for (; place > 0 && nearest->distances[place - 1] > distance; place--) {
        nearest->names[place] = nearest->names[place - 1];
        nearest->distances[place] = nearest->distances[place - 1];
    }
    nearest->names[place] = candidate;
    nearest->distances[place] = distance;
}

void tm_nearest_join(const tm_nearest *nearest, const char *prefix, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < nearest->count && used < size; i++) {
        int n =
            snprintf(text + used, size - used, "%s%s%s", i ? ", " : "", prefix, nearest->names[i]);
        used += n > 0 ? (size_t)n : size;
    }
}
