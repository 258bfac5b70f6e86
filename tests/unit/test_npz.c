/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy's .npz: real files, and what is refused, row by row. */
#include "base/little_endian.h"
#include "tests/unit/expected_tensors.h"
#include "tests/unit/zip_writer.h"

static void real_files(void **state)
{
    (void)state;
    assert_int_equal(check_tensors("stored.npz", tm_npz_read), 12);
    assert_int_equal(check_tensors("deflated.npz", tm_npz_read), 12);
    tm_weights *weights;
    tm_error error = {0};
    assert_int_equal(tm_weights_open_file(WEIGHTS_DATA "stored.npz", true, &weights, &error),
                     TM_OK);
    assert_int_equal(tm_weights_settle(weights, &error), TM_OK);
    assert_non_null(tm_weights_find(weights, "Transformer/encoderblock_0/kernel"));
    TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
}

/* An array file: header of version 1.0 as given, then `data` bytes 0, 1, ... */
static tm_buffer array(const char *literal, size_t data)
{
    tm_buffer out = {0};
    size_t length = strlen(literal);
    tm_buffer_add(&out, "\x93NUMPY\1\0", 8);
    zip_number(&out, length, 2);
    tm_buffer_add(&out, literal, length);
    for (size_t i = 0; i < data; i++)
        tm_buffer_putc(&out, (char)i);
    return out;
}

#define DICT(descr, order, shape)                                                                  \
    "{'descr': '" descr "', 'fortran_order': " order ", 'shape': " shape ", }  \n"

static void check(const char *literal, size_t data, const char *refused)
{
    for (int form = 0; form < 2; form++) {
        tm_buffer bytes = array(literal, data), file = {0};
        const zip_member member = {
            .name = "a.npy", .data = bytes.data, .size = bytes.length, .deflate = form};
        zip_write(&file, &member, 1, NULL);
        check_file(&file, tm_npz_read, refused);
        tm_buffer_free(&bytes);
    }
}

static void headers(void **state)
{
    (void)state;
    check(DICT("<f4", "False", "(2, 3)"), 24, NULL);
    check(DICT("<f4", "True", "(2, 3)"), 24, NULL);
    check(DICT("<f2", "False", "(3,)"), 6, NULL);
    check(DICT("<f8", "False", "()"), 8, NULL);
    check(DICT("<i2", "False", "(1,)"), 2, NULL);
    check(DICT("<i4", "False", "(1,)"), 4, NULL);
    check(DICT("<i8", "False", "(1,)"), 8, NULL);
    check(DICT("|i1", "False", "(3,)"), 3, NULL);
    check(DICT("|u1", "False", "(3,)"), 3, NULL);
    check(DICT("|b1", "False", "(3,)"), 3, NULL);
    check(DICT("|V2", "False", "(3,)"), 6, NULL); /* bfloat16 */
    check(DICT("<f4", "True", "(0, 7)"), 0, NULL);
    check(DICT("<f4", "True", "(0, 16777216, 16777216)"), 0, NULL);
    check(DICT("<f4", "True", "(0, 4294967296, 4294967296)"), 0, "beyond 2^48 elements");
    check(DICT("|O", "False", "(1,)"), 4, "elements of type '|O'");
    check(DICT(">f4", "False", "(1,)"), 4, "elements of type '>f4'");
    check(DICT("<c8", "False", "(1,)"), 8, "elements of type '<c8'");
    check(DICT("<U1", "False", "(1,)"), 4, "elements of type '<U1'");
    check(DICT("|V4", "False", "(1,)"), 4, "elements of type '|V4'");
    check(DICT("<u4", "False", "(1,)"), 4, "elements of type '<u4'");
    check("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", 4, "of records");
    check(DICT("<f4", "False", "(2,)"), 7, "7 bytes of data, expected 8");
    check(DICT("<f4", "False", "(2,)"), 9, "9 bytes of data, expected 8");
    check(DICT("<f4", "False", "(2,)"), 0, "0 bytes of data, expected 8");
    check(DICT("<f4", "False", "(1,1,1,1,1,1,1,1,1)"), 4, "a ninth dimension");
    check(DICT("<f4", "False", "(4294967296, 4294967296)"), 4, "beyond 2^48 elements");
    check(DICT("<f4", "False", "(4294967296, 4294967296, 0)"), 0, "beyond 2^48 elements");
    check(DICT("<f4", "False", "(-1,)"), 4, "a dimension");
    check(DICT("<f4", "False", "(1,)") "x", 4, "only spaces");
    check("{'descr': __import__('os')}", 4, "a quoted element type");
    check("", 4, "the end of the header");
}

