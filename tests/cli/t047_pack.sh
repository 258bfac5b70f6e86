#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# timmc pack: a file that runs map has the bits of the weights it was made from, and is refused for
# anything else than it was packed for.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
images=$here/../data/images
image=$images/chelsea.png
lite0=$here/../../weights/tf_efficientnet_lite0.in1k.safetensors
sum=$(sha256sum "$lite0" | cut -d ' ' -f 1)
cd "$tmp" || exit 1

timmc pack -w "$lite0" -m tf_efficientnet_lite0.in1k -o w.packed
ok "pack: exit 0" exit_is 0
ok "what was packed is told" out_has '"model":"tf_efficientnet_lite0.in1k","precision":"f32"'
ok "and of which weights" out_has "\"weights_sha256\":\"$sum\""
timmc pack -o w.packed
ok "a file that is there is kept: exit 6" exit_is 6
timmc pack -o w.packed --force -t 1
ok "one thread packs" exit_is 0
cp w.packed one
timmc pack -o w.packed --force -t 3
ok "the same bytes as three" cmp -s one w.packed
timmc pack --check w.packed
ok "--check: exit 0" exit_is 0

# the same bits, whatever runs
inputs="$image $images/coffee.png $images/rocket.jpg"
# shellcheck disable=SC2086
timmc classify --output logit --all $inputs
ok "unpacked: exit 0" exit_is 0
cp out expected
for way in "-t 1" "-t 3" "-b 8" "-t 2 -b 1"; do
    # shellcheck disable=SC2086
    timmc classify $way --output logit --all -w w.packed $inputs
    ok "$way: exit 0" exit_is 0
    ok "$way: the same answers" out_is_file expected
done
timmc classify -w "$lite0" -m tf_efficientnet_lite0.in1k -o a.npy "$image"
timmc classify -w w.packed -o b.npy "$image"
ok "the same numbers in a file" cmp -s a.npy b.npy
ok "whose meta names the weights that were packed" grep -q "$sum" b.meta.json
for precision in int8 bf16; do
    timmc pack --precision $precision -o "$precision.packed"
    [ "$code" -eq 0 ] || continue # bf16 is not everywhere
    timmc classify --precision $precision --all --output logit "$image"
    cp out expected
    timmc classify --precision $precision --all --output logit -w $precision.packed "$image"
    ok "$precision: the same answers" out_is_file expected
done
timmc pack --outputs features.1,features.3 -o f.packed
timmc features --out-indices 1,3 --data base64 "$image"
cp out expected
timmc features --out-indices 1,3 --data base64 -w f.packed "$image"
ok "features: the same answers" out_is_file expected
timmc pack
ok "without a name: one that tells" test -f tf_efficientnet_lite0.in1k-f32-*.packed

# refused WHAT WHY OPTIONS...
refused() {
    what=$1 why=$2
    shift 2
    timmc "$@" "$image"
    ok "$what: exit 3" exit_is 3
    ok "$what: no record" no_out
    ok "$what: why" err_has "$why"
}
refused "another precision" "packed with precision f32, expected precision int8" classify -w w.packed --precision int8
refused "another model" "packed with model tf_efficientnet_lite0.in1k, expected model resnet18" classify resnet18 -w w.packed
refused "another output" "packed with outputs logits, expected outputs pre_logits" features --kind pooled -w w.packed
refused "another size" "packed with input_size 3 224 224, expected input_size 3 256 256" classify -w w.packed --img-size 256
refused "other classes" "expected num_classes 7" features --kind pooled --num-classes 7 -w f.packed
refused "other channels" "expected input_size 1 224 224" classify -w w.packed --in-chans 1
refused "an argument" "expected model_arg bn_eps=0.01" classify -w w.packed --model-arg bn_eps=0.01
level=$("$TIMMC" version | sed -n 's/^isa  *//p')
if [ "$level" != scalar ]; then
    refused "other instructions" "expected isa scalar" classify -w w.packed --isa scalar
    timmc pack --isa scalar -o scalar.packed
    timmc classify --isa scalar -w scalar.packed "$image"
    ok "the same, packed for it" exit_is 0
    refused "the best ones" "packed with isa scalar" classify -w scalar.packed
fi
for option in "--no-ema" "--allow-missing" "--drop-head" "--weights-key x" "--weights-prefix x"; do
    # shellcheck disable=SC2086
    timmc classify -w w.packed $option "$image"
    ok "$option: exit 2" exit_is 2
done

# damaged AT BYTES WHY: the file with other bytes there
damaged() {
    cp w.packed d.packed
    printf "$2" | dd of=d.packed bs=1 seek="$1" conv=notrunc 2>/dev/null
    refused "damaged at $1" "$3" classify -w d.packed
}
damaged 7 2 'weights file, offset 0' # another version is no such file
damaged 80 '\377' 'found another length'
damaged 96 '\377' 'its header is damaged'
damaged 200 x 'its header is damaged'
head -c 1000 w.packed >d.packed
refused "its begin alone" "the file ends in its header" classify -w d.packed
head -c 100000 w.packed >d.packed
refused "cut" "found another length" classify -w d.packed
cp w.packed d.packed
printf 'x' | dd of=d.packed bs=1 seek=1000000 conv=notrunc 2>/dev/null
timmc pack --check d.packed
ok "--check knows a byte of the data: exit 3" exit_is 3
ok "--check says so" err_has 'their data is damaged'

# another build: its sources have another digest, and the header is sound
cp w.packed d.packed
at=$(LC_ALL=C grep -abo 'build ' d.packed | head -n 1 | cut -d : -f 1)
printf 'g' | dd of=d.packed bs=1 seek=$((at + 6)) conv=notrunc 2>/dev/null
digest=$(head -c 4096 d.packed | tail -c +73 | sha256sum | cut -c 1-64)
printf '%s' "$digest" | dd of=d.packed bs=1 seek=8 conv=notrunc 2>/dev/null
refused "another build" "packed with build g" classify -w d.packed

timmc pack --no-pretrained -o x.packed
ok "made-up weights: exit 2" exit_is 2
timmc pack -w "$lite0" -m tf_efficientnet_lite0.in1k --num-classes 7 --drop-head -o x.packed
ok "a classifier that would be made up: exit 3" exit_is 3
timmc pack -w w.packed -o x.packed
ok "packed weights: exit 2" exit_is 2
timmc pack "$image" -o x.packed
ok "a picture is no model" test "$code" -ne 0
ok "nothing was written" test ! -e x.packed
timmc convert w.packed x.safetensors
ok "convert does not read it: exit 3" exit_is 3
ok "and says what it is" err_has 'weights packed for one model'
timmc info -w w.packed --check
ok "nor does info --check: exit 3" exit_is 3

# cut or written to while it is mapped
run cc -shared -fPIC "$here/data/change_after_map.c" -o "$tmp/change.so" -ldl
run env LD_PRELOAD="$tmp/change.so" "$TIMMC" version
if [ "$code" -eq 0 ]; then
    for how in CHANGE_CUT=1000 CHANGE_CUT=10000000 CHANGE_AT=5000000; do
        cp w.packed c.packed
        run env LD_PRELOAD="$tmp/change.so" CHANGE_PATH=c.packed $how "$TIMMC" classify -w c.packed "$image"
        ok "$how: exit 3" exit_is 3
        ok "$how: no record" no_out
        ok "$how: why" err_has 'c.packed: was '
    done
fi

done_testing
