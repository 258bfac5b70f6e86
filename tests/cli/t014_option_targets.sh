#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Options are filled into values of their own type: others do not compile.
. "$(dirname "$0")/lib.sh"

root=$(cd "$here/../.." && pwd)

# compile TARGET
compile() {
    printf '%s\n' '#include "cli/session.h"' 'void fill(tm_session_options *set);' \
        'void fill(tm_session_options *set)' '{' "    tm_option_target t = $1;" '    (void)t;' '}' \
        >"$tmp/fill.c"
    run "${CC:-cc}" -std=c17 -D_DEFAULT_SOURCE -I"$root/include" -I"$root/src" -fsyntax-only "$tmp/fill.c"
}

for group in model picture input run output; do
    macro=TM_$(echo "$group" | tr a-z A-Z)_TARGET
    compile "$macro(&set->$group)"
    ok "$group options into their values" exit_is 0
    compile "$macro(&set->$([ "$group" = model ] && echo output || echo model))"
    ok "$group options into others" [ "$code" -ne 0 ]
    ok "$group options into others: for their type" err_has _Generic
done

done_testing
