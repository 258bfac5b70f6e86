/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

enum { BAR_LEAST = 8, BAR_MOST = 40, NAME = 36, COLUMNS = 80 /* where none are known */ };

static struct {
    bool shown;           /* there is something to wipe off */
    double begun, last;   /* seconds */
    uint64_t first, done; /* bytes */
    char file[128];
} line;

static bool has_line(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
}

static void start(const char *file, uint64_t done, double time)
{
    line.begun = time;
    line.last = 0;
    line.first = done;
    snprintf(line.file, sizeof line.file, "%s", file);
}

static int count_columns(void)
{
    struct winsize size = {0};
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col;
    return known ? size.ws_col : COLUMNS;
}

/* Bytes of as many of its characters as fit, and how many those are. */
static size_t fit(const char *text, int columns, int *used)
{
    size_t bytes = 0;
    bool steers;
    for (*used = 0; *used < columns && text[bytes]; ++*used)
        bytes += (size_t)tm_text_character((const unsigned char *)text + bytes, &steers);
    return bytes;
}

/* " [###...] ", so wide; a space where that is too little to see anything. */
static void write_bar(char bar[static BAR_MOST + 5], int width, double part)
{
    int filled = (int)(part * width);
    if (width < BAR_LEAST) {
        snprintf(bar, BAR_MOST + 5, " ");
        return;
    }
    bar[0] = ' ';
    bar[1] = '[';
    for (int i = 0; i < width; i++)
        bar[2 + i] = i < filled ? '#' : '.';
    snprintf(bar + 2 + width, 3, "] ");
}

/* One line, no wider than the terminal: a line that goes on in the next one is not wiped off. The
 * bar, where `total` is known, has what the words leave. */
static void draw(const char *head, uint64_t done, uint64_t total, const char *tail)
{
    char bar[BAR_MOST + 5] = " ", text[1024];
    int columns = count_columns() - 1, head_columns, tail_columns, used;
    fit(head, columns, &head_columns);
    fit(tail, columns, &tail_columns);
    int room = columns - head_columns - tail_columns - 4;
    if (total)
        write_bar(bar, room < BAR_MOST ? room : BAR_MOST, (double)done / (double)total);
    snprintf(text, sizeof text, "%s%s%s", head, *head ? bar : bar + 1, tail);
    fprintf(stderr, "\r\033[K%.*s", (int)fit(text, columns, &used), text);
    fflush(stderr);
    line.shown = true;
}

/* "  1:05 left", or "" while nothing can be said. */
static void write_rest(char text[static 32], double rate, uint64_t done, uint64_t total)
{
    text[0] = '\0';
    if (rate <= 0 || total < done)
        return;
    double seconds = (double)(total - done) / rate;
    if (seconds >= 360000.0)
        return;
    int whole = (int)seconds;
    if (whole < 3600)
        snprintf(text, 32, "  %d:%02d left", whole / 60, whole % 60);
    else
        snprintf(text, 32, "  %d:%02d:%02d left", whole / 3600, whole / 60 % 60, whole % 60);
}

/* The end of a long name says more than its begin. */
static const char *short_name(const char *file)
{
    size_t length = strlen(file);
    return length > NAME ? file + length - NAME : file;
}

void tm_progress_end(void)
{
    if (line.shown)
        fputs("\r\033[K", stderr);
    line.shown = false;
}

void tm_progress_count(size_t done, size_t total)
{
    double time = tm_seconds();
    static double begun;
    static size_t first;
    if (!begun) {
        begun = time;
        first = done;
    }
    if (!has_line() || time - line.last < 0.1 || done == first)
        return;
    line.last = time;
    bool known = total && total >= done;
    double rate = time > begun ? (double)(done - first) / (time - begun) : 0;
    char count[64], rest[32] = "", tail[160];
    snprintf(count, sizeof count, known ? "%zu of %zu" : "%zu", done, total);
    if (known)
        write_rest(rest, rate, done, total);
    snprintf(tail, sizeof tail, "%s pictures, %.1f/s%s", count, rate, rest);
    draw("", done, known ? total : 0, tail);
}

void tm_progress_show(void *context, const char *file, uint64_t done, uint64_t total)
{
    double time = tm_seconds();
    (void)context;
    if (!has_line())
        return;
    if (strncmp(line.file, file, sizeof line.file - 1) != 0 || done < line.done)
        start(file, done, time);
    line.done = done;
    if (done == total)
        tm_progress_end();
    if (done == total || time - line.last < 0.1)
        return;
    line.last = time;
    double rate = time > line.begun ? (double)(done - line.first) / (time - line.begun) : 0;
    char rest[32], name[4 * NAME + 1], tail[128];
    write_rest(rest, rate, done, total);
    tm_text_line(name, sizeof name, short_name(file));
    if (total)
        snprintf(tail, sizeof tail, "%.1f/%.1f MB  %.1f MB/s%s", (double)done / 1e6,
                 (double)total / 1e6, rate / 1e6, rest);
    else
        snprintf(tail, sizeof tail, "%.1f MB  %.1f MB/s", (double)done / 1e6, rate / 1e6);
    draw(name, done, total, tail);
}
