/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/vec/elem_bf16.h"

#include "kernels/vec/pool.h"
