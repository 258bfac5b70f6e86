/* SPDX-License-Identifier: Apache-2.0 */
/* One line on a terminal that tells how far a download is:
 *   resnet50.a1_in1k/model.safetensors  [######        ]  43 %   44.1/102.5 MB  31.2 MB/s  0:02 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

typedef struct bar {
    char file[128];
    struct timespec start, drawn;
    uint64_t first; /* bytes that were there before */
} bar;

static double seconds_since(struct timespec then)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)(t.tv_sec - then.tv_sec) + 1e-9 * (double)(t.tv_nsec - then.tv_nsec);
}

static void draw(const bar *b, uint64_t done, uint64_t total)
{
    enum { WIDTH = 20 };
    char cells[WIDTH + 1];
    double elapsed = seconds_since(b->start);
    double rate = elapsed > 0 ? (double)(done - b->first) / elapsed : 0;
    fprintf(stderr, "\r%s", b->file);
    if (total) {
        int full = (int)((double)done / (double)total * WIDTH);
        memset(cells, ' ', WIDTH);
        memset(cells, '#', (size_t)(full < WIDTH ? full : WIDTH));
        cells[WIDTH] = '\0';
        fprintf(stderr, "  [%s] %3d %%  %.1f/%.1f MB", cells,
                (int)(100 * (double)done / (double)total), 1e-6 * (double)done,
                1e-6 * (double)total);
    } else
        fprintf(stderr, "  %.1f MB", 1e-6 * (double)done);
    fprintf(stderr, "  %.1f MB/s", 1e-6 * rate);
    if (total && rate > 0) {
        int left = (int)((double)(total - done) / rate);
        fprintf(stderr, "  %d:%02d", left / 60, left % 60);
    }
    fputs("\033[K", stderr);
    if (total && done == total)
        fputc('\n', stderr);
    fflush(stderr);
}

void tm_download_bar(void *context, const char *file, uint64_t done, uint64_t total)
{
    static bar b;
    (void)context;
    if (!isatty(STDERR_FILENO) || done > total + (total == 0) * done)
        return;
    if (strncmp(b.file, file, sizeof b.file - 1) != 0) {
        snprintf(b.file, sizeof b.file, "%s", file);
        clock_gettime(CLOCK_MONOTONIC, &b.start);
        b.drawn = (struct timespec){0};
        b.first = done;
    }
    if (done != total && seconds_since(b.drawn) < 0.1)
        return;
    clock_gettime(CLOCK_MONOTONIC, &b.drawn);
    draw(&b, done, total);
}
