/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/window.h"

#include <stdlib.h>

/* An h x w map cut into windows. */
typedef struct cut {
    int h, w, down, across; /* windows */
    tm_window window;
} cut;

static cut cut_of(int h, int w, tm_window window)
{
    return (cut){.h = h,
                 .w = w,
                 .down = (h + window.h - 1) / window.h,
                 .across = (w + window.w - 1) / window.w,
                 .window = window};
}

tm_window tm_fit_window(tm_shape map, int h, int w, bool shifted)
{
    tm_window window = {.h = h, .w = w};
    if (map.h <= h)
        window.h = map.h;
    else if (shifted)
        window.shift_h = h / 2;
    if (map.w <= w)
        window.w = map.w;
    else if (shifted)
        window.shift_w = w / 2;
    return window;
}

static void *allocate(tm_builder *b, size_t count, size_t size)
{
    void *block = malloc(count * size);
    if (!block)
        tm_fail(&b->graph->error, TM_NO_MEMORY, "no memory for %zu pixels of windows", count);
    return block;
}

/* Row and column, in the rolled and padded map, of token i of all windows. */
static void place(const cut *c, int i, int *y, int *x)
{
    int tokens = c->window.h * c->window.w, window = i / tokens, token = i % tokens;
    int row = window / c->across, column = window % c->across;
    int down = token / c->window.w, across = token % c->window.w;
    *y = c->window.grid ? down * c->down + row : row * c->window.h + down;
    *x = c->window.grid ? across * c->across + column : column * c->window.w + across;
}

tm_node *tm_window_partition(tm_builder *b, tm_node *x, tm_window window)
{
    cut c = cut_of(x->shape.h, x->shape.w, window);
    int windows = c.down * c.across, tokens = window.h * window.w;
    int *from = allocate(b, (size_t)windows * (size_t)tokens, sizeof *from);
    if (!from)
        return x;
    for (int i = 0; i < windows * tokens; i++) {
        int row, column;
        place(&c, i, &row, &column);
        from[i] = row < c.h && column < c.w
                      ? (row + window.shift_h) % c.h * c.w + (column + window.shift_w) % c.w
                      : -1;
    }
    x = tm_gather_pixels(b, x, windows, tokens, from);
    free(from);
    return x;
}

tm_node *tm_window_reverse(tm_builder *b, tm_node *x, int h, int w, tm_window window)
{
    cut c = cut_of(h, w, window);
    int *from = allocate(b, (size_t)h * (size_t)w, sizeof *from);
    if (!from)
        return x;
    for (int i = 0; i < x->shape.h * x->shape.w; i++) {
        int row, column;
        place(&c, i, &row, &column);
        if (row < h && column < w)
            from[(row + window.shift_h) % h * w + (column + window.shift_w) % w] = i;
    }
    x = tm_gather_pixels(b, x, h, w, from);
    free(from);
    return x;
}

/* The part of a padded side of `size` pixels that pixel i is in: before the last window, in what
 * was together before the roll, in what the roll brought. */
static int region(int i, int size, int window, int shift)
{
    return shift == 0 || i < size - window ? 0 : i < size - shift ? 1 : 2;
}

static int region_of(const cut *c, int i)
{
    int row, column;
    place(c, i, &row, &column);
    return 3 * region(row, c->down * c->window.h, c->window.h, c->window.shift_h) +
           region(column, c->across * c->window.w, c->window.w, c->window.shift_w);
}

tm_node *tm_window_mask(tm_builder *b, int h, int w, tm_window window)
{
    if (window.shift_h == 0 && window.shift_w == 0)
        return NULL;
    cut c = cut_of(h, w, window);
    int windows = c.down * c.across, tokens = window.h * window.w;
    float *mask = allocate(b, (size_t)windows * (size_t)tokens * (size_t)tokens, sizeof *mask);
    if (!mask)
        return NULL;
    for (int i = 0; i < windows * tokens; i++)
        for (int j = 0; j < tokens; j++)
            mask[(size_t)i * (size_t)tokens + (size_t)j] =
                region_of(&c, i) == region_of(&c, i / tokens * tokens + j) ? 0.0f : -100.0f;
    tm_node *node = tm_literal(b, 3, (int64_t[]){windows, tokens, tokens}, mask);
    free(mask);
    return node;
}

static tm_node *position_bias(tm_builder *b, tm_node *table, int h, int w, bool token)
{
    int64_t tokens = token + (int64_t)h * w, heads = table->dims[1];
    tm_node *bias = tm_const_offset_rows(b, table, h, w, token);
    bias = tm_const_permute(b, bias, (int[]){1, 0});
    return tm_const_reshape(b, bias, 3, (int64_t[]){heads, tokens, tokens});
}

tm_node *tm_relative_position_bias(tm_builder *b, tm_node *table, int h, int w)
{
    return position_bias(b, table, h, w, false);
}

tm_node *tm_relative_position_token_bias(tm_builder *b, tm_node *table, int h, int w)
{
    return position_bias(b, table, h, w, true);
}

/* Squares of 2 x 2 pixels, column by column, each in 4 adjacent ones. */
static tm_node *squares(tm_builder *b, tm_node *x)
{
    int h = (x->shape.h + 1) / 2, w = (x->shape.w + 1) / 2, c = x->shape.c;
    int *from = allocate(b, (size_t)h * (size_t)w * 4, sizeof *from);
    if (!from)
        return x;
    for (int i = 0; i < h * w * 4; i++) {
        int row = i / 4 / w * 2 + i % 2, column = i / 4 % w * 2 + i / 2 % 2;
        from[i] = row < x->shape.h && column < x->shape.w ? row * x->shape.w + column : -1;
    }
    x = tm_gather_pixels(b, x, h, 4 * w, from);
    free(from);
    return tm_reshape(b, x, h, w, 4 * c);
}

tm_node *tm_patch_merging(tm_builder *b, const char *name, tm_node *x, int out, tm_norm norm)
{
    tm_push(b, "%s", name);
    x = tm_linear(b, "reduction", tm_normalize(b, "norm", squares(b, x), norm), out, false);
    tm_pop(b);
    return x;
}

tm_node *tm_patch_merging_post_norm(tm_builder *b, const char *name, tm_node *x, int out,
                                    tm_norm norm)
{
    tm_push(b, "%s", name);
    x = tm_normalize(b, "norm", tm_linear(b, "reduction", squares(b, x), out, false), norm);
    tm_pop(b);
    return x;
}
