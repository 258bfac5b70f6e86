#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Groups of options, and options, are filled into values of their own type: others do not compile.
. "$(dirname "$0")/lib.sh"

root=$(cd "$here/../.." && pwd)

# compile TYPE ROWS
compile() {
    printf '%s\n' '#include "cli/session.h"' 'void fill(tm_session_options *set);' \
        'void fill(tm_session_options *set)' '{' "    $1 rows[] = {$2};" '    (void)set, (void)rows;' '}' \
        >"$tmp/fill.c"
    run "${CC:-cc}" -std=c17 -D_DEFAULT_SOURCE -I"$root/include" -I"$root/src" -fsyntax-only "$tmp/fill.c"
}

for group in model picture input run output; do
    macro=TM_$(echo "$group" | tr a-z A-Z)_TARGET
    compile tm_option_target "$macro(&set->$group)"
    ok "$group options into their values" exit_is 0
    compile tm_option_target "$macro(&set->$([ "$group" = model ] && echo output || echo model))"
    ok "$group options into others" [ "$code" -ne 0 ]
    ok "$group options into others: for their type" err_has _Generic
done

option() { compile tm_option "{0, \"x\", NULL, \"\", TM_OPTION_VALUE($1, tm_input_options, $2), 0, 0}"; }
option COUNT skip
ok "a count into a count" exit_is 0
option INT skip
ok "a number into a count" [ "$code" -ne 0 ]
option FLAG files_from
ok "a flag into a text" [ "$code" -ne 0 ]
ok "a flag into a text: for its type" err_has _Generic

done_testing
