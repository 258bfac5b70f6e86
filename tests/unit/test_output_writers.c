/* SPDX-License-Identifier: Apache-2.0 */
/* The files are compared byte by byte with what the formats say; NumPy and safetensors have read
 * the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/little_endian.h"
#include "base/file.h"
#include "base/memory.h"
#include "output/formats.h"
#include "output/writer.h"
#include "output/zip.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/tm_writer_XXXXXX");
    return mkdtemp(folder) ? chdir(folder) : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return chdir("/") == 0 ? rmdir(folder) : -1; /* fails when a test left anything behind */
}

static int entries(const char *path)
{
    DIR *dir = opendir(path);
    assert_non_null(dir);
    int count = 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

static tm_writer *open_writer(const char *path, bool force)
{
    tm_error error = {0};
    tm_writer *writer = NULL;
    if (tm_writer_open(path, force, &writer, &error) != TM_OK)
        fail_msg("%s", error.message);
    return writer;
}

/* features.0: five rows of [2,3], 0 1 2 ...; logits: five of [4], 0 -0.5 -1 ...; in three calls */
static void add_rows(tm_writer *writer, bool both)
{
    tm_error error = {0};
    for (int row = 0; row < 5; row += 2) {
        int rows = row < 4 ? 2 : 1;
        float features[12], logits[8];
        for (int i = 0; i < rows * 6; i++)
            features[i] = (float)(row * 6 + i);
        for (int i = 0; i < rows * 4; i++)
            logits[i] = -0.5F * (float)(row * 4 + i);
        const int64_t shape[] = {rows, 2, 3}, logit_shape[] = {rows, 4};
        if (both)
            assert_int_equal(tm_writer_add(writer, "logits", 2, logit_shape, logits, &error),
                             TM_OK);
        assert_int_equal(tm_writer_add(writer, "features.0", 3, shape, features, &error), TM_OK);
    }
}

static void commit(tm_writer *writer)
{
    tm_error error = {0};
    if (tm_writer_commit(writer, &error) != TM_OK)
        fail_msg("%s", error.message);
}

static tm_map map_of(const char *path)
{
    tm_map map;
    assert_int_equal(tm_map_file(path, &map, NULL), TM_OK);
    return map;
}

#define NPY_START "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': "

/* A 128-byte header with this shape, then count numbers step * i. */
static void check_npy(const unsigned char *bytes, size_t size, const char *shape, int count,
                      float step)
{
    char header[129];
    int n = snprintf(header, sizeof header, "%s, }", shape);
    memset(header + n, ' ', sizeof header - (size_t)n);
    assert_int_equal(size, 128 + 4 * (size_t)count);
    assert_memory_equal(bytes, NPY_START, sizeof NPY_START - 1);
    assert_memory_equal(bytes + sizeof NPY_START - 1, header, 127 - (sizeof NPY_START - 1));
    assert_int_equal(bytes[127], '\n');
    for (int i = 0; i < count; i++) {
        float value = step * (float)i;
        tm_f32_to_le(&value, &value, 1);
        assert_memory_equal(bytes + 128 + 4 * i, &value, 4);
    }
}

static void npy(void **state)
{
    (void)state;
    tm_writer *writer = open_writer("a.npy", false);
    assert_int_equal(access("a.npy", F_OK), -1); /* not before commit */
    add_rows(writer, false);
    const float x = 1;
    const int64_t shape[] = {1, 2, 4}, one[] = {1};
    tm_error error = {0};
    assert_int_equal(tm_writer_add(writer, "features.0", 3, shape, &x, &error), TM_SHAPE);
    error = (tm_error){0};
    assert_int_equal(tm_writer_add(writer, "features.0", 2, shape, &x, &error), TM_SHAPE);
    error = (tm_error){0};
    assert_int_equal(tm_writer_add(writer, "other", 1, one, &x, &error), TM_USAGE);
    assert_int_equal(tm_writer_metadata(writer, "model", "m", &error), TM_OK);
    commit(writer);
    tm_map map = map_of("a.npy");
    check_npy(map.data, map.size, "(5, 2, 3)", 30, 1);
    TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
    assert_int_equal(entries("."), 1);
    unlink("a.npy");

    writer = open_writer("b.npy", false);
    assert_int_equal(tm_writer_add(writer, "x", 1, one, &x, NULL), TM_OK);
    assert_int_equal(tm_writer_add(writer, "x", 1, (int64_t[]){0}, &x, NULL), TM_OK);
    commit(writer);
    map = map_of("b.npy");
    assert_int_equal(map.size, 132);
    assert_memory_equal(map.data + 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } ",
                        58);
    TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
    unlink("b.npy");
}

