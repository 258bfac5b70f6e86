/* SPDX-License-Identifier: Apache-2.0 */
/* PyTorch before 0.1.10: a tar of pickles. No checkpoint of timm's is one; it is known so that it
 * can be refused by name. */
#include <string.h>

#include "weights/formats.h"

enum { MARK_AT = 257, MARK_BYTES = 5 };

bool tm_torch_tar_probe(const unsigned char *data, size_t size)
{
    return size >= MARK_AT + MARK_BYTES && memcmp(data + MARK_AT, "ustar", MARK_BYTES) == 0;
}

tm_status tm_torch_tar_read(const char *file, const unsigned char *data, size_t size,
                            tm_tensor_index *index, tm_error *error)
{
    (void)data, (void)size, (void)index;
    return tm_fail(error, TM_WEIGHTS_INVALID,
                   "%s: torch file, offset 0: found the tar format of PyTorch before 0.1.10, "
                   "expected a later one (torch.save it anew)",
                   file);
}
