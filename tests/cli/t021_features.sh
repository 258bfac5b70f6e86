#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# timmc features.
. "$(dirname "$0")/lib.sh"
images=$here/../data/images
cat=$images/chelsea.png

timmc features resnet34 --out-indices 2,3,4 "$cat"
ok "shapes without weights exit 0" exit_is 0
ok "and warn" err_has 'shapes without numbers'
ok "layer2" out_has '"index":2,"module":"layer2","channels":128,"reduction":8,"shape":[1,128,28,28]'
ok "layer3" out_has '"index":3,"module":"layer3","channels":256,"reduction":16,"shape":[1,256,14,14]'
ok "layer4" out_has '"index":4,"module":"layer4","channels":512,"reduction":32,"shape":[1,512,7,7]'
ok "no numbers" out_lacks mean
timmc features resnet34 "$tmp/nothing.png"
ok "shapes of a missing picture: exit 4" exit_is 4
timmc features resnet34 -o "$tmp/x.npz" "$cat"
ok "numbers without weights: exit 3" exit_is 3

timmc features resnet18 --no-pretrained "$cat"
five() { [ "$(grep -o '"tensor"' "$tmp/out" | wc -l)" -eq 5 ]; }
ok "all maps of a CNN" five
ok "numbers" out_has '"mean":'
timmc features resnet18 --no-pretrained --out-indices=-1,-5 "$cat"
ok "negative indices" out_has '"index":4,"module":"layer4"'
ok "in the order asked" out_has '"features":[{"tensor":"features.4"'
timmc features resnet18 --no-pretrained --out-indices 5 "$cat"
ok "an index too far: exit 2" exit_is 2
ok "the valid ones" err_has 'expected -5 to 4'
timmc features resnet18 --no-pretrained --output-stride 8 --out-indices 4 "$cat"
ok "output stride" out_has '"reduction":8,"shape":[1,512,28,28]'
reductions_are() { [ "$(grep -o '"reduction":[0-9]*' "$tmp/out" | cut -d: -f2 | tr '\n' ' ')" = "$1 " ]; }
while read -r model stride reductions; do
    timmc features "$model" --output-stride "$stride" --img-size 64 "$cat"
    ok "$model: timm's reductions at stride $stride" reductions_are "$reductions"
done <<END
efficientnet_b0 2 2 2 2 2 2
mobilenetv3_small_050 4 2 4 4 4 4
mobilenetv3_small_050 2 2 2 2 2 2
test_byobnet 2 2 2 2 2 2
resnetv2_50 2 2 4 4 4 4
END
for model in test_resnet regnetx_002 convnext_atto cspresnet50 xception41 skresnet18; do
    timmc features $model --output-stride 4 "$cat"
    ok "$model: no stride 4, as in timm" err_has 'this family has 8, 16 and 32'
done
for model in test_vit vgg11 swin_tiny_patch4_window7_224 hrnet_w18_small vit_tiny_r_s16_p8_224; do
    timmc features $model --output-stride 16 "$cat"
    ok "$model: no dilation: exit 2" exit_is 2
    ok "$model: and why" err_has 'output stride 16: this family has no dilation'
done
timmc features test_byobnet --output-stride 3 "$cat"
ok "stride 3" err_has 'expected 2, 4, 8, 16 or 32'
timmc features resnet18 --no-pretrained --output-stride 9 "$cat"
ok "an impossible stride: exit 2" exit_is 2
timmc features resnet18 --no-pretrained --img-size 193,257 --out-indices 4 "$cat"
ok "another size" out_has '"shape":[1,512,7,9]'
timmc features test_vit --no-pretrained "$cat"
three() { [ "$(grep -o '"tensor"' "$tmp/out" | wc -l)" -eq 3 ]; }
ok "the last three maps of a ViT" three