static void npy_header_length(void **state)
{
    (void)state;
    const int64_t few[] = {0, 1280, 7, 7}, many[] = {INT64_MAX, 1280, 7, 7};
    const int64_t wide[] = {1,         INT64_MAX, INT64_MAX, INT64_MAX,
                            INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    tm_buffer a = {0}, b = {0}, c = {0};
    tm_npy_header(4, few, &a);
    tm_npy_header(4, many, &b);
    tm_npy_header(8, wide, &c);
    assert_int_equal(a.length, b.length); /* rows can be counted after it was reserved */
    assert_int_equal(c.length, 256);
    assert_int_equal((unsigned char)c.data[8], 246);
    tm_buffer_free(&a);
    tm_buffer_free(&b);
    tm_buffer_free(&c);
}

static void safetensors(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"model\":\"resnet\\\"34\"},"
        "\"features.0\":{\"dtype\":\"F32\",\"shape\":[5,2,3],\"data_offsets\":[0,120]},"
        "\"logits\":{\"dtype\":\"F32\",\"shape\":[5,4],\"data_offsets\":[120,200]}}     ";
    tm_writer *writer = open_writer("a.safetensors", false);
    add_rows(writer, true); /* logits first: sorting changes their place */
    assert_int_equal(tm_writer_metadata(writer, "model", "resnet\"34", NULL), TM_OK);
    commit(writer);
    tm_map map = map_of("a.safetensors");
    const uint64_t length = sizeof header - 1;
    assert_int_equal(length % 8, 0);
    assert_int_equal(map.size, 8 + length + 200);
    assert_true(tm_load_le64(map.data) == length);
    assert_memory_equal(map.data + 8, header, length);
    float values[50];
    tm_f32_of_le(map.data + 8 + length, values, 50);
    for (int i = 0; i < 30; i++)
        assert_true(values[i] == (float)i);
    for (int i = 0; i < 20; i++)
        assert_true(values[30 + i] == -0.5F * (float)i);
    TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
    assert_int_equal(entries("."), 1);
    unlink("a.safetensors");
}

static uint32_t word(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A stored member at `at`; returns where the next one starts. */
static size_t check_member(const tm_map *map, size_t at, const char *name, const char *shape,
                           int count, float step)
{
    const unsigned char *p = map->data + at;
    size_t size = 128 + 4 * (size_t)count, length = strlen(name);
    assert_int_equal(word(p), 0x04034B50);
    assert_memory_equal(p + 4, "\x14\0\0\x08\0\0\0\0\x21\0", 10);
    assert_int_equal(word(p + 18), size);
    assert_int_equal(word(p + 22), size);
    assert_int_equal(word(p + 26), length);
    assert_memory_equal(p + 30, name, length);
    check_npy(p + 30 + length, size, shape, count, step);
    assert_int_equal(word(p + 14), crc32(0, p + 30 + length, (uInt)size));
    return at + 30 + length + size;
}

static void npz(void **state)
{
    (void)state;
    tm_writer *writer = open_writer("a.npz", false);
    add_rows(writer, true);
    commit(writer);
    tm_map map = map_of("a.npz");
    size_t second = check_member(&map, 0, "logits.npy", "(5, 4)", 20, -0.5F);
    size_t central = check_member(&map, second, "features.0.npy", "(5, 2, 3)", 30, 1);
    const unsigned char *p = map.data + central;
    for (int i = 0; i < 2; i++) {
        const unsigned char *local = map.data + (i ? second : 0);
        assert_int_equal(word(p), 0x02014B50);
        assert_memory_equal(p + 6, local + 4, 26 - 4); /* the same facts twice */
        assert_int_equal(word(p + 42), i ? second : 0);
        size_t length = word(p + 28);
        assert_memory_equal(p + 46, local + 30, length);
        p += 46 + length;
    }
    assert_int_equal(word(p), 0x06054B50);
    assert_memory_equal(p + 4, "\0\0\0\0\2\0\2\0", 8);
    assert_int_equal(word(p + 12), p - (map.data + central));
    assert_int_equal(word(p + 16), central);
    assert_int_equal(map.size, (size_t)(p - map.data) + 22);
    TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
    assert_int_equal(entries("."), 1);
    unlink("a.npz");
}

static void check_bytes(tm_buffer *found, const char *expected, size_t size)
{
    assert_false(found->failed);
    assert_int_equal(found->length, size);
    assert_memory_equal(found->data, expected, size);
    tm_buffer_free(found);
}

#define FF4 "\xFF\xFF\xFF\xFF"

static void zip64(void **state)
{
    (void)state;
    tm_zip_member member = {.crc = 0x04030201, .size = 0x1122334455, .offset = 0xFFFFFFFF};
    tm_buffer out = {0};
    tm_buffer_puts(&member.name, "n");
    static const char local[] = "PK\3\4\x2D\0\0\x08\0\0\0\0\x21\0\1\2\3\4" FF4 FF4 "\1\0\x14\0n"
                                "\1\0\x10\0\x55\x44\x33\x22\x11\0\0\0\x55\x44\x33\x22\x11\0\0\0";
    tm_zip_local(&member, &out);
    check_bytes(&out, local, sizeof local - 1);
    static const char central[] =
        "PK\1\2\x2D\0\x2D\0\0\x08\0\0\0\0\x21\0\1\2\3\4" FF4 FF4
        "\1\0\x1C\0\0\0\0\0\0\0\0\0\0\0" FF4
        "n\1\0\x18\0\x55\x44\x33\x22\x11\0\0\0\x55\x44\x33\x22\x11\0\0\0" FF4 "\0\0\0\0";
    tm_zip_central(&member, &out);
    check_bytes(&out, central, sizeof central - 1);
    member.size = 5; /* only the offset is large */
    static const char far[] = "PK\1\2\x2D\0\x2D\0\0\x08\0\0\0\0\x21\0\1\2\3\4\5\0\0\0\5\0\0\0"
                              "\1\0\x0C\0\0\0\0\0\0\0\0\0\0\0" FF4 "n\1\0\x08\0" FF4 "\0\0\0\0";
    tm_zip_central(&member, &out);
    check_bytes(&out, far, sizeof far - 1);
    tm_buffer_free(&member.name);

    static const char end[] =
        "PK\6\6\x2C\0\0\0\0\0\0\0\x2D\0\x2D\0\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0"
        "\x09\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0PK\6\7\0\0\0\0\x09\0\0\0\1\0\0\0\1\0\0\0"
        "PK\5\6\0\0\0\0\2\0\2\0\x09\0\0\0" FF4 "\0\0";
    tm_zip_end(2, 0x100000000, 9, NULL, &out);
    check_bytes(&out, end, sizeof end - 1);
    tm_zip_end(70000, 1, 9, NULL, &out);
    assert_int_equal(out.length, 56 + 20 + 22);
    assert_memory_equal(out.data + 76 + 8, FF4, 4);
    tm_buffer_free(&out);
}

static void folder_of_arrays(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) { /* made, then written into */
        tm_writer *writer = open_writer(round ? "dir" : "dir/", round);
        add_rows(writer, true);
        tm_error error = {0};
        const float x = 1;
        assert_int_equal(tm_writer_add(writer, "a/b", 1, (int64_t[]){1}, &x, &error), TM_USAGE);
        commit(writer);
        assert_int_equal(entries("dir"), 2);
        tm_map map = map_of("dir/logits.npy");
        check_npy(map.data, map.size, "(5, 4)", 20, -0.5F);
        TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
        map = map_of("dir/features.0.npy");
        check_npy(map.data, map.size, "(5, 2, 3)", 30, 1);
        TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
    }
    tm_writer *writer = open_writer("dir", false);
    tm_error error = {0};
    const float x = 1;
    assert_int_equal(tm_writer_add(writer, "logits", 1, (int64_t[]){1}, &x, &error), TM_WRITE);
    assert_non_null(strstr(error.message, "dir/logits.npy: exists already"));
    assert_int_equal(tm_writer_add(writer, "new", 1, (int64_t[]){1}, &x, NULL), TM_OK);
    tm_writer_abandon(writer);
    assert_int_equal(entries("dir"), 2);
    unlink("dir/logits.npy");
    unlink("dir/features.0.npy");
    assert_int_equal(rmdir("dir"), 0);

    writer = open_writer("no_suffix", false);
    add_rows(writer, true);
    tm_writer_abandon(writer); /* the folder it made goes too */
    assert_int_equal(entries("."), 0);
}

static const char *const targets[] = {"t.npy", "t.npz", "t.safetensors", "t"};

static void abandoned(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        tm_writer *writer = open_writer(targets[i], false);
        add_rows(writer, i != 0);
        tm_writer_abandon(writer);
        assert_int_equal(entries("."), 0);
        tm_error error = {0};
        assert_int_equal(tm_writer_commit(open_writer(targets[i], false), &error), TM_WRITE);
        assert_non_null(strstr(error.message, "no array to write"));
        assert_int_equal(entries("."), 0);
    }
    tm_writer_abandon(NULL);
}

