/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that threads share: who waits, who is refused, and what is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jpeglib.h>

#include "image/image.h"

enum { THREADS = 8, ROUNDS = 50 };

typedef struct crowd {
    tm_budget budget;
    atomic_size_t held, most;
} crowd;

static void *take_and_give(void *context)
{
    crowd *c = context;
    for (int i = 0; i < ROUNDS; i++) {
        tm_share share = {.budget = &c->budget};
        size_t bytes = 10 + (size_t)(i % 5) * 20;
        if (!tm_share_take(&share, bytes))
            return c;
        size_t now = atomic_fetch_add(&c->held, bytes) + bytes, most = atomic_load(&c->most);
        while (now > most && !atomic_compare_exchange_weak(&c->most, &most, now))
            ;
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
        atomic_fetch_sub(&c->held, bytes);
        tm_share_return(&share);
    }
    return NULL;
}

/* All come through, and never is more out than there is. */
static void threads_wait(void **state)
{
    crowd c = {.budget = TM_BUDGET(100)};
    pthread_t threads[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &c), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_true(c.most > 0 && c.most <= 100);
    assert_int_equal(c.budget.used, 0);
}

/* More than all is refused at once, also while others hold some. */
static void too_much(void **state)
{
    tm_budget budget = TM_BUDGET(100);
    tm_share one = {.budget = &budget}, two = {.budget = &budget}, none = {0};
    (void)state;
    assert_false(tm_share_take(&one, 101));
    assert_true(tm_share_take(&one, 100));
    assert_false(tm_share_take(&two, 101));
    tm_share_resize(&one, 40);
    assert_true(tm_share_take(&two, 60));
    assert_int_equal(budget.used, 100);
    tm_share_return(&one);
    tm_share_return(&two);
    assert_int_equal(budget.used, 0);
    assert_true(tm_share_take(&none, SIZE_MAX));
    tm_share_return(&none);
}

static void of_the_machine(void **state)
{
    (void)state;
    assert_int_equal(tm_memory_half(1000), 1000);
    assert_true(tm_memory_half(SIZE_MAX) > 1 << 20);
    assert_true(tm_memory_half(SIZE_MAX) < SIZE_MAX / 2);
    assert_true(tm_image_memory_shared()->pixels.total <= 3000000000);
}

/* ---- pictures ---- */

static unsigned char *make_jpeg(int side, bool progressive, unsigned long *size)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL, *row = calloc((size_t)side, 3);
    assert_non_null(row);
    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &bytes, size);
    cinfo.image_width = cinfo.image_height = (JDIMENSION)side;
    cinfo.input_components = 3;
    cinfo.in_color_space = JCS_RGB;
    jpeg_set_defaults(&cinfo);
    if (progressive)
        jpeg_simple_progression(&cinfo);
    jpeg_start_compress(&cinfo, TRUE);
    for (int y = 0; y < side; y++)
        jpeg_write_scanlines(&cinfo, &row, 1);
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    free(row);
    return bytes;
}

enum { SIDE = 2000, RGB = SIDE * SIDE * 3 };

static tm_status decode(const unsigned char *bytes, size_t size, tm_image_memory *memory,
                        bool orient, tm_image *image, tm_error *error)
{
    const tm_decode_options options = {.memory = memory, .exif_orient = orient};
    *error = (tm_error){0};
    return tm_image_decode(bytes, size, "x", &options, image, error);
}

/* A picture takes its pixels and what its decoder keeps: a progressive one twice as much again. */
static void pictures(void **state)
{
    unsigned long plain_size = 0, progressive_size = 0;
    unsigned char *plain = make_jpeg(SIDE, false, &plain_size);
    unsigned char *progressive = make_jpeg(SIDE, true, &progressive_size);
    tm_image_memory memory;
    tm_image image;
    tm_error error;
    (void)state;
    tm_image_memory_set(&memory, 20000000);
    assert_int_equal(memory.files.total, 5000000);
    assert_int_equal(memory.pixels.total, 15000000);
    assert_int_equal(decode(plain, plain_size, &memory, false, &image, &error), TM_OK);
    assert_int_equal(memory.pixels.used, RGB);
    tm_image_free(&image);
    assert_int_equal(memory.pixels.used, 0);
    assert_int_equal(decode(plain, plain_size, &memory, true, &image, &error), TM_TOO_LARGE);
    assert_int_equal(decode(progressive, progressive_size, &memory, false, &image, &error),
                     TM_TOO_LARGE);
    assert_non_null(strstr(error.message, "x: picture of 2000 x 2000 needs 2"));
    assert_non_null(strstr(error.message, "expected at most 15.0 MB"));
    assert_int_equal(memory.pixels.used, 0);
    tm_image_memory_set(&memory, 40000000);
    assert_int_equal(decode(progressive, progressive_size, &memory, false, &image, &error), TM_OK);
    assert_int_equal(memory.pixels.used, RGB);
    tm_image_free(&image);
    assert_int_equal(decode(progressive, progressive_size - 300, &memory, false, &image, &error),
                     TM_TRUNCATED);
    assert_int_equal(memory.pixels.used, 0);
    free(plain);
    free(progressive);
}

/* ---- files ---- */

static const unsigned char begin[] = {0xFF, 0xD8, 0xFF, 0xFE, 0xFF, 0xFF};

static void *write_for_ever(void *context)
{
    const int *end = context;
    static unsigned char block[1 << 16];
    if (write(*end, begin, sizeof begin) == sizeof begin)
        while (write(*end, block, sizeof block) > 0)
            ;
    close(*end);
    return NULL;
}

static void expect_too_long(int fd, tm_image_memory *memory)
{
    const tm_decode_options options = {.memory = memory};
    tm_image image;
    tm_error error = {0};
    assert_int_equal(tm_image_decode_stream(fd, "x", &options, &image, &error), TM_TOO_LARGE);
    assert_non_null(strstr(error.message, "x: more than 1000000 bytes, which is the limit"));
    assert_int_equal(memory->files.used, 0);
}

/* A pipe is read up to the limit, of a file that is longer no more than its begin. */
static void long_files(void **state)
{
    tm_image_memory memory;
    pthread_t writer;
    int ends[2];
    (void)state;
    tm_image_memory_set(&memory, 4000000);
    assert_int_equal(pipe(ends), 0);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pthread_create(&writer, NULL, write_for_ever, &ends[1]), 0);
    expect_too_long(ends[0], &memory);
    close(ends[0]);
    assert_int_equal(pthread_join(writer, NULL), 0);

    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(begin, 1, sizeof begin, file), sizeof begin);
    assert_int_equal(fflush(file), 0);
    assert_int_equal(ftruncate(fileno(file), 1000001), 0);
    rewind(file);
    expect_too_long(fileno(file), &memory);
    assert_true(lseek(fileno(file), 0, SEEK_CUR) <= 1 << 16);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_wait),   cmocka_unit_test(too_much),
        cmocka_unit_test(of_the_machine), cmocka_unit_test(pictures),
        cmocka_unit_test(long_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