timmc features resnet18 --no-pretrained --kind unpooled "$cat"
ok "unpooled" out_has '"tensor":"forward_features","channels":512,"shape":[1,512,7,7]'
timmc features efficientvim_m1 --no-pretrained --kind unpooled "$cat"
four() { [ "$(grep -o "\"tensor\":\"$1\.[0-3]\"" "$tmp/out" | wc -l)" -eq 4 ]; }
ok "unpooled, of a model that gives a list" four forward_features
timmc classify efficientvim_m1 --no-pretrained --from-features "$cat"
ok "which no model begins from" err_has "has 4 forward_features"
timmc features resnet18 --no-pretrained --kind pooled "$cat"
ok "pooled" out_has '"shape":[1,512]'
timmc features resnet18 --no-pretrained --kind pooled --out-indices 1 "$cat"
ok "indices of no pyramid: exit 2" exit_is 2
timmc features --kind pooled --l2 "$cat"
ok "unit length" out_has '"l2":1}'

# files
timmc features --kind pooled -o "$tmp/e.npy" "$cat" "$tmp/nothing.png" "$images/coffee.png"
ok "a failed row: exit 1" exit_is 1
ok "the array" test -s "$tmp/e.npy"
rows_are_two() { head -c 128 "$tmp/e.npy" | grep -aq "'shape': (2, 1280)"; }
ok "holds what succeeded" rows_are_two
index_is() { [ "$(sed 's/.*"row":\(.*\)}/\1/' "$tmp/e.index.jsonl" | tr '\n' ' ')" = "$1 " ]; }
ok "the index tells whose row is whose" index_is "0 null 1"
timmc features resnet18 --no-pretrained -o "$tmp/p.npy" "$cat"
ok "five arrays in a .npy: exit 2" exit_is 2
timmc features resnet18 --no-pretrained -o "$tmp/p.safetensors" "$cat"
keys() { head -c 2000 "$tmp/p.safetensors" | grep -ao 'features\.[0-9]' | sort -u | tr '\n' ' '; }
keys_are() { [ "$(keys)" = "$1 " ]; }
ok "a safetensors file" keys_are "features.0 features.1 features.2 features.3 features.4"

timmc features --out-indices 0,1 --grid "$tmp/maps.png" "$cat"
ok "a picture of the maps" exit_is 0
is_png() { [ "$(head -c 4 "$tmp/maps.png" | tail -c 3)" = PNG ]; }
ok "is a PNG" is_png
timmc features --grid "$tmp/maps.jpg" "$cat"
ok "the grid is a PNG: another name, exit 2" exit_is 2
ok "and no file" test ! -e "$tmp/maps.jpg"
timmc features --kind pooled --grid "$tmp/pooled.png" "$cat"
ok "a vector is no map: exit 2" exit_is 2

# ready tensors
timmc preprocess "$cat" -m resnet18 -o "$tmp/in.npy"
ok "preprocess exits 0" exit_is 0
timmc preprocess "$cat" -m test_vit --img-size 100,80 -o "$tmp/unbuilt.npy"
ok "preprocess needs no model that can be built" exit_is 0
timmc preprocess "$cat" -m test_vit --model-arg foo=1 -o "$tmp/none.npy"
ok "nor arguments that there are not: exit 2" exit_is 2
timmc features resnet18 --no-pretrained --kind pooled -f csv "$cat"
run cut -d, -f2- "$tmp/out"
cp "$tmp/out" "$tmp/from_picture"
timmc features resnet18 --no-pretrained --kind pooled -f csv "$tmp/in.npy"
run cut -d, -f2- "$tmp/out"
ok "a tensor gives what its picture gives" out_is_file "$tmp/from_picture"
timmc features --kind pooled --img-size 160 "$tmp/in.npy"
ok "a tensor of another shape is an error" out_has '"code":"shape_mismatch"'
# tensors of another size than the model's own, where timm runs it at any
timmc preprocess "$cat" -m resnet18 --img-size 96,80 -o "$tmp/small.npy"
timmc features resnet18 --no-pretrained --kind pooled -f csv --img-size 96,80 "$tmp/small.npy"
cp "$tmp/out" "$tmp/at_size"
timmc features resnet18 --no-pretrained --kind pooled -f csv "$tmp/small.npy"
ok "a convolutional network takes the tensor's size" out_is_file "$tmp/at_size"
timmc features resnet18 --no-pretrained --kind pooled -f jsonl "$tmp/small.npy" "$tmp/in.npy"
ok "one of a second size is a failure of its own: exit 1" exit_is 1
timmc features resnet18 --no-pretrained --kind pooled -f jsonl "$tmp/small.npy" "$cat"
ok "pictures beside it keep the model's size" out_has "Input height (96) doesn't match model (224)."
timmc features resnet18 --no-pretrained --kind pooled --size test "$tmp/small.npy"
ok "nor does a tensor change what --size test asks for" \
    out_has "Input height (96) doesn't match model (288)."
timmc features test_vit --no-pretrained --kind pooled "$tmp/small.npy"
ok "a ViT of dynamic size takes it" exit_is 0
timmc features test_vit --no-pretrained --kind pooled "$tmp/unbuilt.npy"
ok "whole patches alone" err_has 'Input height (100) should be divisible by patch size (16).'
timmc features test_vit3 --no-pretrained --kind pooled "$tmp/small.npy"
ok "a ViT of one size does not" out_has "Input height (96) doesn't match model (160)."
timmc features test_vit3 --no-pretrained --kind pooled --img-size 96,80 "$tmp/small.npy"
ok "but is made for it with --img-size" exit_is 0
# the same bits, whoever computes them: a model with every kind of convolution
images=$here/../data/images
timmc features resnet10t --no-pretrained --kind pooled -t 1 -o "$tmp/alone.npy" "$images/coffee.png"
ok "one picture, one thread" exit_is 0
for threads in 2 3 7; do
    timmc features resnet10t --no-pretrained --kind pooled -t $threads -o "$tmp/threads.npy" --force "$images/coffee.png"
    ok "the same bits with $threads threads" cmp -s "$tmp/alone.npy" "$tmp/threads.npy"
done
timmc features resnet10t --no-pretrained --kind pooled -b 8 -o "$tmp/batch.npy" "$images/chelsea.png" "$images/coffee.png" "$images/rocket.jpg"
ok "a batch" exit_is 0
size=$(($(wc -c <"$tmp/alone.npy") - 128))
tail -c $((2 * size)) "$tmp/batch.npy" | head -c $size >"$tmp/second"
tail -c $size "$tmp/alone.npy" >"$tmp/only"
ok "the same bits in a batch" cmp -s "$tmp/second" "$tmp/only"
# a family whose own layout has the channels last
swin=swin_tiny_patch4_window7_224
timmc features $swin --out-indices 1 "$cat"
ok "channels last: counted as channels" out_has '"channels":192,"reduction":8,"shape":[1,28,28,192]'
timmc features $swin --kind unpooled "$cat"
ok "channels last: the last state" out_has '"channels":768,"shape":[1,7,7,768]'
timmc info $swin -f json --intermediates
ok "channels last: info" out_has '"module":"layers.3","channels":768,"reduction":32'
ok "its intermediates have them first" out_has '{"index":1,"channels":192,"shape":[1,192,28,28]}'
# models of several scales: some of the maps by default, and a state of each
timmc features crossvit_tiny_240 "$cat"
ok "crossvit: the last map of each branch" out_has '"features":[{"tensor":"features.2","index":2,"module":"blocks.2","channels":96,"reduction":12,"shape":[1,96,20,20]},{"tensor":"features.5","index":5,"module":"blocks.2","channels":192,"reduction":17,"shape":[1,192,14,14]}]'
timmc features coat_tiny --kind unpooled "$cat"
ok "coat: the state of each scale" out_has '"shape":[1,785,152]},{"tensor":"forward_features.1","index":1,"channels":152,"shape":[1,197,152]},{"tensor":"forward_features.2"'
timmc features coat_lite_tiny --kind unpooled "$cat"
ok "coat without parallel blocks: one" out_has '"features":[{"tensor":"forward_features","channels":320,"shape":[1,50,320]}]'
timmc classify coat_tiny --no-pretrained --from-features "$tmp/alone.npy"
ok "several states are no input: exit 2" exit_is 2
ok "why" err_has 'coat_tiny.in1k has 3 forward_features, a model begins from one'
# parts of a transformer's last state, against the state itself
values() { od -An -v -tf4 -w4 "$tmp/$1" | awk '{print $1}'; }
part() { # MODEL KIND
    timmc features "$1" --no-pretrained --kind "$2" -f raw "$cat"
    cp "$tmp/out" "$tmp/$2"
}
for model in test_vit:cls:0:1 test_vit2:registers:0:1 deit_tiny_distilled_patch16_224:cls:0:1; do
    set -- $(echo "$model" | tr : ' ')
    part "$1" unpooled
    part "$1" "$2"
    count=$(values "$2" | wc -l)
    values unpooled | head -"$count" >"$tmp/head"
    values "$2" >"$tmp/found"
    ok "$1: $2 are the first of its last state" cmp -s "$tmp/head" "$tmp/found"
done
part test_vit patch-mean
part test_vit unpooled
values unpooled | awk 'NR > 64 {sum[NR % 64] += $1; n += 1 / 64} END {for (i = 1; i <= 64; i++) printf "%.5f\n", sum[i % 64] / n}' >"$tmp/mean"
values patch-mean | awk '{printf "%.5f\n", $1}' >"$tmp/found"
ok "patch-mean: without the class token" sh -c "paste '$tmp/mean' '$tmp/found' | awk '{d = \$1 - \$2; if (d > 2e-5 || d < -2e-5) exit 1}'"
timmc features test_vit --no-pretrained --kind registers "$cat"
ok "no such part: exit 2" exit_is 2
ok "which" err_has 'has no register tokens'
timmc features resnet10t --no-pretrained --kind cls "$cat"
ok "maps have no parts" err_has 'has no tokens: its last state is maps'
timmc features cait_xxs24_224 --no-pretrained --kind patch-mean "$cat"
ok "a class token elsewhere" err_has 'has no class token before its patches, as far as is known'

# several from one run
timmc features test_vit --no-pretrained --outputs patch-mean,logits,cls,image_intermediates.1,features.0 "$cat"
ok "--outputs: in their order" sh -c "grep -o '\"tensor\":\"[^\"]*' '$tmp/out' | cut -d'\"' -f4 | tr '\n' ' ' | grep -qxF 'patch-mean logits cls image_intermediates.1 features.0 '"
timmc features test_vit --no-pretrained --outputs cls,patch-mean -o "$tmp/both" "$cat"
ok "--outputs: an array of each" sh -c "ls '$tmp/both' | tr '\n' ' ' | grep -qxF 'cls.npy index.jsonl meta.json patch-mean.npy '"
tail -c 256 "$tmp/both/cls.npy" >"$tmp/found"
part test_vit cls
ok "--outputs: the same numbers" cmp -s "$tmp/found" "$tmp/cls"
timmc features test_vit --no-pretrained --outputs cls,cls "$cat"
ok "--outputs: none twice" err_has '--outputs: cls stands there twice'
timmc features test_vit --no-pretrained --outputs nonsense "$cat"
ok "--outputs: what there is not: exit 2" exit_is 2
timmc features test_vit --no-pretrained --outputs cls --kind pooled "$cat"
ok "--outputs: not with --kind" exit_is 2
done_testing