static void refused(void **state)
{
    (void)state;
    tm_writer *writer = NULL;
    for (size_t i = 0; i < 4; i++) {
        FILE *f = fopen(targets[i], "wb"); /* in the folder's case a file in its place */
        assert_non_null(f);
        fputs("precious", f);
        fclose(f);
        tm_error error = {0};
        assert_int_equal(tm_writer_open(targets[i], false, &writer, &error), TM_WRITE);
        assert_null(writer);
        tm_map map = map_of(targets[i]);
        assert_memory_equal(map.data, "precious", 8);
        TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
        if (i < 3) {
            writer = open_writer(targets[i], true);
            add_rows(writer, false);
            map = map_of(targets[i]);
            assert_int_equal(map.size, 8); /* until commit */
            TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
            commit(writer);
            map = map_of(targets[i]);
            assert_true(map.size > 100);
            TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
            writer = NULL;
        }
        unlink(targets[i]);
    }
    tm_error error = {0};
    assert_int_equal(tm_writer_open("a.nzp", false, &writer, &error), TM_USAGE);
    assert_string_equal(error.message, "a.nzp: found suffix .nzp, expected one of .npy .npz "
                                       ".safetensors or a folder");
    static const char *const nowhere[] = {"no/where.npy", "no/where.npz", "no/where.safetensors",
                                          "no/where/"};
    for (size_t i = 0; i < 4; i++) {
        error = (tm_error){0};
        assert_int_equal(tm_writer_open(nowhere[i], false, &writer, &error), TM_WRITE);
    }
    assert_int_equal(entries("."), 0);
}

