#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What scripts/check-calls.sh finds, in a source tree made up for it.
. "$(dirname "$0")/lib.sh"

check=$(cd "$here/../.." && pwd)/scripts/check-calls.sh
cd "$tmp" || exit 1
mkdir -p scripts src/base src/high build/base build/high build/gen build/kernels/vec src/kernels/vec
printf 'base:\nkernels:\nhigh: kernels/one.h\nmain.c: high/\n' >scripts/layers.txt

# compile SOURCE CODE [OBJECT]
compile() {
    printf '%s\n' "$2" >"src/$1"
    "${CC:-cc}" -c -o "build/${3:-${1%.c}.o}" "src/$1"
}

compile main.c 'int top(void); int main(void) { return top(); }'
compile high/top.c 'int low(void), vec(void); int top(void) { return low() + vec(); }'
compile base/low.c 'int low(void) { return 0; }'
compile kernels/vec/vec.c 'int vec(void) { return 0; }' kernels/vec/vec.avx2.o
run sh "$check" build
ok "calls downwards are fine" exit_is 0

compile base/table.c 'int entry(void); int (*const table[])(void) = {entry};'
compile base/entry.c 'int other(void); int entry(void) { return other(); }'
compile base/other.c 'extern int (*const table[])(void); int other(void) { return table[0](); }'
run sh "$check" build
ok "a circle through a table fails" exit_is 1
ok "the circle is told, 1" out_has 'circle: base/table calls base/entry: entry'
ok "the circle is told, 2" out_has 'circle: base/entry calls base/other: other'
ok "the circle is told, 3" out_has 'circle: base/other calls base/table: table'
ok "what is in no circle is not told" out_lacks low
echo 'circle base/table base/entry base/other: a made-up reason' >>scripts/layers.txt
run sh "$check" build
ok "a circle that may stay" exit_is 0
compile base/other.c 'int other(void) { return 0; }'
run sh "$check" build
ok "permission for a circle that is gone fails" exit_is 1
ok "and says which" out_has 'no circle of base/table base/entry base/other any more'
sed '/^circle/d' scripts/layers.txt >rest && mv rest scripts/layers.txt

compile base/low.c 'int vec(void); int low(void) { return vec(); }'
run sh "$check" build
ok "a call into a room above fails" exit_is 1
ok "and says which" out_has 'base/low: base may not call vec of kernels/vec/vec.avx2'
rm src/base/low.c
run sh "$check" build
ok "an object without a source does not count" exit_is 0
rm build/base/table.o
run sh "$check" build
ok "a source without an object fails" exit_is 1
ok "and says which" out_has 'src/base/table.c: not built'

done_testing
