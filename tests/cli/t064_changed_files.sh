#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Files that somebody cuts or writes to while they are read: no answer comes from them.
. "$(dirname "$0")/lib.sh"
image=$here/../data/images/chelsea.png
lite0=$here/../../weights/tf_efficientnet_lite0.in1k.safetensors
cd "$tmp" || exit 1
run cc -shared -fPIC "$here/data/change_after_map.c" -o "$tmp/change.so" -ldl
ok "the injector is built" exit_is 0

# changed FILE HOW COMMAND...    HOW: CHANGE_CUT=bytes, CHANGE_AT=offset
changed() {
    file=$1 how=$2
    shift 2
    run env LD_PRELOAD="$tmp/change.so" CHANGE_PATH="$file" "$how" "$TIMMC" "$@"
}

# A sanitizer wants to be the first to know of a map.
run env LD_PRELOAD="$tmp/change.so" "$TIMMC" version
if [ "$code" -ne 0 ]; then
    echo "no file can be changed under this program: not tested"
    done_testing
    exit
fi

# of the last page, of several; a tensor's bytes
for how in CHANGE_CUT=1000 CHANGE_CUT=100000 CHANGE_AT=5000000; do
    cp "$lite0" w.safetensors
    changed w.safetensors $how classify -w w.safetensors "$image"
    ok "classify, $how: exit 3" exit_is 3
    ok "classify, $how: no record" no_out
    ok "classify, $how: why" err_has 'w.safetensors: was '
    cp "$lite0" w.safetensors
    changed w.safetensors $how convert w.safetensors out.safetensors
    ok "convert, $how: exit 3" exit_is 3
    ok "convert, $how: nothing was written" test ! -e out.safetensors
    cp "$lite0" w.safetensors
    changed w.safetensors $how info -w w.safetensors --check
    ok "info --check, $how: exit 3" exit_is 3
done
cp "$lite0" w.safetensors
changed w.safetensors CHANGE_CUT=0 classify -w w.safetensors "$image"
ok "the time alone: exit 3" exit_is 3
cp "$lite0" w.safetensors
run env LD_PRELOAD="$tmp/change.so" "$TIMMC" classify -w w.safetensors "$image"
ok "a file that rests" exit_is 0

timmc preprocess "$image" -o rests.npy
cp rests.npy x.npy
# with a size nobody looks into it before it is read
changed x.npy CHANGE_CUT=1000 classify --img-size 224 x.npy rests.npy
ok "an array that is cut: exit 1" exit_is 1
ok "an array that is cut: its record" out_has '"ok":false,"error":{"code":"read_failed"'
ok "an array that is cut: why" out_has 'x.npy: was cut while it was read'
ok "the other is answered" out_has '"file":"rests.npy","ok":true'
cp rests.npy x.npy
changed x.npy CHANGE_AT=400000 classify x.npy
ok "an array that is written to: exit 4" exit_is 4
ok "an array that is written to: why" out_has 'x.npy: was written to while it was read'

mkdir folder
cp "$lite0" folder/model.safetensors
printf '%-200s' '{"architecture": "tf_efficientnet_lite0"}' >folder/config.json
timmc classify local-dir:folder "$image"
ok "a config that rests" exit_is 0
changed folder/config.json CHANGE_AT=199 classify local-dir:folder "$image"
ok "a config that is written to: exit 3" exit_is 3
printf '%-200s' '{"architecture": "tf_efficientnet_lite0"}' >folder/config.json
changed folder/config.json CHANGE_CUT=0 classify local-dir:folder "$image"
ok "a config whose time changes: exit 3" exit_is 3

done_testing