/* Room for a part only (the numbers alone take 24,000 bytes): an error, and nothing left behind. */
static void no_space(void **state)
{
    (void)state;
    static float rows[3000];
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit, saved;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &saved), 0);
    limit = saved;
    for (size_t i = 0; i < 4; i++)
        for (rlim_t bytes = 0; bytes < 24000; bytes += 1111) {
            limit.rlim_cur = bytes;
            tm_error error = {0};
            tm_writer *writer = open_writer(targets[i], false);
            setrlimit(RLIMIT_FSIZE, &limit);
            tm_status status = TM_OK;
            for (int k = 0; status == TM_OK && k < 2; k++)
                status = tm_writer_add(writer, "x", 2, (int64_t[]){3, 1000}, rows, &error);
            bool torn = status != TM_OK;
            if (torn)
                status = tm_writer_commit(writer, NULL); /* must not make a file of it */
            else
                status = tm_writer_commit(writer, &error);
            setrlimit(RLIMIT_FSIZE, &saved);
            assert_int_equal(status, TM_WRITE);
            assert_int_equal(error.status, TM_WRITE);
            assert_int_equal(entries("."), 0);
        }
}

/* A large result must not need the disk twice. */
static void spool_is_given_back(void **state)
{
    (void)state;
    enum { ROWS = 64, LENGTH = 16384 }; /* 4 MB */
    static float row[LENGTH];
    tm_error error = {0};
    struct stat before, after;
    tm_writer *writer = open_writer("a.npz", false);
    for (int i = 0; i < ROWS; i++)
        assert_int_equal(tm_writer_add(writer, "x", 2, (int64_t[]){1, LENGTH}, row, &error), TM_OK);
    int spool = fileno(writer->arrays[0].stream);
    fflush(writer->arrays[0].stream);
    assert_int_equal(fstat(spool, &before), 0);
    assert_int_equal(tm_spool_copy(writer, &writer->arrays[0], NULL, NULL, &error), TM_OK);
    assert_int_equal(fstat(spool, &after), 0);
    assert_true(after.st_size == before.st_size);
    assert_true(after.st_blocks < before.st_blocks / 8);
    tm_writer_abandon(writer);
}

/* ---- arrays that grow ---- */

static const int64_t grown_shape[] = {0, 2, 3};

