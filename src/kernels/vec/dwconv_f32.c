/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/vec/elem_f32.h"

#include "kernels/vec/dwconv.h"
