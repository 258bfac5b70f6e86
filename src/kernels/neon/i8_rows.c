/* SPDX-License-Identifier: Apache-2.0 */
#include "kernels/vec/i8_rows.h"
