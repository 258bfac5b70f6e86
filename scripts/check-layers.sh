#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Proves who includes whom: a room sees the rooms before it and no other. Every room sees itself,
# base and the public header. Run from the root of the repository.
set -eu

# room: what it may include beside that
rules='
base:
kernels:
graph:
steps: graph/ kernels/ weights/
ops: graph/ kernels/ steps/
models: graph/ ops/nn.h kernels/activation.h models/ weights/state_dict.h
weights: kernels/
passes: graph/ ops/ weights/
plan: graph/ ops/ kernels/ weights/ steps/
run: plan/ kernels/ steps/
hub:
registry: models/model.h
image: kernels/
output:
api: hub/ registry/ models/ graph/ ops/ passes/ weights/ plan/ run/ kernels/ image/ output/
cli: api/ hub/ registry/ models/ graph/ ops/ passes/ weights/ plan/ run/ image/ output/
main.c: cli/
'

offenders=$(find src -name '*.[ch]' -exec grep -Hn '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' {} + |
    awk -v rules="$rules" '
    BEGIN {
        count = split(rules, lines, "\n")
        for (i = 1; i <= count; i++) {
            colon = index(lines[i], ":")
            if (colon)
                may[substr(lines[i], 1, colon - 1)] = substr(lines[i], colon + 1)
        }
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
    }')
if [ -n "$offenders" ]; then
    printf '%s\n' "$offenders" | sort -u
    exit 1
fi
echo "check-layers: ok"
