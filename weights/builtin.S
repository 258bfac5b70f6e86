/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in model as read-only data: the system reads its pages when they are first used and
 * may drop them again. Paths are relative to the root of the repository; the sum is made
 * beside the object. */
    .section .rodata.tm_builtin_weights, "a", %progbits
    .balign 64
    .global tm_builtin_weights
    .hidden tm_builtin_weights
    .type tm_builtin_weights, %object
tm_builtin_weights:
    .incbin "weights/tf_efficientnet_lite0.in1k.safetensors"
.Lend:
    .size tm_builtin_weights, .Lend - tm_builtin_weights
    .balign 8
    .global tm_builtin_weights_size
    .hidden tm_builtin_weights_size
    .type tm_builtin_weights_size, %object
tm_builtin_weights_size:
    .quad .Lend - tm_builtin_weights
    .size tm_builtin_weights_size, 8
    .global tm_builtin_weights_sha256
    .hidden tm_builtin_weights_sha256
    .type tm_builtin_weights_sha256, %object
tm_builtin_weights_sha256:
    .incbin "builtin.sha256"
    .byte 0
    .size tm_builtin_weights_sha256, . - tm_builtin_weights_sha256
    .section .note.GNU-stack, "", %progbits
