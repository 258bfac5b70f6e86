#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What was not allocated must not become another answer. Refused in src:
#   x ? x : ""                  a lost text passes for an empty one: tm_buffer_text, or an error;
#                               for texts that may be absent tm_or_empty, never of a buffer
#   if (!p) return;             behind an allocation of p: nobody learns of it
#   tm_buffer_add(t, b.data, n) loses that b failed: tm_buffer_append
# Run from the root of the repository.
set -eu
export LC_ALL=C

# $0 is awk's
# shellcheck disable=SC2016
offenders=$(find src -name '*.[ch]' -type f ! -path 'src/base/text.h' | sort | xargs awk '
    function tell(what) { print FILENAME ":" FNR ": " what }
    # the name that a line gives an allocation to, or ""
    function allocated(line, name) {
        if (line !~ /= *(\([a-z_ *]+\))?(malloc|calloc|realloc|strdup|strndup|aligned_alloc|tm_alloc_[a-z]+|tm_arena_[a-z]+|allocate)\(/)
            return ""
        name = line
        sub(/ *= .*/, "", name)
        sub(/.*[ *]/, "", name)
        return name
    }
    FNR == 1 || /^}/ { split("", names); waiting = "" }
    {
        line = $0
        while (match(line, /[A-Za-z_][A-Za-z0-9_.>-]* \? [A-Za-z_][A-Za-z0-9_.>-]* : ""/)) {
            split(substr(line, RSTART, RLENGTH), part, " ")
            if (part[1] == part[3])
                tell("\"" part[1] " ? " part[1] " : \"\"\": an absent text and a lost one are not the same")
            line = substr(line, RSTART + RLENGTH)
        }
    }
    /tm_or_empty\([^)]*(\.|->)data\)/ { tell("tm_or_empty of a buffer: tm_buffer_text") }
    /tm_buffer_add\([^,]*, [a-z_.>&-]*(\.|->)data, / && FILENAME != "src/base/memory.c" && /length\)/ {
        tell("tm_buffer_add of a buffer: tm_buffer_append")
    }
    waiting && /^ *return;/ { tell("a return without a word where " waiting " was not allocated") }
    { waiting = "" }
    allocated($0) != "" { names[allocated($0)] = 1 }
    /^ *if \(!/ {
        for (name in names)
            if (index($0, "!" name ")") || index($0, "!" name " ||")) {
                if ($0 ~ /\) return;/)
                    tell("a return without a word where " name " was not allocated")
                else if ($0 ~ /\)$/)
                    waiting = name
            }
    }')

if [ -n "$offenders" ]; then
    printf '%s\n' "$offenders"
    exit 1
fi
echo "check-allocations: ok"
