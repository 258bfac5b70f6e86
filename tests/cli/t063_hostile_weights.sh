#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Weights files that are small and claim much: refused, or read, in little memory and time.
. "$(dirname "$0")/lib.sh"
image=$here/../data/images/chelsea.png
hostile() { "$(dirname "$TIMMC")/tests/weights/hostile" "$@" || exit 1; }
checkpoint() { "$(dirname "$TIMMC")/tests/weights/checkpoint" "$@" || exit 1; }
same() { cmp -s "$tmp/out" "$tmp/answer"; }
# A sanitizer reserves terabytes. Every sh of this system's knows the limits.
bounded=true
# shellcheck disable=SC3045
(ulimit -v 200000 && "$TIMMC" version) >/dev/null 2>&1 || bounded=false
# within MB COMMAND...: with so much address space, and ten seconds of a CPU
within() {
    kilobytes=$(($1 * 1024))
    shift
    if $bounded; then
        # shellcheck disable=SC3045
        (ulimit -v $kilobytes && ulimit -t 10 && exec "$TIMMC" "$@") >"$tmp/out" 2>"$tmp/err" </dev/null
    else
        "$TIMMC" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    fi
    code=$?
    ran="$*, in $kilobytes KB"
}
OMP_NUM_THREADS=1
export OMP_NUM_THREADS
cd "$tmp" || exit 1
timmc classify test_vit --no-pretrained "$image"
cp out answer

# ---- shapes ----

hostile shape vgg.safetensors classifier.0.weight 9223372036854775807 0
timmc classify vgg11 -w vgg.safetensors "$image"
ok "a 0 beside a huge dimension: exit 3" exit_is 3
ok "a 0 beside a huge dimension" err_has 'tensor classifier.0.weight of a shape beyond 2^48 elements'
hostile shape vgg.safetensors classifier.0.weight 281474976710656 0
timmc classify vgg11 -w vgg.safetensors "$image"
ok "the largest that is read: exit 3" exit_is 3
ok "the largest that is read: the filter refuses" err_has 'its shape cannot become the model'
hostile shape radio.safetensors radio_model.model.patch_generator.embedder.weight 281474976710656 0
timmc convert -m vit_base_patch16_224 radio.safetensors out.safetensors
ok "another filter" exit_is 3
ok "nothing was written" test ! -e out.safetensors

# ---- what is packed ----

hostile unwanted test_vit unwanted.npz 160
within 128 classify test_vit -w unwanted.npz --allow-missing "$image"
ok "what no model wants is not unpacked" exit_is 0
ok "what no model wants: the answer" same
ok "what no model wants: told" err_has '1 unexpected: zz [41943040]'
hostile wanted test_vit wanted.pth 257
within 128 classify test_vit -w wanted.pth "$image"
ok "more than the file stands for: exit 3" exit_is 3
ok "more than the file stands for" err_has 'to unpack to at most 268435456'
within 128 convert wanted.pth out.safetensors
ok "convert: exit 3" exit_is 3
ok "convert: nothing was written" test ! -e out.safetensors
hostile pickle lists.pth 2000000
within 128 info test_vit -w lists.pth --check
ok "a pickle of lists: exit 3" exit_is 3
ok "a pickle of lists" err_has 'values of more than 32 times its bytes'

# ---- names ----

hostile names names.safetensors 20000
within 128 info beit3_base_patch16_224 -w names.safetensors --check --format text
ok "20,000 names in time" exit_is 3
hostile names names.safetensors 200001
within 128 info beit3_base_patch16_224 -w names.safetensors --check --format text
ok "200,001 names: exit 3" exit_is 3
ok "200,001 names" err_has 'found more than 200000 tensors'
hostile metadata metadata.safetensors 100000
within 128 convert metadata.safetensors metadata.out.safetensors
ok "100,000 entries of metadata in time" exit_is 0

hostile shape escape.safetensors '\u001b]0;x\u0007\nb\u009bm' 0
timmc info test_vit -w escape.safetensors --check --format text
ok "names do not steer a terminal" out_has '1 unexpected: \x1b]0;x\x07\nb\xc2\x9bm [0]'
timmc features test_vit -w escape.safetensors --allow-missing "$image"
ok "neither in a message" err_has '1 unexpected: \x1b]0;x\x07\nb\xc2\x9bm [0]'

# ---- what convert makes of it ----

hostile shared shared.safetensors 1000
timmc convert shared.safetensors out.safetensors
ok "4 MB under a thousand names: exit 3" exit_is 3
ok "4 MB under a thousand names" err_has 'would become more than 268435456 bytes'
ok "4 MB under a thousand names: nothing was written" test ! -e out.safetensors

done_testing
