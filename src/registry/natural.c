/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry.h"

#include <string.h>

/* ASCII only: the order must not change with the locale. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

/* Compares the numbers at *a and *b by value and moves both behind them. */
static int compare_numbers(const char **a, const char **b)
{
    while (**a == '0')
        (*a)++;
    while (**b == '0')
        (*b)++;
    int first_difference = 0;
    for (; is_digit(**a) && is_digit(**b); (*a)++, (*b)++)
        if (first_difference == 0)
            first_difference = **a - **b;
    if (is_digit(**a) || is_digit(**b))
        return is_digit(**a) ? 1 : -1;
    return first_difference;
}

int tm_natural_compare(const char *a, const char *b)
{
    const char *x = a, *y = b;
    for (;;) {
        bool x_in_text = *x && !is_digit(*x), y_in_text = *y && !is_digit(*y);
        int order;
        if (x_in_text && y_in_text)
            order = lower(*x++) - lower(*y++);
        else if (x_in_text || y_in_text)
            order = x_in_text - y_in_text; /* the longer piece of text is the greater */
        else if (*x && *y)
            order = compare_numbers(&x, &y);
        else if (*x || *y)
            order = *x ? 1 : -1;
        else
            return strcmp(a, b);
        if (order != 0)
            return order;
    }
}
