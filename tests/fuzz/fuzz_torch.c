/* SPDX-License-Identifier: Apache-2.0 */
/* PyTorch's files: bytes that start as a zip or a pickle are read as they are. Others are a pickle
 * behind one byte: it becomes the data.pkl of an archive with four storages, so that the machine is
 * reached without a directory that must be right first; see README.md. */
#include "tests/fuzz/read_weights.h"
#include "tests/unit/zip_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_pickle(const uint8_t *pickle, size_t size)
{
    static const unsigned char numbers[96];
    const zip_member members[] = {
        {.name = "a/data.pkl", .data = pickle, .size = size, .no_crc = true},
        {.name = "a/version", .data = "3\n", .size = 2},
        {.name = "a/data/0", .data = numbers, .size = 96, .no_crc = true},
        {.name = "a/data/1", .data = numbers, .size = 8, .no_crc = true},
        {.name = "a/data/2", .data = numbers, .size = 2, .no_crc = true},
        {.name = "a/data/3", .data = numbers, .size = 0, .no_crc = true},
    };
    tm_buffer archive = {0};
    zip_write(&archive, members, sizeof members / sizeof *members, NULL);
    fuzz_read_weights((const uint8_t *)archive.data, archive.length);
    tm_buffer_free(&archive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] != 'P' && data[0] != 0x80)
        read_pickle(data + 1, size - 1);
    else
        fuzz_read_weights(data, size);
    return 0;
}
