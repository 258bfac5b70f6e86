#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a model takes of memory is told and checked before anything is read.
. "$(dirname "$0")/lib.sh"
cat=$here/../data/images/chelsea.png
number() { sed -n "s/.*\"$1\":\\([0-9]*\\).*/\\1/p" "$tmp/out"; }
# in as much address space
few() {
    # shellcheck disable=SC2016
    run sh -c 'ulimit -v "$1"; shift; exec "$@"' sh "$@"
}
# a sanitizer takes memory of its own
few 900000 "$TIMMC" version
own=$code

# info tells it, and a run takes it
for model in resnet50 convnext_tiny; do
    timmc info $model -f json
    told=$(number total)
    weights=$(number weights)
    timmc bench $model -f json -t 1 --weights formula:0 --repeats 1
    took=$(number peak_memory_mb)
    [ "$own" -ne 0 ] || ok "$model: told $told bytes, took $took MiB" \
        test $((told / 1048576)) -ge $((took * 95 / 100)) -a $((told / 1048576)) -le $((took * 110 / 100))
    ok "$model: nearly all of it weights" test $((weights * 10)) -gt $((told * 7))
done

# of a file no more is held than the layers that are being packed
timmc info vit_base_patch16_224 --tensors -f text
awk 'BEGIN { printf "{" }
    {
        n = split($2, sides, "x"); floats = 1; shape = $2; gsub("x", ",", shape)
        for (i = 1; i <= n; i++) floats *= sides[i]
        printf "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%d,%d]}", \
            (NR > 1 ? "," : ""), $1, shape, at, at + 4 * floats
        at += 4 * floats
    }
    END { printf "}"; print at > FILE }' FILE="$tmp/bytes" "$tmp/out" >"$tmp/header"
{ printf '\000\000\001\000\000\000\000\000'; cat "$tmp/header"; } >"$tmp/zeros.safetensors"
size=$(wc -c <"$tmp/header")
printf "%$((65536 - size))s" ' ' >>"$tmp/zeros.safetensors"
truncate -s $((65544 + $(cat "$tmp/bytes"))) "$tmp/zeros.safetensors"
timmc info vit_base_patch16_224 -f json
told=$(number total)
timmc bench vit_base_patch16_224 -f json -t 1 --weights "$tmp/zeros.safetensors" --repeats 1
ok "a file of zeros" exit_is 0
took=$(number peak_memory_mb)
[ "$own" -ne 0 ] || ok "from a file: told $told bytes, took $took MiB" \
    test "$took" -le $((told * 110 / 100 / 1048576))

timmc info resnet50 -f text
ok "in text, too" out_has 'MB in all'
timmc info qwen3_vit_88m_enc -f json
ok "a model without logits" test "$(number weights)" -gt 300000000

# in less memory than that it is refused, with both numbers
if [ "$own" -ne 0 ]; then
    echo "skip: this build does not run in little address space"
    done_testing
    exit
fi
refused='vit_large_patch16_224.augreg_in21k_ft_in1k takes [0-9.]* MB of memory, and [0-9.]* MB are left of the address space'
is_refused() { [ "$code" -eq 3 ] && grep -q "$refused" "$tmp/err" && no_out; }
few 900000 "$TIMMC" classify vit_large_patch16_224 --no-pretrained "$cat"
ok "classify refuses" is_refused
few 900000 "$TIMMC" features vit_large_patch16_224 --no-pretrained --kind pooled "$cat"
ok "features refuses" is_refused
few 900000 "$TIMMC" forward-intermediates vit_large_patch16_224 --no-pretrained "$cat"
ok "forward-intermediates refuses" is_refused
few 900000 "$TIMMC" bench vit_large_patch16_224
ok "bench refuses, before it asks for weights" is_refused
few 900000 "$TIMMC" features vit_large_patch16_224 --no-pretrained --out-indices 0 "$cat"
ok "what needs one block of it is none too large" exit_is 0
few 120000 "$TIMMC" version
[ "$code" -ne 0 ] || few 120000 "$TIMMC" info beit_large_patch16_512 -f json
ok "info holds no table of offsets for each block" exit_is 0
few 900000 "$TIMMC" info vit_large_patch16_224 -f json
ok "info tells what it would take" test "$(number total)" -gt 1200000000

# a file that is mapped takes addresses as well
few 500000 "$TIMMC" bench vit_base_patch16_224 --weights formula:0 --repeats 1
ok "room for the weights" exit_is 0
few 500000 "$TIMMC" bench vit_base_patch16_224 --weights "$tmp/zeros.safetensors" --repeats 1
ok "but not for the file beside them" exit_is 3
ok "and why" err_has ' MB are left of the address space'
done_testing
