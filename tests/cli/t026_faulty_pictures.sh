#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Pictures that are decoded although their data is not whole, and what is told of them.
. "$(dirname "$0")/lib.sh"
images=$here/../data/images
run_model() { timmc classify test_resnet --no-pretrained -k 1 "$@"; }

size=$(wc -c <"$images/rocket.jpg")
head -c $((size / 2)) "$images/rocket.jpg" >"$tmp/half.jpg"
printf '\377\331' >>"$tmp/half.jpg"
run_model "$tmp/half.jpg"
ok "half a picture: as Pillow, an answer" exit_is 0
ok "half a picture: the record says it" out_has '"ok":true,"model":"test_resnet.r160_in1k","warnings":'
ok "half a picture: the run says it" err_has '1 picture with faulty data'
run_model -q "$tmp/half.jpg"
ok "quiet: not the run" no_err
ok "quiet: the record still" out_has '"warnings":'
run_model -f text "$tmp/half.jpg"
ok "text says it" out_has '  warning: faulty data'
timmc features test_resnet --no-pretrained "$tmp/half.jpg"
ok "features too" out_has '"warnings":'
run_model --strict-decode "$tmp/half.jpg" "$images/rocket.jpg"
ok "strict: that input fails" exit_is 1
ok "strict: as damaged" out_has '"code":"decode_corrupt"'
ok "strict: why" out_has 'premature end of data segment'
ok "strict: the whole one is answered" out_has 'rocket.jpg","ok":true'
ok "a sound picture has no warnings" out_lacks '"warnings"'
for format in jsonl json text csv; do # numbers that are none, of a picture that is faulty as well
    timmc classify test_resnet -w formula:0:1e38 -f $format "$tmp/half.jpg"
    case $format in
    json*) told='"code":"not_finite"' warnings='"warnings":1' ;;
    text) told='  error: ' warnings='  warning: faulty data (1 times)' ;;
    csv) told='are not finite' warnings='half.jpg,,,1,' ;;
    esac
    ok "-f $format: an error" out_has "$told"
    ok "-f $format: and its warnings" out_has "$warnings"
done
timmc preprocess test_resnet "$tmp/half.jpg" -o "$tmp/half.npy"
ok "preprocess says it" err_has 'with faulty data'
timmc preprocess --strict-decode test_resnet "$tmp/half.jpg" -o "$tmp/strict.npy"
ok "preprocess: strict" exit_is 4

# EXIF: II, one directory at 8 with one entry, orientation 6
{
    printf '\377\330\377\341\000\042Exif\000\000II*\000\010\000\000\000\001\000'
    printf '\022\001\003\000\001\000\000\000\006\000\000\000\000\000\000\000'
    tail -c +3 "$images/rocket.jpg"
} >"$tmp/turned.jpg"
run_model "$tmp/turned.jpg" "$tmp/turned.jpg"
ok "an orientation that is not applied: told once" err_has '2 pictures with an EXIF orientation that is not applied'
ok "it is no fault" out_lacks '"warnings"'
run_model --exif-orient "$tmp/turned.jpg"
ok "applied: nothing to tell" no_err

# --fast-decode: fewer pixels of a JPEG that has many more than are needed
for image in rocket.jpg chelsea.png rgb.jpg; do
    for how in "" --fast-decode; do
        # shellcheck disable=SC2086
        "$TIMMC" features test_resnet --no-pretrained --img-size 64 --kind pooled -f raw $how "$images/$image" >"$tmp/fast$how"
    done
    case $image in
    rocket.jpg) ok "--fast-decode: other numbers of a large JPEG" sh -c "! cmp -s '$tmp/fast' '$tmp/fast--fast-decode' && test -s '$tmp/fast--fast-decode'" ;;
    *) ok "--fast-decode: $image as ever" cmp -s "$tmp/fast" "$tmp/fast--fast-decode" ;;
    esac
done
timmc features test_resnet --no-pretrained --img-size 64 --fast-decode --kind pooled -o "$tmp/fast.npy" "$images/rocket.jpg"
ok "--fast-decode: the meta tells it" grep -q '"fast_decode":true' "$tmp/fast.meta.json"
done_testing
