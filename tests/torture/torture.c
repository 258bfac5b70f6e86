/* SPDX-License-Identifier: Apache-2.0 */
/*
 * torture [--sample CASES [--turn N]] [--only NAME | --run ARGUMENTS] [--call CALL] TIMMC FAULT.so
 *
 * Runs every command of the table once as it is, and then again and again, each time with another
 * of its allocations or system calls failing, once or from there on. A run either answers as the
 * first did - output, files, exit code, messages - or says that it could not: another exit code, a
 * message or a record of the error, no crash, no output that differs, no file that is not whole.
 * --sample: about so many of the cases, others from day to day, or those of a run that printed N.
 * --only, --run: one command of the table, or another one; --call: one kind of call.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/little_endian.h"
#include "tests/torture/files.h"
#include "tests/torture/verdict.h"

enum { MAX_ARGUMENTS = 24, SECONDS = 60 };

/* @x is the file x of the output folder, %x that of the input folder. Each answers with exit code 0
 * when nothing fails. "picture FORMAT ..." reads one of that format, as `version` calls it. */
#define PICTURE "picture "
typedef struct command {
    const char *name, *arguments;
} command;

static command commands[] = {
    {"list", "list vit* --pretrained"},
    {"list jsonl", "list test_* --format jsonl --supported"},
    {"list table", "list resnet* --format csv --sort top1"},
    {"info", "info test_vit"},
    {"info json", "info resnet18 --format json"},
    {"info features", "info test_resnet --features --layers"},
    {"info tensors", "info test_efficientnet --tensors"},
    {"info dot", "info test_resnet --format dot"},
    {"info svg", "info test_resnet --format svg"},
    {"info pruned", "info test_vit --prune-intermediates 2 --prune-head --format text"},
    {"classify", "classify test_vit --no-pretrained %one.jpg"},
    {"classify npy", "classify test_efficientnet --no-pretrained -f csv -o @logits.npy %one.jpg"},
    {"classify built-in", "classify %one.jpg"},
    {"classify folder", "classify test_resnet --no-pretrained -o @logits.npy %folder"},
    {"classify jsonl", "classify test_resnet --no-pretrained -b 1 -o @records.jsonl %folder"},
    {"validate", "validate test_resnet --no-pretrained --truth %truth %one.jpg"},
    {"classify list", "classify test_vit --no-pretrained --files-from %list"},
    {"features npz", "features test_vit --no-pretrained --kind pooled -o @pooled.npz %one.jpg"},
    {"features safetensors", "features test_resnet --no-pretrained -o @maps.safetensors %one.jpg"},
    {"intermediates", "forward-intermediates test_vit --no-pretrained -f json -o @maps/ %one.jpg"},
    {"preprocess", "preprocess %one.jpg -o @input.npy"},
    {"preprocess png", "preprocess %one.jpg -o @input.png"},
    {"convert npz", "convert %weights.npz @weights.safetensors"},
    {"convert legacy", "convert %legacy.pth @weights.safetensors --dtype f32"},
    {"convert model", "convert %vit.safetensors @weights.safetensors -m test_vit --dtype f16"},
    {"convert", "convert %weights.pth @weights.safetensors"},
    {"pack", "pack test_vit -w %vit.safetensors -o @vit.packed"},
    {"pack check", "pack --check %vit.packed"},
    {"classify packed", "classify test_vit -w %vit.packed -o @logits.npy %one.jpg %small.png"},
    {"classify weights",
     "classify test_vit -w %vit.safetensors --img-size 192 --in-chans 1 %one.jpg"},
    {"classify local-dir", "classify local-dir:%model -k 1 %one.jpg"},
    {"classify shards", "classify test_vit -w %vit.safetensors.index.json %one.jpg"},
    {"classify labels", "classify test_vit --no-pretrained --num-classes 3 --labels %labels.json "
                        "-f tsv %small.png"},
    {"classify array", "classify test_vit --no-pretrained -f text %two.npy"},
    {"features grid", "features test_resnet --no-pretrained --grid @maps.png --data base64 "
                      "%one.jpg"},
    {"features pca", "features test_vit --no-pretrained --pca @pca.png %one.jpg"},
    {"classify pictures", "classify test_resnet --no-pretrained --contact-sheet @sheet.png "
                          "--heatmap @heat.png %one.jpg"},
    {"features tsv", "features test_resnet --no-pretrained -f tsv %folder"},
    {"features stdout", "features test_vit --no-pretrained --kind pooled -f npy %folder"},
    {"classify own aspect", "classify naflexvit_base_patch16_gap --no-pretrained --num-classes 3 "
                            "--model-arg depth=1 --model-arg embed_dim=16 --model-arg num_heads=1 "
                            "--max-seq-len 9 %folder"},
    {"info check", "info test_vit -w %vit.safetensors --check"},
    {"classify attention", "classify test_vit --no-pretrained --heatmap @heat.png %small.png"},
    {"picture WebP", "preprocess %lossy.webp -o @input.npy"},
    {"picture WebP lossless", "preprocess %lossless_alpha.webp -o @input.npy"},
    {"picture GIF", "preprocess %transparent.gif -o @input.npy"},
    {"picture BMP", "preprocess %rle8.bmp -o @input.npy"},
    {"picture TIFF", "preprocess %rgb_lzw.tif -o @input.npy"},
    {"picture TIFF of JPEG", "preprocess %rgb_jpeg.tif -o @input.npy"},
    {"picture AVIF", "preprocess %rgb_420.avif -o @input.npy"},
    {"picture JPEG XL", "preprocess %rgb.jxl -o @input.npy"},
    {"picture HEIF", "preprocess %rgb.heic -o @input.npy"},
};

