/* SPDX-License-Identifier: Apache-2.0 */
/* What a run leaves: its output, its messages, its files. */
#ifndef TM_TORTURE_FILES_H
#define TM_TORTURE_FILES_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILES = 16, PATH = 512 };

typedef struct bytes {
    char *data; /* ends with a NUL that does not count */
    size_t size;
} bytes;

typedef struct outcome {
    int exit; /* -1: a signal or too long */
    int signal;
    bytes out, err;
    int file_count;
    char names[MAX_FILES][PATH * 2];
    bytes files[MAX_FILES];
} outcome;

static char work[PATH];

_Noreturn static void give_up(const char *what)
{
    perror(what);
    exit(2);
}

static bytes read_whole(const char *path)
{
    bytes b = {0};
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0 || !(b.data = calloc(1, (size_t)st.st_size + 1)) ||
        fread(b.data, 1, (size_t)st.st_size, f) != (size_t)st.st_size)
        give_up(path);
    b.size = (size_t)st.st_size;
    fclose(f);
    return b;
}

/* The files of a folder and of those in it, in no order; removes them where it is asked to. */
static void each_file(const char *folder, outcome *o)
{
    DIR *dir = opendir(folder);
    if (!dir)
        give_up(folder);
    for (struct dirent *e; (e = readdir(dir));) {
        char path[PATH * 2];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        struct stat st;
        if (lstat(path, &st) != 0)
            give_up(path);
        if (S_ISDIR(st.st_mode)) {
            each_file(path, o);
            rmdir(path);
            continue;
        }
        if (o && o->file_count < MAX_FILES) {
            snprintf(o->names[o->file_count], sizeof o->names[0], "%s", path);
            o->files[o->file_count++] = read_whole(path);
        }
        unlink(path);
    }
    closedir(dir);
}

static void in_work(char path[PATH * 2], const char *name)
{
    snprintf(path, PATH * 2, "%s/%s", work, name);
}

#endif
