/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/scalar/elem_bf16.h"

#include "kernels/scalar/affine.h"
