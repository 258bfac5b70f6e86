/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of timmc.h share. */
#ifndef TM_TESTS_UNIT_LIBRARY_H
#define TM_TESTS_UNIT_LIBRARY_H

#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "timmc.h"

static inline tm_model *opened(tm_open_options options, const char *name)
{
    tm_model *model;
    tm_error error;
    memset(&error, 0x5A, sizeof error); /* as a local variable may be */
    options.weights = "formula:0";
    if (tm_model_open(name, &options, &model, &error))
        fail_msg("%s", error.message);
    assert_int_equal(error.status, TM_OK);
    return model;
}

static inline tm_model *small(void)
{
    return opened((tm_open_options)TM_OPEN_OPTIONS_DEFAULT, "test_resnet");
}

static inline void expect_usage(tm_status status, tm_error *error, const char *words)
{
    assert_int_equal(status, TM_USAGE);
    assert_int_equal(error->status, TM_USAGE);
    if (!strstr(error->message, words))
        fail_msg("'%s' lacks '%s'", error->message, words);
}

/* The first half of a JPEG, and an end marker. */
static inline void write_half(const char *path, char *to)
{
    static char bytes[1 << 20];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    f = fdopen(mkstemp(to), "wb");
    assert_non_null(f);
    fwrite(bytes, 1, size / 2, f);
    fwrite("\xFF\xD9", 1, 2, f);
    fclose(f);
}

#endif
