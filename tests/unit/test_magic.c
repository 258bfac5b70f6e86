/* SPDX-License-Identifier: Apache-2.0 */
/* The names of files that are not what was expected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/magic.h"
#include "image/image.h"
#include "weights/weights.h"

/* bytes: without what follows the first NULs, which are all the same */
typedef struct known {
    const char *bytes;
    size_t length;
    const char *name, *picture, *weights; /* no picture: a format that is read */
} known;

#define FILE_OF(bytes) bytes, sizeof(bytes) - 1

static const known files[] = {
    {FILE_OF("version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer", "git lfs pull",
     "git lfs pull"},
    {FILE_OF("\n<!doctype HTML><p>"), "HTML page", "download", "download"},
    {FILE_OF("\xEF\xBB\xBF<?xml version='1.0'?>\n<svg>"), "SVG drawing", "convert", "as INPUT"},
    {FILE_OF("<svg xmlns="), "SVG drawing", "convert", "as INPUT"},
    {FILE_OF("%PDF-1.7\n"), "PDF", "convert", "PNG or JPEG"},
    {FILE_OF("RIFF\1\2\3\4WEBPVP8 "), "WebP", NULL, "as INPUT"},
    {FILE_OF("\0\0\0\x18"
             "ftypheic\0\0\0\0"),
     "HEIC", NULL, "as INPUT"},
    {FILE_OF("\0\0\0\x18"
             "ftypavif\0\0\0\0"),
     "AVIF", NULL, "as INPUT"},
    {FILE_OF("\0\0\0\x18"
             "ftypisom\0\0\0\0"),
     "video", "frames", "as INPUT"},
    {FILE_OF("\0\0\0\x0CJXL \r\n\x87\n"), "JPEG XL", NULL, "as INPUT"},
    {FILE_OF("\0\0\0\x0CjP  \r\n\x87\n"), "JPEG 2000", "convert", "as INPUT"},
    {FILE_OF("II*\0\x08\0\0\0"), "TIFF", NULL, "as INPUT"},
    {FILE_OF("BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"), "BMP", NULL, "as INPUT"},
    {FILE_OF("8BPS\0\1"), "Photoshop", "convert", "as INPUT"},
    {FILE_OF("\0\0\1\0\1\0\x10\x10\0\0"), "icon", "convert", "as INPUT"},
    {FILE_OF("\x08\x07\x12\x07pytorch\x1A\x05"), "ONNX", "PNG or JPEG", "state dict"},
    {FILE_OF("\x08\x04\x12\x80\x01\x0A\x05image"), "Core ML", "PNG or JPEG", "state dict"},
    {FILE_OF("GGUF\3\0\0\0"), "GGUF", "--weights", "state dict"},
    {FILE_OF("\x89HDF\r\n\x1A\n"), "HDF5", "PNG or JPEG", "state dict"},
    {FILE_OF("\x1C\0\0\0TFL3"), "TensorFlow Lite", "PNG or JPEG", "state dict"},
    {FILE_OF("\x1F\x8B\x08\0\0\0\0\0\0\3"), "gzip", "unpack", "unpack"},
    {FILE_OF("\xFD"
             "7zXZ\0"),
     "xz", "unpack", "unpack"},
    {FILE_OF("\x28\xB5\x2F\xFD"), "zstd", "unpack", "unpack"},
    {FILE_OF("BZh91AY"), "bzip2", "unpack", "unpack"},
    {FILE_OF("7z\xBC\xAF\x27\x1C"), "7z", "unpack", "unpack"},
    {FILE_OF("Rar!\x1A\7\1\0"), "RAR", "unpack", "unpack"},
    {FILE_OF("{\"error\": \"not found\"}"), "JSON", "PNG or JPEG", "weights file"},
};

static void names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const known *f = &files[i];
        tm_magic magic;
        if (!tm_magic_find((const unsigned char *)f->bytes, f->length, TM_MAGIC_PICTURE, &magic) ||
            !strstr(magic.name, f->name) || !strstr(magic.advice, f->picture ? f->picture : ""))
            fail_msg("%s: as a picture", f->name);
        if (!tm_magic_find((const unsigned char *)f->bytes, f->length, TM_MAGIC_WEIGHTS, &magic) ||
            !strstr(magic.name, f->name) || !strstr(magic.advice, f->weights))
            fail_msg("%s: as weights", f->name);
    }
}

/* Every file, with enough behind its start that no reader takes it for a short one. */
static unsigned char *padded(const known *f, size_t size)
{
    unsigned char *bytes = calloc(1, size);
    assert_non_null(bytes);
    memcpy(bytes, f->bytes, f->length);
    return bytes;
}

static void readers_say_so(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        unsigned char *bytes = padded(&files[i], SIZE);
        tm_error error = {0};
        tm_image image;
        tm_weights *weights = NULL;
        tm_status status = tm_image_decode(bytes, SIZE, "x", NULL, &image, &error);
        assert_int_not_equal(status, TM_OK);
        if (files[i].picture && (status != TM_NOT_IMAGE || !strstr(error.message, files[i].name) ||
                                 !strstr(error.message, files[i].picture)))
            fail_msg("%s", error.message);
        error = (tm_error){0};
        assert_int_equal(tm_weights_open_memory(bytes, SIZE, "x", false, &weights, &error),
                         TM_WEIGHTS_INVALID);
        if (!strstr(error.message, files[i].name) || !strstr(error.message, files[i].weights))
            fail_msg("%s", error.message);
        free(bytes);
    }
}

/* What each reads, given to the other. */
static void the_wrong_way_round(void **state)
{
    (void)state;
    static const known safetensors = {FILE_OF("\x02\0\0\0\0\0\0\0{}"), "", "", ""},
                       jpeg = {FILE_OF("\xFF\xD8\xFF\xE0"), "", "", ""},
                       tiff_like = {FILE_OF("II*\0\0\0\0\0{\"a\""), "", "", ""};
    tm_error error = {0};
    tm_image image;
    tm_weights *weights;
    tm_magic magic;
    tm_image_decode((const unsigned char *)safetensors.bytes, safetensors.length, "x", NULL, &image,
                    &error);
    assert_non_null(strstr(error.message, "x: is a safetensors file, expected PNG, JPEG, "));
    assert_non_null(strstr(error.message, ": give it with --weights, and pictures as INPUT"));
    error = (tm_error){0};
    tm_weights_open_memory(jpeg.bytes, jpeg.length, "x", false, &weights, &error);
    assert_non_null(strstr(error.message, "found a JPEG picture, expected one of: .npz"));
    assert_non_null(strstr(error.message, "give it as INPUT"));
    assert_true(tm_magic_find((const unsigned char *)tiff_like.bytes, tiff_like.length,
                              TM_MAGIC_PICTURE, &magic));
    assert_string_equal(magic.name, "a safetensors file");
}

/* No byte beyond the end is looked at, and nothing is found in nothing. */
static void short_files(void **state)
{
    (void)state;
    tm_magic magic;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        for (size_t length = 0; length <= files[i].length; length++) {
            unsigned char *copy = malloc(length ? length : 1);
            assert_non_null(copy);
            memcpy(copy, files[i].bytes, length);
            bool found = tm_magic_find(copy, length, TM_MAGIC_PICTURE, &magic);
            assert_true(length > 0 || !found);
            free(copy);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(readers_say_so),
        cmocka_unit_test(the_wrong_way_round),
        cmocka_unit_test(short_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
