#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Proves that every list matches its folder: no file without a line, no line without a file, sorted
# where the list says so. Run from the root of the repository.
set -eu
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# names MACRO LIST: the first argument of each MACRO line
names() {
    sed -n "s/^$1(\([A-Za-z0-9_]*\).*/\1/p" "$2"
}

# match LIST WHAT: $work/listed against $work/found
match() {
    if sort "$work/listed" | uniq -d | grep . >"$work/twice"; then
        sed "s|^|$1: listed twice: |" "$work/twice"
        bad=1
    fi
    sort -u "$work/listed" >"$work/a"
    sort -u "$work/found" >"$work/b"
    comm -23 "$work/a" "$work/b" | sed "s|^|$1: no $2 for |" >"$work/out"
    comm -13 "$work/a" "$work/b" | sed "s|^|$1: not listed: $2 of |" >>"$work/out"
    [ -s "$work/a" ] || echo "$1: the list is empty" >>"$work/out"
    if [ -s "$work/out" ]; then
        cat "$work/out"
        bad=1
    fi
    if grep '^[^A-Z]' "$1" | grep -q sorted && ! sort -c "$work/listed" 2>/dev/null; then
        echo "$1: says that it is sorted and is not"
        bad=1
    fi
}

# by_file LIST MACRO PREFIX: PREFIXname.c, and all files of that name belong to the list
by_file() {
    names "$2" "$1" >"$work/listed"
    ls "$3"*.c | sed "s|^$3||; s|\.c\$||" >"$work/found"
    match "$1" file
}

# by_definition LIST MACRO PATTERN FILES...: what is defined there, PATTERN's \1 being the name
by_definition() {
    list=$1
    macro=$2
    pattern=$3
    shift 3
    names "$macro" "$list" >"$work/listed"
    sed -n "s/^$pattern.*/\1/p" "$@" >"$work/found"
    match "$list" definition
}

by_definition src/models/families.def FAMILY 'const tm_family tm_family_\([a-z0-9_]*\) =' src/models/*.c
for name in $(names FAMILY src/models/families.def); do
    grep -q "^const tm_family tm_family_$name =" "src/models/$name.c" 2>/dev/null || {
        echo "src/models/families.def: $name is not defined in src/models/$name.c"
        bad=1
    }
done

# what compares a family with timm: its golden file, and the rows that say which models are run; the
# golden of timm 0.4.12 is of models that later timm has dropped, in several families
parity=tests/parity
chosen=$parity/chosen.txt
# has_small_picture FAMILY: sizes.jsonl has a line of one of its models
has_small_picture() {
    sed -n 's/^{"model": *"\([^"]*\)".*/\1/p' "$parity/golden/$1.jsonl" | sort -u >"$work/models"
    sed -n 's/^{"model": *"\([^"]*\)".*/\1/p' "$parity/sizes.jsonl" | sort -u >"$work/sizes"
    comm -12 "$work/models" "$work/sizes" | grep -q .
}
goldens=$(ls $parity/golden/*.jsonl | sed 's|.*/||; s|\.jsonl$||')
for name in $(names FAMILY src/models/families.def); do
    [ -f "$parity/golden/$name.jsonl" ] || {
        echo "src/models/families.def: $name is compared with nothing: add $parity/golden/$name.jsonl, timm's answers for its models"
        bad=1
    }
done
for name in $goldens; do
    grep -q "^FAMILY($name)" src/models/families.def || [ "$name" = timm_0_4_12 ] || {
        echo "$parity/golden/$name.jsonl: no family of that name in src/models/families.def"
        bad=1
    }
    # a family that is large for every run may be compared on a small picture instead
    grep -q "^$name vector [^ ]" "$chosen" || has_small_picture "$name" || {
        echo "$chosen: no numbers of $name are compared: add a row '$name vector MODEL...', a model for each feature of the family"
        bad=1
    }
done
set -f # the models of a row are globs
while read -r name kind models; do
    case $name in '#'*) continue ;; esac
    golden=$parity/golden/$name.jsonl
    case $kind in scalar | vector) ;; *) golden= ;; esac
    [ -f "$golden" ] || {
        echo "$chosen: found '$name $kind', expected the name of a golden file, and scalar or vector"
        bad=1
        continue
    }
    for model in $models; do
        pattern=$(printf '%s\n' "$model" | sed 's/[.]/[.]/g; s/[*]/[^"]*/g; s/[?]/[^"]/g')
        grep -q "\"model\": *\"$pattern\"" "$golden" || {
            echo "$chosen: $name $kind: $model is no model of $golden"
            bad=1
        }
    done