/* Each kind of call stands together. */
static const fault faults[] = {
    {"malloc", "12", false}, {"malloc", "12", true},   {"thread", "11", false},
    {"thread", "11", true},  {"read", "5", false},     {"read", "5", true},
    {"read", "4", false},    {"read", "short", true},  {"read", "short", false},
    {"pread", "5", false},   {"write", "28", false},   {"write", "28", true},
    {"write", "4", false},   {"write", "short", true}, {"open", "24", false},
    {"open", "24", true},    {"open", "4", false},     {"stat", "5", false},
    {"stat", "5", true},     {"mmap", "12", false},    {"mmap", "12", true},
    {"fsync", "5", false},   {"rename", "5", false},   {"getdents", "5", false},
    {"seek", "5", false},
};

/* ---- one run ---- */

/* What a run tells of itself has their number in it. */
static bool has_threads(const fault *f)
{
    return strcmp(f->call, "thread") == 0 || strcmp(f->call, "none") == 0;
}

static void set_threads(bool several)
{
    setenv("TIMMC_THREADS", several ? "2" : "1", 1);
}

static void set_fault(const fault *f, long at, const char *shared_object)
{
    char number[32];
    snprintf(number, sizeof number, "%ld", at);
    setenv("FAULT_CALL", f->call, 1);
    setenv("FAULT_ERROR", f->error, 1);
    setenv("FAULT_AT", number, 1);
    if (f->on)
        setenv("FAULT_ON", "1", 1);
    set_threads(has_threads(f));
    setenv("LD_PRELOAD", shared_object, 1);
}

_Noreturn static void become(const char *timmc, const command *c)
{
    static char text[1024], places[MAX_ARGUMENTS][PATH * 2];
    char *argv[MAX_ARGUMENTS + 1] = {(char *)timmc}, path[PATH * 2];
    int n = 1;
    snprintf(text, sizeof text, "%s", c->arguments);
    for (char *word = strtok(text, " "); word && n < MAX_ARGUMENTS; word = strtok(NULL, " ")) {
        argv[n] = word;
        size_t plain = strcspn(word, "@%");
        if (word[plain]) {
            snprintf(places[n], sizeof *places, "%.*s%s/%s/%s", (int)plain, word, work,
                     word[plain] == '@' ? "out" : "in", word + plain + 1);
            argv[n] = places[n];
        }
        n++;
    }
    in_work(path, "stdout");
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    in_work(path, "stderr");
    int err = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    int in = open("/dev/null", O_RDONLY);
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
        _exit(126);
    close(in);
    close(out);
    close(err);
    alarm(SECONDS);
    execv(timmc, argv);
    _exit(126);
}

