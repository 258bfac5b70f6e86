/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a zip file of stored (uncompressed) members; zip64 where a field needs it. */
#ifndef TM_OUTPUT_ZIP_H
#define TM_OUTPUT_ZIP_H

#include <stdint.h>

#include "base/memory.h"

typedef struct tm_zip_member {
    tm_buffer name; /* UTF-8 */
    uint32_t crc;
    uint64_t size, offset; /* bytes of the member; where its local header starts */
} tm_zip_member;

/* Its length depends on name and size alone, so it can be rewritten once crc is known. */
void tm_zip_local(const tm_zip_member *member, tm_buffer *out);
void tm_zip_central(const tm_zip_member *member, tm_buffer *out);
/* What follows the central directory; comment: of the file, at most 65535 bytes, NULL: none. */
void tm_zip_end(uint64_t members, uint64_t directory_offset, uint64_t directory_size,
                const tm_buffer *comment, tm_buffer *out);

#endif
