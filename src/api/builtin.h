/* SPDX-License-Identifier: Apache-2.0 */
/* The weights file that is linked into the program: TM_BUILTIN_MODEL as safetensors, and its
 * SHA-256 in hexadecimal digits. */
#ifndef TM_API_BUILTIN_H
#define TM_API_BUILTIN_H

#include <stddef.h>

extern const unsigned char tm_builtin_weights[];
extern const size_t tm_builtin_weights_size;
extern const char tm_builtin_weights_sha256[];

#endif
