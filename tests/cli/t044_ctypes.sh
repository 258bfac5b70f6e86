#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The example that calls the shared library from Python, where there is a Python: its answers are
# those of the command.
. "$(dirname "$0")/lib.sh"
root=$here/../..
images=$here/../data/images
build=$(dirname "$TIMMC")
example=$root/examples/ctypes_classify.py

skip() {
    run true
    ok "$1, skipped" exit_is 0
    done_testing
    exit
}
if ldd "$TIMMC" | grep -qE 'lib(asan|ubsan|tsan)'; then
    skip "a build with sanitizers is not loaded into Python"
fi
run python3 -c 'import ctypes, math; math.prod'
[ "$code" -eq 0 ] || skip "no python3 here"

run make -s -C "$root" lib B="$build"
ok "the library is built" exit_is 0
TIMMC_LIBRARY=$build/libtimmc.so.0
export TIMMC_LIBRARY

timmc classify -k 3 -f tsv "$images/chelsea.png" "$images/rocket.jpg"
ok "the command's answers" out_has 'tiger cat'
awk -F '\t' 'NR > 1 { printf "%s\t%s\t%.4f\t%s\n", $1, $6, $9, $8 }' "$tmp/out" >"$tmp/commands"
run python3 "$example" -k 3 "$images/chelsea.png" "$images/rocket.jpg"
ok "the example runs" exit_is 0
awk -F '\t' '{ printf "%s\t%s\t%.4f\t%s\n", $1, $2, $3, $4 }' "$tmp/out" >"$tmp/examples"
ok "its answers are the same" cmp "$tmp/commands" "$tmp/examples"

run python3 "$example" -k 1 "$tmp/none.png" "$images/chelsea.png"
ok "a picture that is not there fails alone" exit_is 1
ok "and is told by its status" err_has 'error: not_found: '
ok "the other one is answered" out_has 'tiger cat'
run python3 "$example" -m resnet18x "$images/chelsea.png"
ok "a model that is none" exit_is 3
ok "has the nearest" err_has 'unknown_model: '
done_testing