static tm_writer *grow_writer(const char *path, tm_growth growth)
{
    tm_error error = {0};
    tm_writer *writer = NULL;
    tm_status status = tm_writer_grow(path, false, growth, &writer, &error);
    if (!status)
        status = tm_writer_declare(writer, "features.0", 3, grown_shape, &error);
    if (status)
        fail_msg("%s", error.message);
    return writer;
}

/* Five rows, cut to two by a process that died in its third; then gone on with. */
static void grown_npy(void **state)
{
    (void)state;
    tm_writer *writer = grow_writer("a.npy", TM_GROWTH_NEW);
    add_rows(writer, false);
    assert_int_equal(tm_writer_leave(writer, NULL), TM_OK);
    tm_map map = map_of("a.npy.part");
    check_npy(map.data, map.size, "(5, 2, 3)", 30, 1); /* whole, as far as it goes */
    TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
    assert_int_equal(truncate("a.npy.part", 128 + 2 * 24 + 10), 0);
    writer = grow_writer("a.npy", TM_GROWTH_PART);
    assert_int_equal(tm_writer_rows(writer), 2);
    assert_int_equal(tm_writer_cut(writer, 0, NULL), TM_OK);
    add_rows(writer, false);
    commit(writer);
    map = map_of("a.npy");
    check_npy(map.data, map.size, "(5, 2, 3)", 30, 1);
    TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
    writer = grow_writer("a.npy", TM_GROWTH_WHOLE);
    assert_int_equal(tm_writer_rows(writer), 5);
    tm_writer_abandon(writer);
    assert_int_equal(entries("."), 1);
    unlink("a.npy");
}

static void grown_npy_without_header(void **state)
{
    (void)state;
    tm_writer *writer = grow_writer("a.npy", TM_GROWTH_NEW);
    assert_int_equal(tm_writer_leave(writer, NULL), TM_OK);
    assert_int_equal(truncate("a.npy.part", 60), 0);
    writer = grow_writer("a.npy", TM_GROWTH_PART);
    assert_int_equal(tm_writer_rows(writer), 0);
    add_rows(writer, false);
    commit(writer);
    tm_map map = map_of("a.npy");
    check_npy(map.data, map.size, "(5, 2, 3)", 30, 1);
    TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
    unlink("a.npy");
}

static void grown_otherwise(void **state)
{
    (void)state;
    const int64_t shape[] = {0, 3, 2};
    tm_error error = {0};
    tm_writer *writer = grow_writer("a.npy", TM_GROWTH_NEW);
    assert_int_equal(tm_writer_leave(writer, NULL), TM_OK);
    assert_int_equal(tm_writer_grow("a.npy", false, TM_GROWTH_PART, &writer, NULL), TM_OK);
    assert_int_equal(tm_writer_declare(writer, "features.0", 3, shape, &error), TM_WRITE);
    assert_non_null(strstr(error.message, "another array than this run makes"));
    tm_writer_abandon(writer);
    assert_false(tm_writer_can_grow("a.npz"));
    assert_false(tm_writer_can_grow("a.safetensors"));
    assert_true(tm_writer_can_grow("a/"));
    assert_int_equal(entries("."), 0);
}

static void npz_comment(void **state)
{
    (void)state;
    static const char comment[] = "{\"model\":\"m\"}";
    tm_writer *writer = open_writer("a.npz", false);
    add_rows(writer, true);
    assert_int_equal(tm_writer_metadata(writer, "model", "m", NULL), TM_OK);
    commit(writer);
    tm_map map = map_of("a.npz");
    const unsigned char *end = map.data + map.size - (sizeof comment - 1);
    assert_memory_equal(end, comment, sizeof comment - 1);
    assert_int_equal(end[-2], sizeof comment - 1);
    assert_int_equal(word(end - 22), 0x06054B50);
    TM_ASSERT(tm_unmap(&map, TM_OK, NULL) == TM_OK);
    unlink("a.npz");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(npy),
        cmocka_unit_test(npy_header_length),
        cmocka_unit_test(npz),
        cmocka_unit_test(safetensors),
        cmocka_unit_test(zip64),
        cmocka_unit_test(folder_of_arrays),
        cmocka_unit_test(abandoned),
        cmocka_unit_test(refused),
        cmocka_unit_test(no_space),
        cmocka_unit_test(spool_is_given_back),
        cmocka_unit_test(grown_npy),
        cmocka_unit_test(grown_npy_without_header),
        cmocka_unit_test(grown_otherwise),
        cmocka_unit_test(npz_comment),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
