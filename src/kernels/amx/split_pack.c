/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/amx/unit.h"

#include "kernels/amx/split_pack.h"
