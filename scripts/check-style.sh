#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The rules of form: licence line first, 100 columns, 1,000 lines a file and 80 a function, no tab,
# no space at the end of a line, nothing left to do. Tables between "clang-format off" and "on" count
# neither as wide nor as long. Run from the root of the repository.
set -eu
export LC_ALL=C

offenders=$(find src include tests -name '*.[ch]' -type f | sort | xargs awk '
    function finish() {
        if (file != "" && counted > 1000)
            print file ": " counted " lines, at most 1000"
    }
    FNR == 1 {
        finish()
        file = FILENAME
        counted = table = body = 0
        if ($0 != "/* SPDX-License-Identifier: Apache-2.0 */")
            print file ":1: the first line is not the licence"
    }
    /clang-format off/ { table = 1 }
    /clang-format on/ { table = 0 }
    !table { counted++ }
    !table && length($0) > 100 { print file ":" FNR ": " length($0) " columns, at most 100" }
    /\t/ { print file ":" FNR ": a tab" }
    /[ \t]$/ { print file ":" FNR ": space at the end of the line" }
    /(TO)(DO)|FIX(ME)/ { print file ":" FNR ": something is left to do" }
    /^\{/ { body = FNR }
    /^\}/ && body {
        if (FNR - body - 1 > 80)
            print file ":" body ": a function of " FNR - body - 1 " lines, at most 80"
        body = 0
    }
    END { finish() }')

# other sources: the licence in the first two lines, no space at the end of a line
others=$(find scripts src tests -type f \( -name '*.sh' -o -name '*.def' -o -path 'scripts/*' \) ! -name '*.in' |
    sort | xargs awk '
    FNR == 1 { licence = 0 }
    FNR <= 2 && /SPDX-License-Identifier: Apache-2.0/ { licence = 1 }
    FNR == 2 && !licence { print FILENAME ": no licence in the first two lines" }
    /[ \t]$/ { print FILENAME ":" FNR ": space at the end of the line" }')

if [ -n "$offenders$others" ]; then
    printf '%s\n' "$offenders" "$others" | sed '/^$/d'
    exit 1
fi
echo "check-style: ok"
