/* SPDX-License-Identifier: Apache-2.0 */
/* The safetensors reader on any bytes; see README.md. */
#include "tests/fuzz/read_weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_read_weights(data, size);
    return 0;
}
