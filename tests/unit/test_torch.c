/* SPDX-License-Identifier: Apache-2.0 */
/* PyTorch's files, zip and before 1.6: real ones, and what is refused, row by row. */
#include "base/little_endian.h"
#include "tests/unit/expected_tensors.h"
#include "tests/unit/pickle_writer.h"
#include "tests/unit/zip_writer.h"

static void real_files(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        reader_fn *read;
        size_t count;
    } rows[] = {
        {"zip.pth", tm_torch_zip_read, 3},
        {"legacy.pth", tm_torch_legacy_read, 3},
        {"no_crc.pth", tm_torch_zip_read, 3},
        {"deflated.pth", tm_torch_zip_read, 3},
        {"dtypes.pth", tm_torch_zip_read, 11},
        {"dtypes_legacy.pth", tm_torch_legacy_read, 11},
        {"strided.pth", tm_torch_zip_read, 11},
        {"strided_legacy.pth", tm_torch_legacy_read, 11},
        {"checkpoint.pth", tm_torch_zip_read, 12},
        {"checkpoint_legacy.pth", tm_torch_legacy_read, 12},
        {"parameter.pth", tm_torch_zip_read, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(check_tensors(rows[i].file, rows[i].read), rows[i].count);
}

/* Opened by their first bytes, as the program does. */
static void by_content(void **state)
{
    (void)state;
    static const char *const files[] = {"zip.pth", "legacy.pth", "checkpoint.pth"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[256];
        tm_weights *weights;
        tm_error error = {0};
        snprintf(path, sizeof path, WEIGHTS_DATA "%s", files[i]);
        if (tm_weights_open_file(path, false, &weights, &error) ||
            tm_weights_settle(weights, &error))
            fail_msg("%s", error.message);
        assert_int_equal(tm_weights_count(weights), 3);
        assert_non_null(tm_weights_find(weights, "conv.weight"));
        float bias[2];
        assert_int_equal(
            tm_weights_read_f32(weights, "conv.bias", 1, (const int64_t[]){2}, bias, &error),
            TM_OK);
        assert_float_equal(bias[0], 0.5, 0);
        assert_float_equal(bias[1], -0.25, 0);
        TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
    }
}

/* ---- the zip form ---- */

static const float pair[2] = {1.5F, -2};
#define PAIR .data = pair, .size = sizeof pair

static tm_buffer one_tensor(const char *type, int64_t count)
{
    tm_buffer p = {0};
    PUT(&p, "\x80\2}");
    put_text(&p, "a");
    put_tensor(&p, &(pickled_tensor){
                       .type = type, .count = count, .rank = 1, .shape = {2}, .stride = {1}});
    PUT(&p, "s.");
    return p;
}

/* An archive of these members, the first of which has no data yet: it gets the pickle's. */
static void check_zip(const zip_member *members, size_t count, const char *refused)
{
    zip_member copy[12];
    tm_buffer pickle = one_tensor("FloatStorage", 2), file = {0};
    memcpy(copy, members, count * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        if (!copy[i].data) {
            copy[i].data = pickle.data;
            copy[i].size = pickle.length;
        }
    zip_write(&file, copy, count, NULL);
    check_file(&file, tm_torch_zip_read, refused);
    tm_buffer_free(&pickle);
}

#define CHECK(refused, ...)                                                                        \
    check_zip((const zip_member[]){__VA_ARGS__},                                                   \
              sizeof((const zip_member[]){__VA_ARGS__}) / sizeof(zip_member), refused)
#define PICKLE                                                                                     \
    {                                                                                              \
        .name = "r/data.pkl"                                                                       \
    }
#define VERSION                                                                                    \
    {                                                                                              \
        .name = "r/version", .data = "3\n", .size = 2                                              \
    }
#define DATA                                                                                       \
    {                                                                                              \
        .name = "r/data/0", PAIR                                                                   \
    }

static void zip_rows(void **state)
{
    (void)state;
    CHECK(NULL, PICKLE, DATA, VERSION);
    CHECK(NULL, PICKLE, {.name = "r/byteorder", .data = "little", .size = 6}, DATA, VERSION);
    CHECK(NULL, {.name = "r/data.pkl", .deflate = true},
          {.name = "r/data/0", PAIR, .deflate = true}, VERSION);
    CHECK(NULL, {.name = "r/data.pkl", .sizes_follow = true},
          {.name = "r/data/0", PAIR, .sizes_follow = true, .no_crc = true}, VERSION);
    CHECK(NULL, PICKLE, DATA, {.name = "r/.data/version", .data = "3\n", .size = 2});
    CHECK(NULL, PICKLE, DATA, {.name = "r/version", .data = "10", .size = 2});
    CHECK(NULL, {.name = "a b/c/data.pkl"}, {.name = "a b/data.pkl"}, {.name = "a b/data/0", PAIR},
          {.name = "a b/version", .data = "3", .size = 1});
    CHECK(NULL, PICKLE, DATA, VERSION, {.name = "other/file", .data = "x", .size = 1});

    CHECK("no version", PICKLE, DATA);
    CHECK("version 'x'", PICKLE, DATA, {.name = "r/version", .data = "x", .size = 1});
    CHECK("version '11'", PICKLE, DATA, {.name = "r/version", .data = "11", .size = 2});
    CHECK("version '0'", PICKLE, DATA, {.name = "r/version", .data = "0", .size = 1});
    CHECK("version '-3'", PICKLE, DATA, {.name = "r/version", .data = "-3", .size = 2});
    CHECK("version '3x'", PICKLE, DATA, {.name = "r/version", .data = "3x", .size = 2});
    CHECK("a long version", PICKLE, DATA,
          {.name = "r/version", .data = "3               ", .size = 16});
    CHECK("no version", PICKLE, DATA, {.name = "version", .data = "3", .size = 1});
    CHECK("byteorder 'big'", PICKLE, {.name = "r/byteorder", .data = "big", .size = 3}, DATA,
          VERSION);
    CHECK("byteorder 'x'", PICKLE, {.name = "r/byteorder", .data = "x", .size = 1}, DATA, VERSION);
    CHECK("without data.pkl", VERSION, DATA);
    CHECK("without data.pkl", VERSION, {.name = "other/data.pkl"}, DATA);
    CHECK("without a folder", {.name = "data.pkl"}, {.name = "data/0", PAIR});
    CHECK("TorchScript", PICKLE, DATA, VERSION,
          {.name = "r/constants.pkl", .data = "N.", .size = 2});
    CHECK("TorchScript", PICKLE, DATA, VERSION,
          {.name = "r/code/__torch__.py", .data = "x", .size = 1});
    CHECK("no entry for the storage data/0", PICKLE, VERSION);
    CHECK("no entry for the storage data/0", PICKLE, VERSION, {.name = "r/data/00", PAIR});
    CHECK("4 bytes for the storage data/0", PICKLE, VERSION,
          {.name = "r/data/0", .data = pair, .size = 4});
    CHECK("expected 8, as data.pkl says", PICKLE, VERSION,
          {.name = "r/data/0", .data = "123456789", .size = 9});
    CHECK("with checksum", {.name = "r/data.pkl", .stated_crc = 1}, DATA, VERSION);
    CHECK("with checksum", PICKLE, {.name = "r/data/0", PAIR, .stated_crc = 1}, VERSION);
    CHECK("a second time", PICKLE, PICKLE, DATA, VERSION);
    CHECK("the end where", {.name = "r/data.pkl", .data = "}", .size = 1}, DATA, VERSION);
}

static void key_names(void **state)
{
    (void)state;
    static const char *const keys[] = {"../0", "x", "0/../0", "", "data.pkl"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        tm_buffer pickle = {0}, file = {0};
        PUT(&pickle, "}");
        put_text(&pickle, "a");
        put_tensor(
            &pickle,
            &(pickled_tensor){.key = keys[i], .count = 2, .rank = 1, .shape = {2}, .stride = {1}});
        PUT(&pickle, "s.");
        const zip_member members[] = {
            {.name = "r/data.pkl", .data = pickle.data, .size = pickle.length}, DATA, VERSION};
        zip_write(&file, members, 3, NULL);
        check_file(&file, tm_torch_zip_read, "no entry for the storage");
        tm_buffer_free(&pickle);
    }
}

/* Big enough for several threads to compare checksums. */
static void many_checksums(void **state)
{
    (void)state;
    enum { COUNT = 10, FLOATS = 1 << 18 };
    float *zeros = calloc(FLOATS, sizeof *zeros);
    assert_non_null(zeros);
    for (int wrong = -1; wrong < COUNT; wrong += 3) {
        tm_buffer pickle = {0}, file = {0};
        char names[COUNT][16], keys[COUNT][4];
        zip_member members[COUNT + 2] = {{.name = "r/data.pkl"}, VERSION};
        PUT(&pickle, "}");
        for (int i = 0; i < COUNT; i++) {
            snprintf(keys[i], sizeof keys[i], "%d", i);
            snprintf(names[i], sizeof names[i], "r/data/%d", i);
            put_text(&pickle, keys[i]);
            put_tensor(
                &pickle,
                &(pickled_tensor){
                    .key = keys[i], .count = FLOATS, .rank = 1, .shape = {FLOATS}, .stride = {1}});
            PUT(&pickle, "s");
            members[i + 2] = (zip_member){.name = names[i],
                                          .data = zeros,
                                          .size = FLOATS * sizeof *zeros,
                                          .stated_crc = i == wrong ? 1 : 0};
        }
        PUT(&pickle, ".");
        members[0].data = pickle.data;
        members[0].size = pickle.length;
        zip_write(&file, members, COUNT + 2, NULL);
        char expected[48];
        snprintf(expected, sizeof expected, "entry r/data/%d with checksum", wrong);
        check_file(&file, tm_torch_zip_read, wrong < 0 ? NULL : expected);
        tm_buffer_free(&pickle);
    }
    free(zeros);
}

/* ---- the form before 1.6 ---- */

#define MAGIC "\x80\2\x8A\12\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19."
#define PROTOCOL_1001 "\x80\2M\xE9\3."
#define SYSTEM "\x80\2}X\15\0\0\0little_endian\x88s."

typedef struct legacy {
    const char *keys[4];
    int64_t counts[4];
    size_t bytes[4]; /* of data behind the counts */
    bool view;
} legacy;

static void put_legacy(tm_buffer *file, const legacy *l)
{
    PUT(file, "\x80\2}");
    put_text(file, "a");
    put_tensor(file,
               &(pickled_tensor){
                   .key = "k", .count = 2, .rank = 1, .shape = {2}, .stride = {1}, .older = true});
    PUT(file, "s");
    put_text(file, "b");
    put_tensor(file, &(pickled_tensor){
                         .key = "l", .type = "LongStorage", .count = 1, .rank = 0, .older = true});
    PUT(file, "s.");
    PUT(file, "\x80\2](");
    for (int i = 0; l->keys[i]; i++)
        put_text(file, l->keys[i]);
    PUT(file, "e.");
    for (int i = 0; l->keys[i]; i++) {
        zip_number(file, (uint64_t)l->counts[i], 8);
        for (size_t k = 0; k < l->bytes[i]; k++)
            tm_buffer_putc(file, (char)k);
    }
}

static void check_legacy(const char *refused, const legacy *l)
{
    tm_buffer file = {0};
    PUT(&file, MAGIC PROTOCOL_1001 SYSTEM);
    put_legacy(&file, l);
    check_file(&file, tm_torch_legacy_read, refused);
}
#define LEGACY(refused, ...) check_legacy(refused, &(const legacy){__VA_ARGS__})

static void legacy_rows(void **state)
{
    (void)state;
    LEGACY(NULL, .keys = {"k", "l"}, .counts = {2, 1}, .bytes = {8, 8});
    LEGACY(NULL, .keys = {"l", "k"}, .counts = {1, 2}, .bytes = {8, 8});
    LEGACY(NULL, .keys = {"l", "k"}, .counts = {1, 2},
           .bytes = {8, 20}); /* junk behind, as torch */
    LEGACY("no storage l", .keys = {"k"}, .counts = {2}, .bytes = {8});
    LEGACY("no storage k", .keys = {NULL});
    LEGACY("that no tensor has", .keys = {"k", "x"}, .counts = {2, 1}, .bytes = {8, 8});
    LEGACY("storage k twice", .keys = {"k", "k"}, .counts = {2, 2}, .bytes = {8, 8});
    LEGACY("another length of storage k", .keys = {"k", "l"}, .counts = {3, 1}, .bytes = {12, 8});
    LEGACY("another length of storage k", .keys = {"k", "l"}, .counts = {1, 1}, .bytes = {4, 8});
    LEGACY("another length of storage k", .keys = {"k", "l"}, .counts = {-1, 1}, .bytes = {8, 8});
    LEGACY("another length of storage k", .keys = {"k", "l"}, .counts = {((int64_t)1 << 62) + 2, 1},
           .bytes = {8, 8}); /* times 4 is 8 again */
    LEGACY("the end in storage l", .keys = {"k", "l"}, .counts = {2, 1}, .bytes = {8, 7});
    LEGACY("the end in storage l", .keys = {"k", "l"}, .counts = {2, 1}, .bytes = {8, 0});
}

static void legacy_frames(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *refused;
    } rows[] = {
#define ROW(bytes, refused) {bytes, sizeof(bytes) - 1, refused}
        ROW("\x80\2N.", "without torch's magic number"),
        ROW("\x80\2\x8A\12\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x18.", "without torch's magic"),
        ROW("\x80\4\x95\0\0\0\0\0\0\0\0N.", "pickle operation 0x95"),
        ROW(MAGIC "\x80\2M\xE8\3.", "another protocol, expected 1001"),
        ROW(MAGIC "\x80\2N.", "another protocol, expected 1001"),
        ROW(MAGIC PROTOCOL_1001 "N.", "a dict about the writer's system"),
        ROW(MAGIC PROTOCOL_1001 "}X\15\0\0\0little_endian\x89s.", "expected little_endian True"),
        ROW(MAGIC PROTOCOL_1001 "}X\15\0\0\0little_endianK\1s.", "expected little_endian True"),
        ROW(MAGIC PROTOCOL_1001 SYSTEM "cos\nsystem\n)R.", "the global os.system"),
        ROW(MAGIC PROTOCOL_1001 SYSTEM "}.N.", "expected the list of storages"),
        ROW(MAGIC PROTOCOL_1001 SYSTEM "}.].", "no tensor"),
        ROW(MAGIC PROTOCOL_1001 SYSTEM "}.]Na.", "a storage that no tensor has"),
#undef ROW
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tm_buffer file = {0};
        tm_buffer_add(&file, rows[i].bytes, rows[i].size);
        check_file(&file, tm_torch_legacy_read, rows[i].refused);
    }
}

/* A storage can be a part of another: (key, offset, count) behind the count of the whole. */
static void legacy_views(void **state)
{
    (void)state;
    static const struct {
        int64_t offset, count;
        const char *refused;
    } rows[] = {{1, 3, NULL},
                {0, 4, NULL},
                {1, 4, "no part of its storage"},
                {-1, 2, "no part"},
                {5, 0, "no part"},
                {3, 1, "beyond its storage"},
                {INT64_MAX, 1, "no part"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tm_buffer file = {0};
        PUT(&file, MAGIC PROTOCOL_1001 SYSTEM "}");
        put_text(&file, "a");
        put_global(&file, "torch._utils", "_rebuild_tensor");
        PUT(&file, "((");
        put_text(&file, "storage");
        put_global(&file, "torch", "FloatStorage");
        put_text(&file, "k");
        put_text(&file, "cpu");
        put_integer(&file, 4);
        PUT(&file, "(");
        put_text(&file, "view");
        put_integer(&file, rows[i].offset);
        put_integer(&file, rows[i].count);
        PUT(&file, "ttQK\1K\2\x85K\1\x85tRs."); /* two from the second on */
        PUT(&file, "](");
        put_text(&file, "k");
        PUT(&file, "e.");
        zip_number(&file, 4, 8);
        float values[4] = {10, 11, 12, 13};
        tm_f32_to_le(values, values, 4);
        tm_buffer_add(&file, values, sizeof values);
        if (!rows[i].refused) {
            tm_tensor_index index = {0};
            float got[2];
            assert_int_equal(
                tm_torch_legacy_read("x", (unsigned char *)file.data, file.length, &index, NULL),
                TM_OK);
            tm_view_read_f32(&index.tensors[0], 0, 2, got);
            assert_float_equal(got[0], (float)(11 + rows[i].offset), 0);
            tm_tensor_index_free(&index);
        }
        check_file(&file, tm_torch_legacy_read, rows[i].refused);
    }
}

static void legacy_two_sizes(void **state)
{
    (void)state;
    tm_buffer file = {0};
    PUT(&file, MAGIC PROTOCOL_1001 SYSTEM "}");
    for (int i = 0; i < 2; i++) {
        put_text(&file, i ? "a" : "b");
        put_tensor(&file, &(pickled_tensor){.key = "k", .count = 1 + i, .rank = 0, .older = true});
        PUT(&file, "s");
    }
    PUT(&file, ".");
    check_file(&file, tm_torch_legacy_read, "storage k of two sizes");
}

/* ---- other files ---- */

static void probes(void **state)
{
    (void)state;
    unsigned char bytes[600] = {0};
    tm_error error = {0};
    tm_weights *weights;
    memcpy(bytes + 257, "ustar", 5);
    bytes[8] = '{';
    assert_int_equal(
        tm_weights_open_memory(bytes, sizeof bytes, "old.pth", false, &weights, &error),
        TM_WEIGHTS_INVALID);
    assert_non_null(strstr(error.message, "old.pth: torch file, offset 0: found the tar format"));
    assert_false(tm_torch_tar_probe(bytes, 261));
    assert_true(tm_torch_zip_probe((const unsigned char *)"PK\3\4", 4));
    assert_false(tm_torch_zip_probe((const unsigned char *)"PK\3", 3));
    assert_false(tm_torch_legacy_probe((const unsigned char *)"\x80\1", 2));
    assert_false(tm_torch_legacy_probe((const unsigned char *)"\x80", 1));
}

static void damage(void **state)
{
    (void)state;
    check_file_damage("zip.pth", tm_torch_zip_read);
    check_file_damage("deflated.pth", tm_torch_zip_read);
    check_file_damage("legacy.pth", tm_torch_legacy_read);
    tm_buffer file = {0};
    PUT(&file, MAGIC PROTOCOL_1001 SYSTEM);
    put_legacy(&file, &(const legacy){.keys = {"k", "l"}, .counts = {2, 1}, .bytes = {8, 8}});
    check_damage((unsigned char *)file.data, file.length, file.length, tm_torch_legacy_read);
    tm_buffer_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_files),       cmocka_unit_test(by_content),
        cmocka_unit_test(zip_rows),         cmocka_unit_test(key_names),
        cmocka_unit_test(many_checksums),   cmocka_unit_test(legacy_rows),
        cmocka_unit_test(legacy_frames),    cmocka_unit_test(legacy_views),
        cmocka_unit_test(legacy_two_sizes), cmocka_unit_test(probes),
        cmocka_unit_test(damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
