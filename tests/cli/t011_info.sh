#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# timmc info: what the registry knows.
. "$(dirname "$0")/lib.sh"

timmc info resnet34
ok "info exits 0" exit_is 0
ok "the default tag" out_has '{"model":"resnet34.a1_in1k","arch":"resnet34","tag":"a1_in1k","module":"resnet"'
ok "input and crop" out_has '"preprocess":{"interpolation":"bicubic","input_size":[3,224,224],"test_input_size":[3,288,288],"fixed_input_size":false,"crop_pct":0.95,"test_crop_pct":1,"crop_mode":"center","mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]}'
ok "one line" out_lines 1
ok "no warning" no_err
ok "results" out_has '"results":[{"img_size":224,"top1":76.42,'
ok "labels" out_has '"num_classes":1000,"labels":"imagenet-1k"'
timmc info resnet34.a1_in1k
cp "$tmp/out" "$tmp/tagged"
timmc info resnet34
ok "the default tag by name is the same" out_is_file "$tmp/tagged"

timmc info resnet34 --format text
ok "text" out_has 'input           3x224x224; for tests 3x288x288'
ok "text names the default tag" out_has 'a1_in1k (default)'
ok "text names the source" out_has 'hf-hub:timm/resnet34.a1_in1k'

timmc info gluon_resnet34_v1b
ok "an old name answers" out_has '"model":"resnet34.gluon_in1k"'
ok "an old name warns" err_has 'timmc: warning: '
ok "the warning names the current name" err_has 'resnet34.gluon_in1k'
ok "an old name exits 0" exit_is 0
timmc info hf-hub:timm/vit_base_patch16_224.augreg_in21k
ok "a hub name" out_has '"num_classes":21843,"labels":"imagenet-21k-goog"'
timmc info
ok "no name: the built-in model" out_has '"model":"tf_efficientnet_lite0.in1k"'

timmc info resnt34
ok "a misspelt model exits 3" exit_is 3
ok "a misspelt model names the nearest" err_has 'unknown model resnt34; nearest: resnet34'
ok "a misspelt model prints nothing" no_out
timmc info resnet34.a9_in1k
ok "a misspelt tag exits 3" exit_is 3
ok "a misspelt tag names the nearest" err_has 'nearest: resnet34.a1_in1k'
timmc info timm/resnet34
ok "a bare hub name is refused with a hint" err_has 'hf-hub:timm/resnet34'
timmc info halonet_h1_c4c5
ok "a name that timm dropped is told" out_has 'timm 0.4.12, dropped since'
timmc info ''
ok "an empty name exits 3" exit_is 3
timmc info resnet18 resnet34
ok "two names exit 2" exit_is 2
timmc info resnet18 --form=xml
ok "unknown format names the valid ones" err_has 'not one of text|json'

timmc info test_vit --tensors -f json
ok "tensors as a record" out_has '{"model":"test_vit.r160_in1k","tensors":[{"name":"blocks.0.attn.proj.bias","shape":[64]},{"name":'
ok "one of it" out_lines 1
timmc info test_vit --tensors
ok "tensors one a line" first_line_is 'blocks.0.attn.proj.bias 64'
for others in "--tensors --check" "--tensors -f dot" "-f dot --features" "-f svg --layers" "--prune-head"; do
    # $others is a list of words
    # shellcheck disable=SC2086
    timmc info test_vit --no-pretrained $others
    ok "info $others: exit 2" exit_is 2
done

# the graph drawn: a box a line, "<g>...<rect ... x= y= width=", and a line each "<path d=" in it
timmc info inception_v3 -f svg
ok "info -f svg" exit_is 0
ok "begins as one" out_has '<svg xmlns="http://www.w3.org/2000/svg" width='
cp "$tmp/out" "$tmp/graph.svg"
svg_tail() { [ "$(tail -1 "$tmp/graph.svg")" = '</svg>' ]; }
ok "ends as one" svg_tail
timmc info inception_v3 -f json --layers
boxes=$(($(grep -o '"id":' "$tmp/out" | wc -l) + 1))
lines=$(grep -o '"inputs":\[[^]]*' "$tmp/out" | tr ',' '\n' | wc -l)
ok "a box for each layer, and the input" test "$(grep -c '<rect' "$tmp/graph.svg")" -eq $boxes
ok "a line for each input of a layer" \
    test "$(grep -c '^<path \(class="l" \)\{0,1\}d=' "$tmp/graph.svg")" -eq "$lines"
# two boxes of one height are apart, and each is within the picture
sed -n 's/.*<rect class="[a-z]" x="\([0-9]*\)" y="\([0-9]*\)" width="\([0-9]*\)".*/\2 \1 \3/p' \
    "$tmp/graph.svg" | sort -n -k1,1 -k2,2 >"$tmp/boxes"
apart() { awk '$1 == y && $2 < end { bad = 1 } { y = $1; end = $2 + $3 } END { exit bad }' "$1"; }
ok "no box is over another" apart "$tmp/boxes"
ok "several are side by side" test "$(cut -d' ' -f1 "$tmp/boxes" | uniq -d | wc -l)" -gt 20
# a line that passes a layer runs right of all boxes
widest=$(awk '$2 + $3 > most { most = $2 + $3 } END { print most }' "$tmp/boxes")
beside() {
    sed -n 's/^<path class="l" d="M[0-9]* [0-9]*V[0-9]*H\([0-9]*\)V.*/\1/p' "$tmp/graph.svg" |
        awk -v most="$widest" '$1 <= most { bad = 1 } END { exit bad || !NR }'
}
ok "long lines are beside them" beside
ok "what is under the mouse" \
    grep -q '^conv2d, height 35, width 35, 64 channels' "$tmp/graph.svg"
# what reads nothing stands above what reads it, not all of it beside the input
timmc info coat_tiny -f svg
sed -n 's/.*<rect class="[a-z]" x="\([0-9]*\)" y="\([0-9]*\)" width="\([0-9]*\)".*/\2 \1 \3/p' \
    "$tmp/out" | sort -n -k1,1 -k2,2 >"$tmp/boxes"
ok "info -f svg: the input alone is on top" \
    test "$(awk 'NR == 1 { y = $1 } $1 == y' "$tmp/boxes" | wc -l)" -eq 1
ok "a picture that is no wider than its branches" \
    awk '$2 + $3 > 4500 { bad = 1 } END { exit bad || !NR }' "$tmp/boxes"
ok "no box is over another there" apart "$tmp/boxes"
mkdir "$tmp/local"
echo '{"architecture": "test_vit", "pretrained_cfg": {"tag": "a<b>&\"c"}}' >"$tmp/local/config.json"
timmc info "local-dir:$tmp/local" -f svg
ok "names are no markup" out_has '>test_vit.a&#60;b&#62;&#38;&#34;c</text>'
done_testing
