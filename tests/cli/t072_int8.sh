#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --precision int8: the built-in model's classes and logits beside float32's, the same bits for any
# threads and batch, every level of instructions, and bench --compare.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
images=$here/../data/images
pictures="$images/chelsea.png $images/coffee.png $images/rocket.jpg $images/astronaut.png"
weights=$here/../../weights/tf_efficientnet_lite0.in1k.safetensors

# number NAME: its value in the JSON on stdout
number() { sed -n "s/.*\"$1\":\([0-9.e-]*\).*/\1/p" "$tmp/out"; }
below() { awk -v x="$(number "$1")" -v most="$2" 'BEGIN { exit !(x != "" && x + 0 < most + 0) }'; }
above() { awk -v x="$(number "$1")" -v least="$2" 'BEGIN { exit !(x != "" && x + 0 > least + 0) }'; }

# shellcheck disable=SC2086
for isa in $("$TIMMC" version | sed -n 's/^isa  *//p'); do
    timmc bench tf_efficientnet_lite0 -w "$weights" --isa "$isa" --precision int8 --compare f32 \
        --repeats 1 -f json $pictures
    ok "$isa: the precision is told" out_has '"precision":"int8"'
    ok "$isa: the first class of every picture is float32's" out_has '"compared":4,"same_first_class":4,'
    ok "$isa: logits are near float32's" below worst_logits_error 0.1
    ok "$isa: but are not float32's" above logits_error 0.001
done
# shellcheck disable=SC2086
timmc bench tf_efficientnet_lite0 -w "$weights" --compare f32 --repeats 1 -f json $pictures
ok "float32 beside itself" out_has '"logits_error":0,"worst_logits_error":0}'
timmc bench test_vit --no-pretrained --precision int8 --compare f32 --repeats 1 -f text
ok "without a picture: of noise" out_has 'first class of 1 of 1 the same'
timmc bench test_vit --no-pretrained --compare f32 "$tmp/none.png"
ok "a picture that is not there: not 0" test "$code" -ne 0
timmc bench test_vit --no-pretrained "$images/chelsea.png"
ok "a picture for nothing: exit 2" exit_is 2
timmc bench test_vit --no-pretrained --compare bf16
ok "beside another precision: exit 2" exit_is 2

# shellcheck disable=SC2086
timmc classify --precision int8 -t 1 -b 1 --all --output logit $pictures
cp "$tmp/out" "$tmp/one"
for way in "-t 2 -b 1" "-t 2 -b 4" "-t 3 -b 8" "-t 1 -b 4"; do
    # shellcheck disable=SC2086
    timmc classify --precision int8 $way --all --output logit $pictures
    ok "$way: the same bits" out_is_file "$tmp/one"
done
timmc classify --all --output logit "$images/chelsea.png"
ok "float32 has others" test "$(head -1 "$tmp/one")" != "$(cat "$tmp/out")"

# shellcheck disable=SC2086
timmc classify --precision int8 -o "$tmp/x.npy" $pictures
ok "an array" exit_is 0
ok "its meta tells the precision" grep -q '"precision":"int8"' "$tmp/x.meta.json"
# shellcheck disable=SC2086
timmc classify --precision f32 --resume -o "$tmp/x.npy" $pictures
ok "which another cannot resume" test "$code" -ne 0
timmc classify --precision int4 "$images/chelsea.png"
ok "an unknown precision: exit 2" exit_is 2
ok "and what there is" err_has 'f32|bf16x3|bf16|int8'
done_testing
