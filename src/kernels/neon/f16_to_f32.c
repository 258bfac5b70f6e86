/* SPDX-License-Identifier: Apache-2.0 */
#include <arm_neon.h>

#include "kernels/dispatch.h"

void tm_f16_to_f32__neon(const unsigned char *from, float *to, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        float16x8_t halves = vreinterpretq_f16_u8(vld1q_u8(from + 2 * i));
        vst1q_f32(to + i, vcvt_f32_f16(vget_low_f16(halves)));
        vst1q_f32(to + i + 4, vcvt_high_f32_f16(halves));
    }
    tm_f16_to_f32__scalar(from + 2 * i, to + i, count - i);
}
