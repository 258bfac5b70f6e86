#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Proves who includes whom, by the rules of layers.txt. Run from the root of the repository.
set -eu

offenders=$(find src -name '*.[ch]' -exec grep -Hn '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' {} + |
    awk '
    FNR == NR {
        if (!/^#/ && (colon = index($0, ":")))
            may[substr($0, 1, colon - 1)] = substr($0, colon + 1)
        next
    }
    {
        split($0, part, ":")
        room = part[1]
        sub(/^src\//, "", room)
        sub(/\/.*/, "", room)
        header = $0
        sub(/^[^"]*"/, "", header)
        sub(/".*/, "", header)
        if (!(room in may)) {
            print part[1] ": no rule for room \"" room "\""
            next
        }
        if (header == "timmc.h" || header == "timmc_plugin.h")
            next
        count = split("base/ " room "/ " may[room], allowed, " ")
        for (i = 1; i <= count; i++)
            if (index(header, allowed[i]) == 1)
                next
        print part[1] ":" part[2] ": " room " may not include \"" header "\""
    }' scripts/layers.txt -)
if [ -n "$offenders" ]; then
    printf '%s\n' "$offenders" | sort -u
    exit 1
fi
echo "check-layers: ok"