/* Where an array says that it is small, nothing large is unpacked; and the other way round. */
static void sizes(void **state)
{
    (void)state;
    tm_buffer bytes = array(DICT("<f4", "False", "(1000,)"), 0), file = {0};
    for (int i = 0; i < 100000; i++)
        tm_buffer_putc(&bytes, 0);
    zip_member member = {
        .name = "a.npy", .data = bytes.data, .size = bytes.length, .deflate = true};
    zip_write(&file, &member, 1, NULL);
    check_file(&file, tm_npz_read, "100000 bytes of data, expected 4000");
    member.stated_size = bytes.length - 100000 + 4000;
    member.sizes_follow = true;
    zip_write(&file, &member, 1, NULL);
    check_file(&file, tm_npz_read, "longer than it says");
    tm_buffer_free(&bytes);
    /* a header of 10,000 bytes is read whole, one more is refused */
    for (int more = 0; more < 2; more++) {
        char *literal = malloc(10002);
        assert_non_null(literal);
        memset(literal, ' ', 10001);
        literal[10000 + more] = '\0';
        memcpy(literal, DICT("<f4", "True", "(2, 1)"), strlen(DICT("<f4", "True", "(2, 1)")));
        check(literal, 8, more ? "more than 10000 bytes" : NULL);
        free(literal);
    }
}

