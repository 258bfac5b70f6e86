/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/scalar/elem_f32.h"

#include "kernels/scalar/layernorm.h"