static void run(const char *timmc, const char *shared_object, const command *c, const fault *f,
                long at, outcome *o)
{
    char path[PATH * 2];
    *o = (outcome){.exit = -1};
    pid_t child = fork();
    if (child < 0)
        give_up("fork");
    if (child == 0) {
        if (f)
            set_fault(f, at, shared_object);
        become(timmc, c);
    }
    int status;
    if (waitpid(child, &status, 0) != child)
        give_up("waitpid");
    if (WIFEXITED(status))
        o->exit = WEXITSTATUS(status);
    else
        o->signal = WTERMSIG(status);
    in_work(path, "stdout");
    o->out = read_whole(path);
    in_work(path, "stderr");
    o->err = read_whole(path);
    in_work(path, "out");
    each_file(path, o);
}

static void release(outcome *o)
{
    free(o->out.data);
    free(o->err.data);
    for (int i = 0; i < o->file_count; i++)
        free(o->files[i].data);
}

/* ---- all of them ---- */

enum { COMMANDS = sizeof commands / sizeof *commands, FAULTS = sizeof faults / sizeof *faults };

static const char *timmc_path, *shared_object, *only_command, *only_call;
static long passed, failed, calls[COMMANDS][FAULTS];
static bool chosen[COMMANDS], by_library[COMMANDS];

/* libde265 waits for ever for a thread that it could not start. */
static bool is_chosen(size_t i, const fault *f)
{
    return (!only_call || strcmp(only_call, f->call) == 0) &&
           !(by_library[i] && strcmp(f->call, "thread") == 0);
}

/* How many calls of each kind the command makes. */
static void count_calls(size_t i)
{
    static const fault nothing = {"none", "0", false};
    char path[PATH * 2], name[32];
    outcome o;
    long number;
    in_work(path, "count");
    unlink(path);
    setenv("FAULT_COUNT", path, 1);
    run(timmc_path, shared_object, &commands[i], &nothing, 0, &o);
    unsetenv("FAULT_COUNT");
    if (o.exit != 0 || access(path, R_OK) != 0) {
        printf("FAIL %s: exit %d and no count of its calls\n", commands[i].name, o.exit);
        failed++;
        release(&o);
        return;
    }
    release(&o);
    bytes b = read_whole(path);
    if (i == 0 && !strstr(b.data, "read "))
        puts("there is no filter for system calls here: allocations and threads alone");
    for (const char *p = b.data; sscanf(p, "%31s %ld", name, &number) == 2; p += line_length(p))
        for (size_t k = 0; k < FAULTS; k++)
            if (strcmp(name, faults[k].call) == 0 && is_chosen(i, &faults[k]))
                calls[i][k] = number;
    free(b.data);
}

/* What a command writes to its standard output when nothing fails. */
static bytes answer_of(const char *arguments)
{
    outcome o;
    run(timmc_path, shared_object, &(command){"", arguments}, NULL, 0, &o);
    if (o.exit != 0) {
        fprintf(stderr, "timmc %s: exit %d: %s\n", arguments, o.exit, o.err.data);
        exit(2);
    }
    free(o.err.data);
    return o.out;
}

static bool is_of_picture(const command *c)
{
    return strncmp(c->name, PICTURE, strlen(PICTURE)) == 0;
}

/* What the version says of the picture's format: "yes", "no, built without ..." or a library's
 * name;
 * "" where it says nothing. */
static const char *find_format(const command *c, const char *version)
{
    size_t longest = 0;
    const char *found = "";
    for (const char *p = version; *p; p += line_length(p)) {
        const char *gap = strstr(p, "  ");
        size_t n = gap ? (size_t)(gap - p) : 0;
        if (n <= longest || strncmp(c->name + strlen(PICTURE), p, n) != 0)
            continue;
        longest = n;
        found = gap + strspn(gap, " ");
    }
    return found;
}

/* Commands that this build cannot run are left out. */
static void choose_commands(void)
{
    bytes version = answer_of("version");
    for (size_t i = 0; i < COMMANDS; i++) {
        chosen[i] = !only_command || strcmp(only_command, commands[i].name) == 0;
        if (!chosen[i] || !is_of_picture(&commands[i]))
            continue;
        const char *found = find_format(&commands[i], version.data);
        by_library[i] = strncmp(found, "lib", 3) == 0;
        chosen[i] = by_library[i] || strncmp(found, "yes", 3) == 0;
        if (!chosen[i])
            printf("%s: left out, this build does not read it\n", commands[i].name);
    }
    free(version.data);
}

