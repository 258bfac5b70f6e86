#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Proves that the program runs where it must: what is compiled for a target is reached through the
# dispatch table alone, and no object holds an instruction beyond those that its target's CPUs have.
# The targets and their options are those of kernels.def.
#   scripts/check-symbols.sh [BUILD]      CC, NM, OBJDUMP: those of another processor
set -eu
build=${1:-build}
nm=${NM:-nm}
objdump=${OBJDUMP:-objdump}
bad=0

# an option of the compiler, and what only code that is built with it may hold
beyond='
-mavx %[yz]mm|%k[0-7]|\tv[a-z0-9]+ .*%xmm
-mavx2 \tvp(add|sub|mul|s[lr][la]|cmp|and|or|xor|blend|max|min|pack|unpck|shuf|broadcast|mov|erm2i)[a-z0-9]* .*%ymm
-mfma \tvfn?m(add|sub)
-mf16c \tvcvt(ph2ps|ps2ph)
-mavx512f %zmm|%k[0-7]|%[xy]mm(1[6-9]|2[0-9]|3[01])
-mavx512bf16 \tvcvtne|\tvdpbf16
-mavx512vnni \tvpdp(bus|wss)d
-mavxvnni [{]vex[}] vpdp
-mamx-tile %tmm|\t(ld|st)tilecfg|\ttile
-mamx-bf16 \ttdpbf16
-mamx-int8 \ttdpb(ss|su|us|uu)d
-march=armv8.2-a+dotprod \t[su]dot
-march=armv8.2-a+i8mm \t(us|su)dot|\t(us|s|u)mmla
'

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
    others=$("$nm" -g --defined-only "$1" | awk -v suffix="$2" '
        NF == 3 && $3 !~ /^__(odr_)?asan/ && substr($3, length($3) - length(suffix) + 1) != suffix {
            print $3
        }')
    for symbol in $others; do
        fail "$1: exports $symbol, which does not end in $2"
    done
}

# forbidden OPTIONS: a pattern of what code built with these may not hold
forbidden() {
    printf '%s' "$beyond" | while read -r option pattern; do
        case "$option,  $1 " in
        ,* | *", "*" $option "*) continue ;;
        "-mavx, "*" -mavx"* | "-mavx2, "*" -mavx512"*) continue ;; # comes with these
        esac
        printf '|%s' "$pattern"
    done | sed 's/^|//'
}

# within OBJECT PATTERN WHAT: no instruction that matches
within() {
    [ -f "$1" ] || {
        fail "$1: not built"
        return
    }
    found=$("$objdump" -d --no-show-raw-insn "$1" | pattern=$2 awk '
        /^[0-9a-f]+ <.*>:$/ { function_name = $2 }
        $0 ~ ENVIRON["pattern"] && !seen[function_name]++ { print function_name }')
    for name in $found; do
        fail "$1: $name uses instructions that $3 lack"
    done
}

if [ ! -d "$build" ]; then
    echo "check-symbols: no folder $build; build first"
    exit 1
fi
targets=$(${CC:-cc} -E -P -x c -D'TARGET(name,needs,...)=name __VA_ARGS__;' src/kernels/kernels.def |
    sed -n 's/ *;$//p')
names=$(printf '%s\n' "$targets" | sed 's/ .*//')
[ -n "$names" ] || fail "kernels.def: no target"

baseline=$(forbidden "")
portable=$(printf '%s\n' src/*.c src/*/*.c src/kernels/scalar/*.c | sed "s|^src/|$build/|; s|c\$|o|")
for object in $portable; do
    within "$object" "$baseline" "some CPUs"
done
for target in $names; do
    options=$(printf '%s\n' "$targets" | sed -n "s/^$target *//p")
    beyond_target=$(forbidden "$options")
    objects=$(printf '%s\n' src/kernels/"$target"/*.c | sed "s|^src/|$build/|; s|c\$|o|")
    [ ! -e src/kernels/vec/vec_"$target".h ] ||
        objects="$objects $(printf '%s\n' src/kernels/vec/*.c | sed "s|^src/|$build/|; s|c\$|$target.o|")"
    for object in $objects; do
        exports "$object" "__$target"
        within "$object" "$beyond_target" "CPUs for $target"
    done
done

# who calls a target's kernel: the table, and kernels of the same one
suffixes=$(printf '%s\n' "$names" | grep -v '^scalar$' | sed 's/^/__/; s/$/$/' | tr '\n' '|' | sed 's/|$//')
callers=$(for object in $portable; do
    [ "$object" = "$build/kernels/dispatch.o" ] || "$nm" -A -u "$object"
done | grep -E "${suffixes:-^$}" || true)
[ -z "$callers" ] || fail "$callers
these are reached past the dispatch table"

[ "$bad" -eq 0 ] || exit 1
echo "check-symbols: ok"