done <"$chosen"
set +f

by_definition src/cli/commands.def COMMAND '[a-z].* tm_cmd_\([a-z0-9_]*\)(' src/cli/*.c
by_definition src/ops/ops.def OP 'const tm_op tm_op_\([a-z0-9_]*\) =' src/ops/*.c
by_definition src/weights/formats.def TM_WEIGHTS_FORMAT 'tm_status tm_\([a-z0-9_]*\)_read(' src/weights/*.c
by_file src/image/codecs.def TM_CODEC src/image/codec_
by_file src/output/writers.def TM_WRITER src/output/write_
by_definition src/output/record_formats.def RECORD_FORMAT 'const tm_record_format tm_record_\([a-z0-9_]*\) =' src/output/record_*.c

names PASS src/passes/passes.def | sort -u >"$work/listed" # one may run twice
ls src/passes/*.c | sed 's|^src/passes/||; s|\.c$||' | grep -v '^passes$\|^merge$' >"$work/found"
match src/passes/passes.def file

# Kernels: every function of the list is defined in its target's folder, and none else is there;
# vec/ holds the VEC ones, for each ISA that VEC names and that has a vec_ISA.h.
kernels=src/kernels/kernels.def
awk -F '[(), ]+' '
    $1 == "VEC" { print "tm_" $2 "__scalar"; print "tm_" $2 "__vec" }
    $1 == "KERNEL" || $1 == "BF16" { print "tm_" $2 "__" $3 }
    $1 == "SPLIT" { print "tm_split_" $2 "__" $3 }
    $1 == "I8" { print "tm_i8_" $2 "__" $3 }
    $1 == "GEMM_I8" { print "tm_gemm_i8_" $2 "x" $3 "__" $4 }
    $1 == "GEMM_HALF" { print "tm_gemm_f32_half_" $2 "x" $3 "__" $4 }
    $1 == "GEMM" { print "tm_gemm_f32_" $2 "x" $3 "__" $4 }
    $1 == "GEMM_BF16" { print "tm_gemm_bf16_" $2 "x" $3 "__" $4 }
    $1 == "ROW_BF16" { print "tm_gemm_bf16_1x" $2 "__" $3 }' "$kernels" >"$work/listed"
for folder in src/kernels/*/; do
    target=$(basename "$folder")
    included=$(sed -n 's/^#include "\(kernels\/[a-z0-9]*\/\(split_[a-z]*\|i8_rows\)\.h\)"$/src\/\1/p' "$folder"*.c)
    # none or several
    # shellcheck disable=SC2086
    sed -n "s/^[a-z].* TM_KERNEL(\(tm_[a-z0-9_]*\)).*/\1__$target/p
        s/^[a-z].* \(tm_[a-z0-9_]*__$target\)(.*/\1/p
        s/^#define TM_GEMM_NAME \(tm_[a-z0-9_]*__$target\)\$/\1/p
        s/^TILE(\([0-9]*\), \([0-9]*\))\$/tm_gemm_bf16_\1x\2__$target/p" "$folder"*.c $included
    # typed ones: the type is that of the elem_*.h before the source
    for file in $(grep -l '/elem_[a-z0-9]*\.h"$' "$folder"*.c); do
        type=$(sed -n 's/^#include ".*\/elem_\([a-z0-9]*\)\.h"$/\1/p' "$file")
        # shellcheck disable=SC2046
        sed -n "s/^[a-z].* TM_TYPED(\(tm_[a-z0-9]*\)).*/\1_${type}__$target/p" \
            $(sed -n 's/^#include "\(.*\)"$/src\/\1/p' "$file")
    done
done >"$work/found"
match "$kernels" definition
names TARGET "$kernels" >"$work/listed"
for folder in src/kernels/*/; do
    [ "$folder" = src/kernels/vec/ ] || basename "$folder"
done >"$work/found"
match "$kernels" folder
sed -n 's/^#define VEC(op) OP(op)//p' "$kernels" | grep -o 'KERNEL(op, [a-z0-9]*)' |
    sed 's/.*, //; s/)//; /^scalar$/d' | sort -u >"$work/listed"
ls src/kernels/vec/vec_*.h | sed 's|.*/vec_||; s|\.h$||' >"$work/found"
match "$kernels" "vec_ISA.h"

[ "$bad" -eq 0 ] || exit 1
echo "check-lists: ok"
