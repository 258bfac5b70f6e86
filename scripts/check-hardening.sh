#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Proves that the program is built as one that reads strangers' files should be: at a random
# address, its tables read-only once they are linked, no stack that can be run, checked buffers.
#   scripts/check-hardening.sh [BUILD]
set -eu
build=${1:-build}
program=$build/timmc
bad=0

# has WHAT PATTERN COMMAND...: the command's output matches
has() {
    what=$1
    pattern=$2
    shift 2
    "$@" 2>/dev/null | grep -Eq "$pattern" || {
        echo "$program: $what"
        bad=1
    }
}

if [ ! -e "$program" ]; then
    echo "check-hardening: no $program; build first"
    exit 1
fi
if nm "$program" | grep -Eq '__(asan|tsan|ubsan)_'; then
    echo "check-hardening: a sanitizer's build, which has checks of its own: ok"
    exit 0
fi
has "is no position-independent executable" 'Type: *DYN' readelf -h "$program"
has "has no read-only relocations (RELRO)" 'GNU_RELRO' readelf -lW "$program"
has "binds symbols lazily" 'BIND_NOW|FLAGS_1.* NOW' readelf -dW "$program"
has "has a stack that can be run" 'GNU_STACK.* RW +0x' readelf -lW "$program"
has "has no stack protector" '__stack_chk_fail' nm -D "$program"
has "has no checked library calls (FORTIFY)" '__(memcpy|snprintf|vsnprintf|fprintf)_chk' nm -D "$program"
[ "$bad" -eq 0 ] || exit 1
echo "check-hardening: ok"