static long count_all(void)
{
    long all = 0;
    for (size_t i = 0; i < COMMANDS; i++) {
        if (chosen[i])
            count_calls(i);
        for (size_t k = 0; k < FAULTS; k++)
            all += calls[i][k];
    }
    return all;
}

/* Puts back what the run left, and lets another go on with it. */
static const char *resume(const command *c, const fault *f, const outcome *unfinished,
                          const outcome *good)
{
    char text[1024];
    outcome o;
    const command again = {c->name, text};
    snprintf(text, sizeof text, "%s --resume", c->arguments);
    for (int i = 0; i < unfinished->file_count; i++) {
        char folder[PATH * 2];
        snprintf(folder, sizeof folder, "%s", unfinished->names[i]);
        *strrchr(folder, '/') = '\0';
        mkdir(folder, 0777);
        FILE *file = fopen(unfinished->names[i], "wb");
        const bytes *b = &unfinished->files[i];
        if (!file || fwrite(b->data, 1, b->size, file) != b->size || fclose(file) != 0)
            give_up(unfinished->names[i]);
    }
    set_threads(has_threads(f));
    run(timmc_path, shared_object, &again, NULL, 0, &o);
    const char *what = judge_resumed(&o, good);
    if (what)
        printf("    %s\n", o.err.data);
    release(&o);
    return what;
}

/* A library that gets no memory may end the process: those in C++ abort where no one catches what
 * they throw, libwebp, libtiff and libjpeg follow the pointer, libde265 waits for ever, the dynamic
 * linker exits with 127 and libnuma with 1. What the process left is judged all the same. */
static bool library_ended_it(size_t i, const fault *f, const outcome *o)
{
    bool told = strstr(o->err.data, "timmc: error: ");
    bool memory = strcmp(f->call, "malloc") == 0 || strcmp(f->call, "mmap") == 0;
    return by_library[i] && memory && (o->exit < 0 || o->exit == 127 || (o->exit == 1 && !told));
}

static void try_one(size_t i, const fault *f, long at, const outcome *good)
{
    const command *c = &commands[i];
    outcome o;
    run(timmc_path, shared_object, c, f, at, &o);
    const char *what = library_ended_it(i, f, &o) ? judge_files(&o, good) : judge(&o, good, f);
    if (!what && is_unfinished(&o))
        what = resume(c, f, &o, good);
    if (what)
        printf("FAIL %s: %s %ld%s, %s: %s (exit %d)\n    %.*s\n", c->name, f->call, at,
               f->on ? " and on" : "", f->error, what, o.exit, (int)strcspn(o.err.data, "\n"),
               o.err.data);
    passed += !what;
    failed += what != NULL;
    release(&o);
}

/* Every stride-th case of a command; *turn counts through all commands. */
static void torture(size_t i, long stride, long *turn)
{
    const command *c = &commands[i];
    outcome good[2];
    long before = passed, before_failed = failed;
    bool works = true;
    for (int threads = 0; threads < 2; threads++) {
        set_threads(threads);
        run(timmc_path, shared_object, c, NULL, 0, &good[threads]);
        if (good[threads].exit == 0)
            continue;
        printf("FAIL %s: exit %d though nothing failed: %s", c->name, good[threads].exit,
               good[threads].err.data);
        failed++;
        works = false;
    }
    for (size_t k = 0; works && k < FAULTS; k++)
        for (long at = 1; at <= calls[i][k]; at++)
            if ((*turn)++ % stride == 0)
                try_one(i, &faults[k], at, &good[has_threads(&faults[k])]);
    printf("%s: %ld good, %ld bad\n", c->name, passed - before, failed - before_failed);
    fflush(stdout);
    release(&good[0]);
    release(&good[1]);
}

/* ---- inputs ---- */

