/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy's files: bytes that start as a zip are read as they are. Others are an array behind one
 * byte, whose lowest bit says whether it is deflated; see README.md. */
#include "tests/fuzz/read_weights.h"
#include "tests/unit/zip_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || data[0] == 'P') {
        fuzz_read_weights(data, size);
        return 0;
    }
    const zip_member members[] = {
        {.name = "a/kernel.npy",
         .data = data + 1,
         .size = size - 1,
         .deflate = data[0] & 1,
         .no_crc = true},
        {.name = "a/bias.npy", .data = data + 1, .size = size - 1, .sizes_follow = true}};
    tm_buffer archive = {0};
    zip_write(&archive, members, 2, NULL);
    fuzz_read_weights((const uint8_t *)archive.data, archive.length);
    tm_buffer_free(&archive);
    return 0;
}
