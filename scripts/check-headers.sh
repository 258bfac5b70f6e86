#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Proves that every header stands alone: it compiles with nothing included before it. A kernel's
# header is built as its target is; those of other processors are left out.
# Run from the root of the repository.
set -eu
export LC_ALL=C
# what whoever includes it completes: sources that are compiled for several sizes or types
bodies="$(grep -lE '^void TM_(TYPED|GEMM_NAME)\(' src/kernels/*/*.h | tr '\n' ' ')"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# of MAKE_VARIABLE...: their values, a line each
of() {
    for name in "$@"; do
        set -- "$@" "print-$name"
        shift
    done
    make -s --no-print-directory "$@"
}

of TM_CFLAGS SHIM_TARGETS TARGETS >"$work/build"
flags=$(sed -n 1p "$work/build")
shim=$(sed -n 2p "$work/build")
targets=$(sed -n 3p "$work/build")
for target in $targets; do
    of "FLAGS_$target" >"$work/$target"
done

# target_of HEADER: whose options it takes; "none": of another processor
target_of() {
    case $1 in
    src/kernels/vec/vec_*.h)
        target=${1#src/kernels/vec/vec_}
        target=${target%.h}
        ;;
    src/kernels/vec/i8_neon.h) target=neon ;;
    src/kernels/vec/i8*.h) target=avx512vnni ;;
    src/kernels/vec/*) target=${shim%% *} ;;
    src/kernels/*/*)
        target=${1#src/kernels/}
        target=${target%%/*}
        ;;
    *)
        echo
        return
        ;;
    esac
    [ -f "$work/${target:-none}" ] && echo "$target" || echo none
}

find src include -name '*.h' -type f | sort | while read -r header; do
    case " $bodies " in *" $header "*) continue ;; esac
    target=$(target_of "$header")
    case $target in
    none) ;;
    '') echo "$flags -include $header" ;;
    *) echo "$flags $(cat "$work/$target") -DTM_TARGET=$target -include $header" ;;
    esac
done >"$work/commands"

# the options are words
# shellcheck disable=SC2016
if ! xargs -P "$(nproc)" -L 1 "${CC:-cc}" -fsyntax-only -x c /dev/null <"$work/commands" 2>"$work/errors"; then
    grep -E 'error|from' "$work/errors" | head -n 40
    exit 1
fi
echo "check-headers: ok"