static void copy(const char *from, const char *to)
{
    char path[PATH * 2];
    bytes b = read_whole(from);
    in_work(path, to);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(b.data, 1, b.size, f) != b.size || fclose(f) != 0)
        give_up(path);
    free(b.data);
}

/* The file %NAME that the arguments begin with, behind their command. */
static void copy_picture(const char *arguments)
{
    char name[64], from[PATH], to[PATH];
    if (sscanf(arguments, "%*s %%%63s", name) != 1)
        give_up(arguments);
    snprintf(from, sizeof from, "tests/data/images/formats/%s", name);
    snprintf(to, sizeof to, "in/%s", name);
    copy(from, to);
}

/* The float32 checkpoint of a model, of numbers that vary, from what `info --tensors` tells: lines
 * of "name 2x3". */
static void write_checkpoint(const char *tensors, const char *path)
{
    size_t capacity = 2 * strlen(tensors) + 65536 * 4, length = 0, floats = 0;
    char *header = malloc(capacity), name[256], shape[128];
    FILE *f = fopen(path, "wb");
    if (!header || !f)
        give_up(path);
    for (const char *p = tensors; sscanf(p, "%255s %127s", name, shape) == 2; p += line_length(p)) {
        size_t count = 1, begin = floats;
        for (char *x = shape; *x; x++)
            *x = *x == 'x' ? ',' : *x;
        for (const char *x = shape; *x; x += strcspn(x, ","), x += *x == ',')
            count *= strtoul(x, NULL, 10);
        floats += count;
        length += (size_t)snprintf(header + length, capacity - length,
                                   "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":"
                                   "[%zu,%zu]}",
                                   begin ? "," : "{", name, shape, 4 * begin, 4 * floats);
    }
    header[length++] = '}';
    bool good = tm_write_le64(f, length) && fwrite(header, 1, length, f) == length;
    for (size_t i = 0; i < floats && good; i++) {
        float value = (float)(i * 2654435761U % 1000) / 8000.0f + 0.01f;
        good = tm_write_f32_le(f, &value, 1);
    }
    if (!good || fclose(f) != 0)
        give_up(path);
    free(header);
}

static void write_text(const char *name, const char *text)
{
    char path[PATH * 2];
    in_work(path, name);
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        give_up(path);
}

/* All tensors in one file beside it. */
static void write_index(const char *tensors, const char *file, const char *name)
{
    size_t capacity = 4 * strlen(tensors) + 65536 * 4, length = 0;
    char *text = malloc(capacity), tensor[256];
    if (!text)
        give_up("malloc");
    for (const char *p = tensors; sscanf(p, "%255s", tensor) == 1; p += line_length(p))
        length += (size_t)snprintf(text + length, capacity - length, "%s\"%s\":\"%s\"",
                                   length ? "," : "{\"weight_map\":{", tensor, file);
    snprintf(text + length, capacity - length, "}}\n");
    write_text(name, text);
    free(text);
}

/* An array of two pictures' tensors from one of one. */
static void write_pair(const bytes *one, const char *path)
{
    enum { HEADER = 128 };
    FILE *f = fopen(path, "wb");
    char header[HEADER + 1];
    snprintf(header, sizeof header, "\x93NUMPY\x01%c%c%c%-117s\n", 0, HEADER - 10, 0,
             "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 160, 160), }");
    bool good = f && fwrite(header, 1, HEADER, f) == HEADER;
    for (int i = 0; i < 2 && good; i++)
        good = fwrite(one->data + HEADER, 1, one->size - HEADER, f) == one->size - HEADER;
    if (!good || fclose(f) != 0)
        give_up(path);
}

static void prepare_weights(void)
{
    char path[PATH * 2];
    bytes b = answer_of("info test_vit --tensors");
    in_work(path, "in/vit.safetensors");
    write_checkpoint(b.data, path);
    copy(path, "in/model/model.safetensors");
    write_index(b.data, "vit.safetensors", "in/vit.safetensors.index.json");
    free(b.data);
    b = answer_of("pack test_vit -w %vit.safetensors -o %vit.packed");
    free(b.data);
    b = answer_of("preprocess %one.jpg -m test_vit -o %small.png");
    free(b.data);
    b = answer_of("preprocess -m test_vit %one.jpg -o -");
    in_work(path, "in/two.npy");
    write_pair(&b, path);
    free(b.data);
    write_text("in/model/config.json",
               "{\"architecture\":\"test_vit\",\"num_classes\":1000,\"pretrained_cfg\":{"
               "\"tag\":\"own\",\"input_size\":[3,160,160],\"classifier\":[\"head\"],"
               "\"mean\":[0.5,0.5,0.5],\"label_names\":[\"cat\",\"dog\"]}}\n");
}