static void members(void **state)
{
    (void)state;
    static const struct {
        const char *name, *second, *refused;
    } rows[] = {
        {"a.npy", "b.npy", NULL},
        {"a/b.npy", "a.npy", NULL},
        {"a.npy", "readme.txt", "entry readme.txt"},
        {"a.npy", ".npy", "entry .npy"},
        {"a.npy", "npy", "entry npy"},
        {"a.npy", "b.npy/", "entry b.npy/"},
        {"a.npy", "a.npy", "a second time"},
        {"a.npy", "../b.npy", "a relative path"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tm_buffer bytes = array(DICT("<f4", "False", "(2,)"), 8), file = {0};
        const zip_member both[] = {
            {.name = rows[i].name, .data = bytes.data, .size = bytes.length},
            {.name = rows[i].second, .data = bytes.data, .size = bytes.length}};
        zip_write(&file, both, 2, NULL);
        check_file(&file, tm_npz_read, rows[i].refused);
        zip_write(&file, both, 2, NULL);
        file.data[30 + strlen(rows[i].name) + bytes.length - 1] ^= 1; /* the last number */
        if (!rows[i].refused)
            check_file(&file, tm_npz_read, "with checksum");
        tm_buffer_free(&file);
        tm_buffer_free(&bytes);
    }
}

/* Names are in order without their suffix: "a" before "a-b", though "a.npy" is behind "a-b.npy". */
static void order(void **state)
{
    (void)state;
    tm_buffer bytes = array(DICT("<f4", "True", "(2, 2)"), 0), file = {0};
    float columns[4] = {1, 2, 3, 4};
    tm_f32_to_le(columns, columns, 4);
    tm_buffer_add(&bytes, columns, sizeof columns);
    const zip_member both[] = {{.name = "a.npy", .data = bytes.data, .size = bytes.length},
                               {.name = "a-b.npy", .data = bytes.data, .size = bytes.length}};
    zip_write(&file, both, 2, NULL);
    tm_tensor_index index = {0};
    float rows[4];
    assert_int_equal(tm_npz_read("x", (unsigned char *)file.data, file.length, &index, NULL),
                     TM_OK);
    assert_int_equal(index.count, 2);
    assert_string_equal(index.tensors[0].name, "a");
    assert_string_equal(index.tensors[1].name, "a-b");
    tm_view_read_f32(&index.tensors[0], 0, 4, rows);
    const float expected[4] = {1, 3, 2, 4};
    assert_memory_equal(rows, expected, sizeof rows);
    tm_tensor_index_free(&index);
    tm_buffer_free(&file);
    tm_buffer_free(&bytes);
}

static void put_array(tm_buffer *archive, const char *literal, size_t data, uint32_t crc)
{
    tm_buffer a = array(DICT("<f4", "False", "(2,)"), 8), b = array(literal, data);
    const zip_member members[] = {
        {.name = "a.npy", .data = a.data, .size = a.length, .deflate = true},
        {.name = "b.npy", .data = b.data, .size = b.length, .deflate = true, .stated_crc = crc}};
    zip_write(archive, members, 2, NULL);
    tm_buffer_free(&a);
    tm_buffer_free(&b);
}

/* Numbers of those bytes in a file. */
static void expect_bytes(float *values, const char *bytes, size_t count)
{
    tm_f32_to_le(values, values, count);
    assert_memory_equal(values, bytes, count * sizeof *values);
}

/* What nobody asks for is not unpacked: neither its damage is seen nor its size paid for. */
static void unpacked_when_asked(void **state)
{
    (void)state;
    tm_buffer file = {0};
    tm_weights *weights;
    tm_error error = {0};
    float values[2];
    const int64_t two[] = {2}, three[] = {3};
    put_array(&file, DICT("<f4", "False", "(3,)"), 12, 7);
    assert_int_equal(tm_weights_open_memory(file.data, file.length, "x", false, &weights, &error),
                     TM_OK);
    assert_int_equal(tm_weights_settle(weights, &error), TM_OK);
    assert_null(tm_weights_f32(weights, "a", 1, two, 0));
    assert_int_equal(tm_weights_read_f32(weights, "a", 1, two, values, &error), TM_OK);
    expect_bytes(values, "\0\1\2\3\4\5\6\7", 2);
    assert_int_equal(tm_weights_read_f32_range(weights, "a", 1, two, 1, 1, values, &error), TM_OK);
    expect_bytes(values, "\4\5\6\7", 1);
    tm_tensor_view part = *tm_weights_find(weights, "a");
    tm_view_skip(&part, 4);
    part.shape[0] = 1;
    tm_view_read_f32(&part, 0, 1, values);
    expect_bytes(values, "\4\5\6\7", 1);
    assert_int_equal(tm_weights_read_f32_range(weights, "b", 1, three, 0, 1, values, &error),
                     TM_WEIGHTS_INVALID);
    assert_non_null(strstr(error.message, "x: zip, offset"));
    assert_non_null(strstr(error.message, "with checksum"));
    TM_ASSERT(tm_weights_close(weights, TM_OK, NULL) == TM_OK);
    tm_buffer_free(&file);
}

/* Together at most a multiple of the file. */
static void unpacked_within_limits(void **state)
{
    (void)state;
    tm_buffer file = {0};
    tm_tensor_index index = {0};
    tm_error error = {0};
    assert_int_equal(tm_reasonable_bytes(0), 256 << 20);
    assert_int_equal(tm_reasonable_bytes((size_t)1 << 30), (size_t)16 << 30);
    assert_true(tm_reasonable_bytes(SIZE_MAX / 2) == SIZE_MAX / 2);
    put_array(&file, DICT("<f4", "False", "(3,)"), 12, 0);
    assert_int_equal(tm_npz_read("x", (unsigned char *)file.data, file.length, &index, &error),
                     TM_OK);
    index.packed.limit = 100; /* one of both */
    assert_int_equal(tm_view_require(&index.tensors[0], &error), TM_OK);
    assert_int_equal(tm_view_require(&index.tensors[0], &error), TM_OK);
    assert_int_equal(tm_view_require(&index.tensors[1], &error), TM_WEIGHTS_INVALID);
    assert_non_null(strstr(error.message, "to unpack to at most 100"));
    tm_tensor_index_free(&index);
    tm_buffer_free(&file);
}

static void lone_array(void **state)
{
    (void)state;
    tm_buffer bytes = array(DICT("<f4", "False", "(2,)"), 8);
    tm_weights *weights;
    tm_error error = {0};
    assert_int_equal(
        tm_weights_open_memory(bytes.data, bytes.length, "a.npy", false, &weights, &error),
        TM_WEIGHTS_INVALID);
    assert_non_null(strstr(error.message, "a.npy: npy header, offset 0: found one array without"));
    tm_buffer_free(&bytes);
}

static void damage(void **state)
{
    (void)state;
    check_file_damage("stored.npz", tm_npz_read);
    check_file_damage("deflated.npz", tm_npz_read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_files),
        cmocka_unit_test(headers),
        cmocka_unit_test(sizes),
        cmocka_unit_test(members),
        cmocka_unit_test(order),
        cmocka_unit_test(lone_array),
        cmocka_unit_test(damage),
        cmocka_unit_test(unpacked_when_asked),
        cmocka_unit_test(unpacked_within_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
