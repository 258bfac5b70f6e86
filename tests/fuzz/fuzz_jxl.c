/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/read_picture.h"

FUZZ_PICTURE(jxl)
