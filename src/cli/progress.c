/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

enum { BAR = 24, NAME = 36 };

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

static void write_bar(char bar[static BAR + 1], uint64_t done, uint64_t total)
{
    int filled = total ? (int)((double)done / (double)total * BAR) : 0;
    for (int i = 0; i < BAR; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR] = '\0';
}

/* "1:05", or "" while nothing can be said. */
static void write_rest(char text[static 24], double rate, uint64_t done, uint64_t total)
{
    text[0] = '\0';
    if (rate <= 0 || total < done)
        return;
    double seconds = (double)(total - done) / rate;
    if (seconds < 360000.0)
        snprintf(text, 24, "  %d:%02d left", (int)seconds / 60, (int)seconds % 60);
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
    line.shown = true;
    double rate = time > begun ? (double)(done - first) / (time - begun) : 0;
    char bar[BAR + 1], rest[24] = "";
    fputs("\r\033[K", stderr);
    if (total >= done && total) {
        write_bar(bar, done, total);
        write_rest(rest, rate, done, total);
        fprintf(stderr, "[%s] %zu of %zu pictures", bar, done, total);
    } else {
        fprintf(stderr, "%zu pictures", done);
    }
    fprintf(stderr, ", %.1f/s%s", rate, rest);
    fflush(stderr);
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
    line.shown = true;
    double rate = time > line.begun ? (double)(done - line.first) / (time - line.begun) : 0;
    char bar[BAR + 1], rest[24], name[4 * NAME + 1];
    write_bar(bar, done, total);
    write_rest(rest, rate, done, total);
    tm_text_line(name, sizeof name, short_name(file));
    fprintf(stderr, "\r\033[K%s", name);
    if (total)
        fprintf(stderr, " [%s] %.1f/%.1f MB", bar, (double)done / 1e6, (double)total / 1e6);
    else
        fprintf(stderr, " %.1f MB", (double)done / 1e6);
    fprintf(stderr, "  %.1f MB/s%s", rate / 1e6, rest);
    fflush(stderr);
}
