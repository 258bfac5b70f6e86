/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/emulated/unit.h"

#include "kernels/amx/split_pack.h"
