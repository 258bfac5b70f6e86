#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Proves that the program runs where it must: what is compiled for an ISA is reached through the
# dispatch table alone, and nothing else holds an instruction beyond the portable baseline.
#   scripts/check-symbols.sh [BUILD]
set -eu
build=${1:-build}
# reached through a test of the CPU
guarded='weights/convert_f16c'
bad=0

fail() {
    echo "$1"
    bad=1
}

# exports OBJECT SUFFIX: every symbol that others can see ends in it (a sanitizer's own aside)
exports() {
    [ -f "$1" ] || {
        fail "$1: not built"
        return
    }
    others=$(nm -g --defined-only "$1" | awk -v suffix="$2" '
        NF == 3 && $3 !~ /^__(odr_)?asan/ && substr($3, length($3) - length(suffix) + 1) != suffix {
            print $3
        }')
    for symbol in $others; do
        fail "$1: exports $symbol, which does not end in $2"
    done
}

# baseline OBJECT: no AVX register, nor an instruction in AVX's encoding
baseline() {
    [ -f "$1" ] || {
        fail "$1: not built"
        return
    }
    found=$(objdump -d --no-show-raw-insn "$1" | awk '
        /^[0-9a-f]+ <.*>:$/ { function_name = $2 }
        /%[yz]mm|%k[0-7]|\tv[a-z0-9]+ .*%xmm/ && !seen[function_name]++ { print function_name }')
    for name in $found; do
        fail "$1: $name uses AVX in a portable object"
    done
}

if [ ! -d "$build" ]; then
    echo "check-symbols: no folder $build; build first"
    exit 1
fi
if [ "$(uname -m)" != x86_64 ]; then
    echo "check-symbols: not x86-64, only scalar kernels: ok"
    exit 0
fi
for isa in scalar avx2 avx512 amx; do
    for source in src/kernels/"$isa"/*.c; do
        object=$build/${source#src/}
        exports "${object%.c}.o" "__$isa"
    done
done
for isa in avx2 avx512; do
    for source in src/kernels/vec/*.c; do
        object=$build/${source#src/}
        exports "${object%.c}.$isa.o" "__$isa"
    done
done
for source in src/*.c src/*/*.c src/kernels/scalar/*.c; do
    name=${source#src/}
    name=${name%.c}
    case " $guarded " in
    *" $name "*) continue ;;
    esac
    baseline "$build/$name.o"
done
[ "$bad" -eq 0 ] || exit 1
echo "check-symbols: ok"