/* Nothing of the caller's settings may change an answer. */
static void forget_settings(void)
{
    static const char *const names[] = {"HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME", "TORCH_HOME"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    for (char **e = environ; *e;) {
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*e, "="), *e);
        if (strncmp(name, "TIMMC_", 6) == 0 && unsetenv(name) == 0)
            e = environ;
        else
            e++;
    }
}

static void prepare(void)
{
    static const char *const folders[] = {"out", "in", "in/folder", "in/folder/deeper", "in/model"};
    char path[PATH * 2];
    const char *base = getenv("TMPDIR");
    snprintf(work, sizeof work, "%s/timmc-torture-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(work))
        give_up(work);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        in_work(path, folders[i]);
        mkdir(path, 0755);
    }
    copy("tests/data/images/baseline_420.jpg", "in/one.jpg");
    copy("tests/data/images/baseline_420.jpg", "in/folder/a.jpg");
    copy("tests/data/images/gray.jpg", "in/folder/b.jpg");
    copy("tests/data/images/rgb.jpg", "in/folder/deeper/c.jpg");
    for (size_t i = 0; i < COMMANDS; i++)
        if (is_of_picture(&commands[i]))
            copy_picture(commands[i].arguments);
    copy("tests/data/weights/dtypes.pth", "in/weights.pth");
    copy("tests/data/weights/stored.npz", "in/weights.npz");
    copy("tests/data/weights/legacy.pth", "in/legacy.pth");
    write_text("in/labels.json", "{\"label_names\":[\"a\",\"b\",\"c\"],"
                                 "\"label_descriptions\":{\"a\":\"A\"}}\n");
    copy("tests/data/truth.csv", "in/truth");
    in_work(path, "in/list");
    FILE *list = fopen(path, "w");
    for (int i = 0; list && i < 3; i++)
        fprintf(list, "%s/in/folder/%s\n", work, i ? "b.jpg" : "a.jpg");
    if (!list || fclose(list) != 0)
        give_up(path);
    forget_settings();
    setenv("HOME", work, 1);
    setenv("LC_ALL", "C", 1);
    setenv("HF_HUB_OFFLINE", "1", 1);
    prepare_weights();
}

int main(int argc, char **argv)
{
    long sample = 0, turn = -1;
    for (; argc > 2 && strncmp(argv[1], "--", 2) == 0; argc -= 2, argv += 2) {
        if (strcmp(argv[1], "--sample") == 0)
            sample = atol(argv[2]);
        else if (strcmp(argv[1], "--turn") == 0)
            turn = atol(argv[2]);
        else if (strcmp(argv[1], "--only") == 0)
            only_command = argv[2];
        else if (strcmp(argv[1], "--call") == 0)
            only_call = argv[2];
        else if (strcmp(argv[1], "--run") == 0)
            only_command = (commands[0] = (command){"run", argv[2]}).name;
    }
    if (argc != 3) {
        fputs("usage: torture [--sample CASES [--turn N]] [--only NAME | --run ARGUMENTS] "
              "[--call CALL] TIMMC FAULT.so\n",
              stderr);
        return 2;
    }
    timmc_path = argv[1];
    shared_object = argv[2];
    prepare();
    choose_commands();
    long all = count_all(), stride = sample && all > sample ? all / sample : 1;
    turn = turn >= 0 ? turn : (long)(time(NULL) / 86400 % stride);
    printf("one of %ld in %ld cases, --turn %ld\n", stride, all, turn);
    for (size_t i = 0; i < COMMANDS; i++)
        if (chosen[i])
            torture(i, stride, &turn);
    each_file(work, NULL);
    rmdir(work);
    printf("torture: %ld passed, %ld failed\n", passed, failed);
    return failed != 0;
}
